"""A worker that is ill: it ends in good order, or asks for no more requests."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, Protocol, Unpack

from resilience.core.checks import duration, flag, function, number, seconds, share, whole
from resilience.core.runtime import Runtime
from resilience.fleet.service import Fleet
from resilience.healing import servers
from resilience.healing.actions import ActionOptions
from resilience.healing.named import over
from resilience.healing.repairs.memory import MemoryLimit
from resilience.healing.rotation import Rotation
from resilience.healing.watch import WatchfulAction
from resilience.telemetry.host import Host

log = logging.getLogger("resilience")

LAST_REQUESTS = 0.5
"""Seconds between the last connection that is accepted and the end."""


class Home(Protocol):
    """A system, as far as a worker that leaves needs one."""

    leaving: bool

    @property
    def runtime(self) -> Runtime:
        """Its clock."""
        ...

    @property
    def host(self) -> Host:
        """Its readings of this process."""
        ...

    @property
    def fleet(self) -> Fleet:
        """The app's other workers."""
        ...


class RecycleWorker(WatchfulAction):
    """Ends this worker when it is worn out, so that its server starts a fresh one.

    First it is a lame duck: `/health/ready` says 503, and each answer closes its connection, so
    that clients go to other workers. Then it ends by SIGTERM, finishing what it has begun. Only
    under gunicorn or uvicorn, with other workers that have settled, and one at a time, or a
    tenth of them.

    Args:
        component: what it recovers, such as "worker".
        system: the system that the app's integration uses.
        enabled: without it nothing is ever ended: a flag, or a function that tells.
        memory: a limit as `FreeMemory` has it; None: none.
        threads: more of them are a leak; None: no limit.
        descriptors: share, 0-1, of those allowed that may be open; None: no limit.
        stuck: tells in words what of this worker is stuck, or None.
        held: seconds, >= 0, for which a limit has to be passed.
        settled: seconds, >= 0, after which a new worker is taken to serve.
        lame_duck: seconds, >= 0, from the first farewell to the end.
        pause: waits that long; for tests.
        options: those of `Action`.

    Raises:
        ConfigurationError: a value is refused.
    """

    def __init__(
        self,
        component: str,
        system: Home,
        *,
        enabled: bool | Callable[[], bool] = False,
        memory: float | None = None,
        threads: int | None = None,
        descriptors: float | None = None,
        stuck: Callable[[], str | None] | None = None,
        held: Any = 10.0,
        settled: Any = 5.0,
        lame_duck: Any = 1.5,
        pause: Callable[[float], object] = time.sleep,
        **options: Unpack[ActionOptions],
    ) -> None:
        named = "RecycleWorker: "
        self._system = system
        self._enabled = enabled if callable(enabled) else flag(f"{named}enabled", enabled)
        self._memory = (
            None if memory is None else MemoryLimit(f"{named}memory", memory, system.host)
        )
        self._threads = None if threads is None else whole(f"{named}threads", threads)
        self._descriptors = (
            None if descriptors is None else share(f"{named}descriptors", descriptors)
        )
        self._stuck = None if stuck is None else function(f"{named}stuck", stuck)
        self._held = duration(f"{named}held", held)
        self._settled = duration(f"{named}settled", settled)
        self._lame_duck = duration(f"{named}lame_duck", lame_duck)
        self._pause = pause
        self._since: float | None = None
        defaults = over(options, cool_down=60.0, verify=_ends_with_the_worker)
        super().__init__(component, **defaults)

    def due(self) -> str | None:
        """Return which limit was passed for long enough."""
        reason = self._worn_out()
        now = self._clock().monotonic()
        if reason is None:
            self._since = None
            return None
        if self._since is None:
            self._since = now
        return reason if now - self._since >= self._held else None

    def act(self) -> None:
        """Say farewell, and end; nothing if another one was quicker."""
        with servers.one_of(_places(len(servers.workers()))) as free:
            fleet = self._system.fleet
            lease = fleet.claim("recycle", places=_places(fleet.snapshot().workers))
            if not free or lease is None:  # or the store of the fleet is gone: it can wait
                return
            log.warning("%s: worker %s ends: %s", self.component, os.getpid(),
                        self._worn_out() or "asked to")  # fmt: skip
            self._say_farewell()

    def _say_farewell(self) -> None:
        self._system.leaving = True
        self._pause(self._lame_duck)
        servers.stop_accepting()
        self._pause(LAST_REQUESTS)
        os.kill(os.getpid(), signal.SIGTERM)
        self._pause(self._lame_duck)  # keeps the place until the server has taken notice

    def measure(self) -> dict[str, Any]:
        """Return bytes of memory, threads, and the share of file descriptors in use."""
        return {
            "rss": self._system.host.rss(),
            "threads": servers.threads(),
            "descriptors": servers.descriptors(),
        }

    def changed(self, before: Any, after: Any) -> None:
        """Tell nothing: what it changes is another process."""

    def _refusal(self, now: float) -> str | None:
        return super()._refusal(now) or self._obstacle()

    def _obstacle(self) -> str | None:
        """Return why this worker must not end."""
        if not (self._enabled() if callable(self._enabled) else self._enabled):
            return "recycling workers is not enabled"
        if servers.server() is None:
            return "no gunicorn or uvicorn would start another worker"
        others = [each for each in servers.workers() if each.pid != os.getpid()]
        if not others:
            return "it is the only worker"
        if min(each.age for each in others) < self._settled:
            return f"another worker is younger than {self._settled:g} s"
        with servers.one_of(_places(len(others) + 1)) as free:
            return None if free else "another worker is being replaced"

    def _worn_out(self) -> str | None:
        """Return which limit is passed now."""
        return next(filter(None, self._reasons()), None)

    def _reasons(self) -> Iterator[str | None]:
        if self._memory is not None:
            yield self._memory.passed()
        if self._threads is not None:
            yield _over("threads", servers.threads(), self._threads)
        if self._descriptors is not None:
            yield _over("of all descriptors", servers.descriptors(), self._descriptors)
        if self._stuck is not None:
            yield self._stuck()


