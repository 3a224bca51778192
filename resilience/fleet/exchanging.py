"""How a worker exchanges with the fleet in the background; calls never wait for it."""

from __future__ import annotations

import json
import logging
import os
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf
from threading import RLock
from typing import Any

from resilience import signals
from resilience.core.runtime import Runtime
from resilience.core.schedule import Duty
from resilience.errors import ConfigurationError, StoreUnavailableError
from resilience.events import Event, Worker
from resilience.fleet.base import Backend, Claim, Letter, Peer, Reply
from resilience.fleet.leases import Leases
from resilience.fleet.pace import QUIET, Pace
from resilience.fleet.parties import Board, Member, Members
from resilience.fleet.replica import Replica
from resilience.fleet.settings import FleetSettings
from resilience.fleet.verdicts import Report, Verdict

log = logging.getLogger("resilience")

COMPONENT = "fleet"
LOOKED = 10.0  # seconds for which the roll is kept fresh after somebody has looked at it
STALE = 10.0  # seconds of an outage whose counts are still news afterwards


class Exchanging:
    """One worker's letters to the fleet's store, and what it makes of the replies.

    Args:
        runtime: the system's clock, events and engine.
        members: gives the system's circuits.
        board: the operators' orders.
        about: returns what this worker says of itself, as plain values.
    """

    def __init__(
        self,
        runtime: Runtime,
        members: Callable[[], Members],
        board: Board,
        about: Callable[[], dict[str, Any]],
    ) -> None:
        self._runtime = runtime
        self._members = members
        self._board = board
        self._about = about
        self._backend: Backend | None = None
        self._duty: Duty | None = None
        self._name: str | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self.settings = FleetSettings()
        self._begin()
        runtime.engine.at_stop(self.leave)
        _all.add(self)

    def _begin(self) -> None:
        self._replica, self._pace = Replica(), Pace()
        self._exchanging = RLock()  # whoever hears an event of it may claim a lease
        self._stirred: deque[Member] = deque()  # those with urgent news; any thread may add
        self._whole_at = self._lost_at = -inf
        self._online: bool | None = None  # None: nobody has tried yet
        self._resend = self._refused = self._listening = False
        self._error: str | None = None
        self._told: set[str] = set()  # circuits whose rules were seen to differ
        self._leases = Leases()
        self._roll: tuple[Peer, ...] = ()
        self._looked_at = self._described_at = -inf
        self._board.forget()

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

    def exchange(self, *, roll: bool = False) -> None:
        """Tell the store what is new, and take up what the fleet has decided. It may wait.

        Args:
            roll: ask who is alive, too.
        """
        backend = self._backend
        if backend is None or self._refused:
            return
        with self._exchanging:
            self._exchange_by(backend, roll=roll)

    def _exchange_by(self, backend: Backend, claim: Claim | None = None, *, roll: bool) -> int:
        """Exchange; return the token of the lease that was claimed, or 0."""
        roll = roll or self._now() < self._looked_at + LOOKED
        members, reports = self._gather()
        letter = self._letter(tuple(reports.values()))
        claims = self._leases.due(self._now(), all_held=self._resend)
        sent_at = self._now()
        letter = replace(
            letter, orders=self._board.news(all_known=self._resend), about=self._described(roll),
            claims=claims if claim is None else (*claims, claim), roll=roll,
        )  # fmt: skip
        try:
            reply = backend.exchange(letter)
            if not self._listening:
                backend.listen(self._hear_hint)
                self._listening = True
        except StoreUnavailableError as error:
            self._lose(str(error))
        except ConfigurationError as error:
            self._refuse(str(error))
        else:
            self._leases.heard(claims, reply.leases, sent_at)
            self._board.sent(letter.orders)
            self._take(reply, members, reports)
            if roll:
                self._roll = reply.roll
            return 0 if claim is None else reply.leases[-1]
        return 0

    def _described(self, roll: bool) -> str:
        """Return what this worker says of itself once a second, or when the roll is called.

        "" is nothing new; what cannot be told now is left out.
        """
        now = self._now()
        known = self._online and not self._resend
        if known and not roll and now < self._described_at + QUIET * 0.9:
            return ""
        self._described_at = now
        try:
            return json.dumps(self._about())
        except Exception:
            log.debug("fleet: this worker cannot be described", exc_info=True)
            return ""

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
        # News that came after this letter, while the store was gone, has asked for no other.
        overheard = self._online is False and bool(self._stirred)
        self._regain()
        self._board.take(reply.orders)
        waits = [member.wants_exchange_in() for member in everybody]
        # Orders are confirmed by the next letter.
        at_once = overheard or reply.behind or reply.orders
        self._be_due(0.0 if at_once else min(waits, default=inf))

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

    def _hear_order(self, _: Event) -> None:
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
        if self._replica.era:
            return  # it has answered before: what was changed there may be put right again
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


_all: weakref.WeakSet[Exchanging] = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_all):
        each.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
