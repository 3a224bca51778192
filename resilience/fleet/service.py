"""The fleet as one worker takes part in it: it exchanges in the background, calls never wait."""

from __future__ import annotations

import logging
import os
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import inf
from threading import Lock
from typing import Protocol

from resilience import signals
from resilience.core.runtime import Runtime
from resilience.core.schedule import Duty
from resilience.errors import ConfigurationError, StoreUnavailableError
from resilience.events import Worker
from resilience.fleet.base import Backend, Letter, Reply
from resilience.fleet.pace import QUIET, Pace
from resilience.fleet.replica import Replica
from resilience.fleet.settings import FleetSettings
from resilience.fleet.verdicts import Report, Verdict

log = logging.getLogger("resilience")

COMPONENT = "fleet"
STALE = 10.0  # seconds of an outage whose counts are still news afterwards


class Member(Protocol):
    """A circuit, as the fleet uses it: `resilience.circuits.led.Led`."""

    name: str

    def lead(
        self,
        nudge: Callable[[], None],
        is_online: Callable[[], bool],
        verdict: Verdict | None = None,
    ) -> None:
        """Belong to the fleet."""

    def let_go(self) -> None:
        """Belong to none."""

    def report(self, *, all_known: bool = False) -> Report | None:
        """Return what is new."""
        ...

    def follow(self, verdict: Verdict, report: Report | None = None) -> None:
        """Take up what was decided."""

    def unled(self, *, forget: bool = False) -> None:
        """Go on alone."""

    def wants_exchange_in(self) -> float:
        """Return the seconds until an exchange is of use."""
        ...


class Members(Protocol):
    """All circuits of a system."""

    def __iter__(self) -> Iterator[Member]:
        """Yield them."""
        ...

    def on_new(self, welcome: Callable[[Member], None] | None) -> None:
        """Call `welcome` with each that is made from now on."""


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """The fleet as this worker sees it.

    Args:
        worker: this worker's name.
        address: where the store is, without password; None: there is none.
        online: whether it answered last time.
        workers: how many are alive, this one included; last known while it is offline.
        error: why it is offline, or None.
    """

    worker: str
    address: str | None
    online: bool
    workers: int
    error: str | None