class LeaveRotation(WatchfulAction):
    """Makes `/health/ready` say 503 while this worker fails and the others do not.

    The fault is then its own, not that of what it calls. It comes back after a while, to show
    whether it is well.

    Args:
        component: what it recovers, such as "worker".
        rotation: `system.rotation`.
        failures: tells the share, 0-1, of this worker's requests that fail; None: too few to
            tell. Such as `system.traffic.error_rate`.
        fleet_is_well: tells whether the other workers are; None: nobody knows.
        may_leave: tells whether there is room among those that are out: at most a third of all.
        limit_of_failures: share, 0-1, from which on it leaves.
        for_: seconds, > 0, that it stays out.
        options: those of `Action`.

    Raises:
        ConfigurationError: a value is refused.
    """

    def __init__(
        self,
        component: str,
        rotation: Rotation,
        *,
        failures: Callable[[], float | None],
        fleet_is_well: Callable[[], bool | None],
        may_leave: Callable[[], bool],
        limit_of_failures: float = 0.5,
        for_: Any = 30.0,
        **options: Unpack[ActionOptions],
    ) -> None:
        named = "LeaveRotation: "
        self._rotation = rotation
        self._failures = function(f"{named}failures", failures)
        self._fleet_is_well = function(f"{named}fleet_is_well", fleet_is_well)
        self._may_leave = function(f"{named}may_leave", may_leave)
        self._most = number(f"{named}limit_of_failures", limit_of_failures, above=0.0, most=1.0)
        self._for = seconds(f"{named}for_", for_)
        defaults = over(options, cool_down=60.0, verify=lambda: rotation.is_out)
        super().__init__(component, **defaults)

    def due(self) -> str | None:
        """Return how many of this worker's requests fail, if that is its own fault."""
        failing = self._failures()
        if failing is None or failing < self._most or self._rotation.is_out:
            return None
        if self._fleet_is_well() is not True or not self._may_leave():
            return None
        return f"{failing:.0%} of the requests fail here, and not elsewhere"

    def act(self) -> None:
        """Step out for a while."""
        self._rotation.leave(self.due() or "asked to", for_=self._for)

    def measure(self) -> str:
        """Return "in" or "out"."""
        return "out" if self._rotation.is_out else "in"


def _places(workers: int) -> int:
    """Return how many workers may be replaced at once."""
    return max(1, workers // 10)


def _over(what: str, found: float | None, most: float) -> str | None:
    if found is None or found <= most:
        return None
    told = f"{found:.0%}, over {most:.0%}" if isinstance(most, float) else f"{found}, over {most}"
    return f"{told} {what}"


def _ends_with_the_worker() -> None:
    """Nobody is left to verify it."""