class Fleet:
    """Shares what this worker's circuits learn with the app's other workers.

    Args:
        runtime: the system's clock, events and engine.
        members: gives the system's circuits.
    """

    def __init__(self, runtime: Runtime, members: Callable[[], Members]) -> None:
        self._runtime = runtime
        self._members = members
        self._backend: Backend | None = None
        self._duty: Duty | None = None
        self._name: str | None = None
        self.settings = FleetSettings()
        self._begin()
        runtime.engine.at_stop(self.leave)
        _fleets.add(self)

    def _begin(self) -> None:
        self._replica, self._pace = Replica(), Pace()
        self._exchanging = Lock()
        self._stirred: deque[Member] = deque()  # those with urgent news; any thread may add
        self._whole_at = self._lost_at = -inf
        self._online: bool | None = None  # None: nobody has tried yet
        self._resend = self._refused = self._listening = False
        self._error: str | None = None
        self._told: set[str] = set()  # circuits whose rules were seen to differ

    def snapshot(self) -> FleetSnapshot:
        """Return all that is known of the fleet at this moment."""
        backend = self._backend
        address = None if backend is None else backend.address
        online, workers = bool(self._online), max(1, self._replica.workers)
        return FleetSnapshot(self._worker(), address, online, workers, self._error)

    # -- settings -----------------------------------------------------------------------------

    def prepare(self, settings: FleetSettings) -> Callable[[], None]:
        """Return what puts settings in force; the same ones again change nothing.

        Raises:
            ConfigurationError: redis-py is not installed, or does not take the URL.
        """
        if settings == self.settings:
            return lambda: None
        return partial(self._switch, settings, _backend_of(settings))

    def _switch(self, settings: FleetSettings, backend: Backend | None) -> None:
        self.settings = settings
        self.use(backend)

    def use(self, backend: Backend | None, *, worker: str | None = None) -> None:
        """Exchange through a backend from now on.

        Args:
            backend: such as `resilience.testing.FakeFleet`; None: with nobody.
            worker: what this system is called in the fleet; None: as its process is.
        """
        if self._backend is not None:
            self._part()
        self._backend, self._name = backend, worker
        self._begin()
        if backend is not None:
            self._members().on_new(self._welcome)
            self._duty = self._runtime.engine.every(
                QUIET, self.exchange, name="fleet", blocking=True
            )

    def _part(self) -> None:
        self.leave()
        self._members().on_new(None)
        for member in self._members():
            member.let_go()
        if self._duty is not None:
            self._duty.cancel()
            self._duty = None

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Exchange for the first time; a store that cannot be reached is tried again later.

        Raises:
            ConfigurationError: the store refuses the password, or can run no scripts.
        """
        self.exchange()
        if self._refused:
            raise ConfigurationError(self._error)

    def leave(self) -> None:
        """Tell the fleet that this worker ends, and let go of the store."""
        backend = self._backend
        if backend is None:
            return
        with self._exchanging:
            if self._online:
                try:
                    backend.exchange(self._letter((), leaving=True))
                except (StoreUnavailableError, ConfigurationError) as error:
                    log.debug("fleet: left without a word: %s", error)
            backend.close()
            self._listening, self._online = False, None
        for member in self._members():
            member.unled()

    def after_fork(self) -> None:
        """Take part as a worker of its own."""
        self._begin()
        if self._backend is not None:
            self._backend.after_fork()

    # -- exchange -----------------------------------------------------------------------------

    def exchange(self) -> None:
        """Tell the store what is new, and take up what the fleet has decided. It may wait."""
        backend = self._backend
        if backend is None or self._refused:
            return
        with self._exchanging:
            members, reports = self._gather()
            try:
                reply = backend.exchange(self._letter(tuple(reports.values())))
                if not self._listening:
                    backend.listen(self._hear_hint)
                    self._listening = True
            except StoreUnavailableError as error:
                self._lose(str(error))
            except ConfigurationError as error:
                self._refuse(str(error))
            else:
                self._take(reply, members, reports)

    def _gather(self) -> tuple[dict[str, Member], dict[str, Report]]:
        now = self._now()
        stirred = [self._stirred.popleft() for _ in range(len(self._stirred))]
        whole = self._resend or now >= self._whole_at or not self._online
        if whole:
            self._whole_at = now + QUIET * 0.9  # else jitter would put it off by a whole round
        members = {each.name: each for each in (self._members() if whole else stirred)}
        told = {name: each.report(all_known=self._resend) for name, each in members.items()}
        if whole:
            for name in list(self._replica.not_closed()):
                self._remind(name, members)
        return members, {name: report for name, report in told.items() if report is not None}

    def _remind(self, name: str, members: dict[str, Member]) -> None:
        """Let a circuit take up what an operator's order has kept it from."""
        verdict = self._replica.on(name, self._now())
        if self._online and name in members and verdict is not None:
            members[name].follow(verdict)

    def _letter(self, reports: tuple[Report, ...], *, leaving: bool = False) -> Letter:
        replica = self._replica
        return Letter(self._worker(), replica.era, replica.seen, reports, leaving)

    def _take(self, reply: Reply, members: dict[str, Member], reports: dict[str, Report]) -> None:
        self._pace.went(self._now())
        self._replica.take(reply, self._now())
        self._resend = reply.behind
        everybody = list(self._members())
        if any(each.name not in members for each in reply.verdicts):
            members = {each.name: each for each in everybody}
        for verdict in reply.verdicts:
            if verdict.name in members:
                members[verdict.name].follow(verdict, reports.get(verdict.name))
                self._warn_if_differs(verdict)
        self._regain()
        waits = [member.wants_exchange_in() for member in everybody]
        self._be_due(0.0 if reply.behind else min(waits, default=inf))

    def _be_due(self, wait: float) -> None:
        moment = self._pace.urgent(self._now() + wait, limited=False)
        if wait < QUIET and self._duty is not None and moment is not None:
            self._duty.by(moment)

    def _warn_if_differs(self, verdict: Verdict) -> None:
        if verdict.differs and verdict.name not in self._told:
            self._told.add(verdict.name)
            log.warning(
                "fleet: another worker judges circuit %r by other settings; give two apps "
                "different prefixes (this one's is %r)", verdict.name, self.settings.prefix,
            )  # fmt: skip

    # -- what asks for one --------------------------------------------------------------------

    def _welcome(self, member: Member) -> None:
        verdict = self._replica.on(member.name, self._now()) if self._online else None
        member.lead(partial(self._stir, member), self._is_online, verdict)

    def _is_online(self) -> bool:
        return bool(self._online)

    def _stir(self, member: Member) -> None:
        """Have news of a circuit's; called with its lock held, so it must not wait."""
        self._stirred.append(member)
        if self._online is not False:
            self._soon(limited=True)

    def _hear_hint(self) -> None:
        self._soon(limited=False)

    def _soon(self, *, limited: bool) -> None:
        moment = self._pace.urgent(self._now(), limited=limited)
        if moment is not None and self._duty is not None:
            self._duty.by(moment)

    # -- the store, gone and back -------------------------------------------------------------

    def _lose(self, error: str) -> None:
        now = self._now()
        again = self._pace.failed(now)
        was, self._online, self._error = self._online, False, error
        if was is not False:
            self._lost_at = now
            log.warning("fleet: %s; this worker goes on alone, and tries again", error)
        for member in self._members():
            member.unled(forget=now - self._lost_at > STALE)
        if self._duty is not None:
            self._duty.by(again)
        if was is not False:
            self._tell(online=False, reason=error)

    def _refuse(self, error: str) -> None:
        self._lose(error)
        self._refused = True
        log.error("fleet: %s; it is not tried again", error)

    def _regain(self) -> None:
        was, self._online, self._error = self._online, True, None
        if was is False:
            log.warning("fleet: the store answers again")
            self._tell(online=True, reason="the store answers again")

    def _tell(self, *, online: bool, reason: str) -> None:
        data = {"online": online, "reason": reason, "workers": self._replica.workers}
        self._runtime.bus.emit(signals.fleet_changed, COMPONENT, data)

    def _worker(self) -> str:
        return self._name or Worker.name()

    def _now(self) -> float:
        return self._runtime.clock.monotonic()


def _backend_of(settings: FleetSettings) -> Backend | None:
    if settings.url is None:
        return None
    from resilience.fleet.redis import RedisBackend

    return RedisBackend(settings.url, settings.prefix, settings.timeout)


_fleets: weakref.WeakSet[Fleet] = weakref.WeakSet()


def _after_fork() -> None:
    fleets: Iterable[Fleet] = list(_fleets)
    for fleet in fleets:
        fleet.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
