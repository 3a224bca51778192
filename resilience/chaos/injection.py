"""Putting a fault into calls: which ones are hit, and, for each kind of function, how."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Generator
from copy import copy
from random import Random
from threading import Lock
from types import CoroutineType
from typing import Any

from resilience.chaos.experiments import Experiment
from resilience.chaos.faults import Blow, Fault
from resilience.chaos.leases import Lease
from resilience.chaos.skew import off_by
from resilience.circuits.memory import describe
from resilience.clock import Clock
from resilience.core.items import relayed
from resilience.core.kinds import Kind
from resilience.core.request import present

log = logging.getLogger("resilience")

Call = Callable[..., Any]

SLICE = 0.05
"""Seconds after which a call that is held up sees that its experiment was halted."""

_SOON = 1e-6


class Injection:
    """One fault in force: decides which calls it hits.

    Args:
        experiment: what is injected, and into which calls.
        clock: what delays wait on.
        random: the experiment's own chance.
        lease: until when.
        tenant_header: the request header that names the tenant.

    Attributes:
        route: of the requests whose calls are hit; "": any, and calls outside of requests, too.
        seen: calls of the target that matched while it was in force.
        hit: those that the fault hit.
        broken: why it hits nothing any more: its `match` raised; "": it did not.
        places: `{id of a guard or circuit: [seen, hit]}`, the same there, where there are several.
    """

    def __init__(
        self,
        experiment: Experiment,
        clock: Clock,
        random: Random,
        lease: Lease,
        tenant_header: str,
    ) -> None:
        self.route = ""
        self._experiment = experiment
        self._clock = clock
        self._random = random
        self._lease = lease
        self._tenant_header = tenant_header.lower()
        self._lock = Lock()
        self.seen = 0
        self.hit = 0
        self.broken = ""
        self.places: dict[int, list[int]] = {}

    def apart(self) -> Injection:
        """Return the same for calls that are not the target's own: with counts of its own."""
        return Injection(
            self._experiment, self._clock, copy(self._random), self._lease, self._tenant_header
        )

    @property
    def fault(self) -> Fault:
        """What it injects."""
        return self._experiment.fault

    def strike(self, args: tuple[Any, ...], kwargs: dict[str, Any], place: int = 0) -> Blow | None:
        """Return what happens to a call at a place; None: nothing."""
        if not self._lease.holds() or not self._matches(args, kwargs):
            return None
        experiment = self._experiment
        with self._lock:
            self.seen += 1
            there = self.places.setdefault(place, [0, 0])
            there[0] += 1
            if experiment.share < 1.0 and self._random.random() >= experiment.share:
                return None
            self.hit += 1
            there[1] += 1
            return experiment.fault.blow(self._random, experiment.name)

    def hold_up(self, seconds: float) -> None:
        """Return after `seconds`, or when the experiment ends."""
        until = self._clock.monotonic() + seconds
        while (left := self._left(until)) > _SOON:
            self._clock.sleep(min(left, SLICE))

    async def hold_up_async(self, seconds: float) -> None:
        """Return after `seconds`, or when the experiment ends; other tasks run meanwhile."""
        until = self._clock.monotonic() + seconds
        while (left := self._left(until)) > _SOON:
            await self._clock.sleep_async(min(left, SLICE))

    def _left(self, until: float) -> float:
        return min(until, self._lease.ends) - self._clock.monotonic()

    def _serves_route(self) -> bool:
        request = present.get()
        return request is not None and request.route == self.route

    def _matches(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        match = self._experiment.match
        if self.route and not self._serves_route():
            return False
        if match is None:
            return True
        if callable(match):
            return self._chooses(match, args, kwargs)
        request = present.get()
        if request is None:
            return False
        headers = request.all_headers
        wanted = {name.lower(): value for name, value in match.get("header", {}).items()}
        if "tenant" in match:
            wanted[self._tenant_header] = match["tenant"]
        return all(headers.get(name) == value for name, value in wanted.items()) and (
            "route" not in match or request.route == match["route"]
        )

    def _chooses(self, match: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Ask a function; one that raises ends the experiment, and no call."""
        try:
            return bool(match(*args, **kwargs))
        except Exception as error:
            self.broken = f"its match broke: {describe(error)}"
            self._lease.end()
            log.error("chaos: the match of %r broke", self._experiment.name, exc_info=error)
            return False


class Later:
    """An injection from a moment on, for the later ones of several targets.

    Args:
        whole: the injection, which counts.
        since: monotonic seconds from which it hits.
        clock: tells the time.
    """

    def __init__(self, whole: Injection, since: float, clock: Clock) -> None:
        self._whole, self._since, self._clock = whole, since, clock
        self.hold_up, self.hold_up_async = whole.hold_up, whole.hold_up_async

    def strike(self, args: tuple[Any, ...], kwargs: dict[str, Any], place: int = 0) -> Blow | None:
        """Return what happens to a call at a place; None: nothing."""
        if self._clock.monotonic() < self._since:
            return None
        return self._whole.strike(args, kwargs, place)

    def apart(self) -> Later:
        """Return the same for calls that are not the target's own."""
        return Later(self._whole.apart(), self._since, self._clock)


class Placed:
    """An injection at one of several places.

    Args:
        whole: the injection, which counts.
        place: the guard or circuit.
    """

    def __init__(self, whole: Injection | Later, place: object) -> None:
        self._whole, self._place = whole, id(place)
        self.hold_up, self.hold_up_async = whole.hold_up, whole.hold_up_async

    def strike(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Blow | None:
        """Return what happens to a call; None: nothing."""
        return self._whole.strike(args, kwargs, self._place)


Striking = Injection | Later | Placed


def struck(injection: Striking, call: Call, kind: Kind) -> Call:
    """Return `call`, of that kind, with the fault in it."""
    return _SHELLS[kind](injection, call)


def _sync(injection: Striking, call: Call) -> Call:
    def guarded(*args: Any, **kwargs: Any) -> Any:
        blow = injection.strike(args, kwargs)
        if blow is None:
            return call(*args, **kwargs)
        injection.hold_up(blow.delay)
        if blow.error is not None:
            raise blow.error
        with off_by(blow.skew):
            result = call(*args, **kwargs)
        if type(result) is CoroutineType:
            return _finish(blow, result)
        return result if blow.result is None else blow.result(result)

    return guarded


async def _finish(blow: Blow, result: Any) -> Any:
    with off_by(blow.skew):
        answer = await result
    return answer if blow.result is None else blow.result(answer)


def _async(injection: Striking, call: Call) -> Call:
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        blow = injection.strike(args, kwargs)
        if blow is None:
            return await call(*args, **kwargs)
        await injection.hold_up_async(blow.delay)
        if blow.error is not None:
            raise blow.error
        return await _finish(blow, call(*args, **kwargs))

    return guarded


def _generator(injection: Striking, call: Call) -> Call:
    def guarded(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        blow = injection.strike(args, kwargs)
        if blow is not None:
            injection.hold_up(blow.delay)
            if blow.error is not None:
                raise blow.error
            if blow.result is not None:
                for item in call(*args, **kwargs):
                    yield blow.result(item)
                return None
        return (yield from call(*args, **kwargs))

    return guarded


def _async_generator(injection: Striking, call: Call) -> Call:
    def start(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        blow = injection.strike(args, kwargs)
        items: AsyncGenerator[Any, Any] = call(*args, **kwargs)
        return items if blow is None else _struck_items(injection, blow, items)

    return relayed(start)


async def _struck_items(
    injection: Striking, blow: Blow, items: AsyncGenerator[Any, Any]
) -> AsyncGenerator[Any, Any]:
    await injection.hold_up_async(blow.delay)
    if blow.error is not None:
        raise blow.error
    async for item in items:
        yield item if blow.result is None else blow.result(item)


_SHELLS: dict[Kind, Callable[[Striking, Call], Call]] = {
    Kind.SYNC: _sync,
    Kind.ASYNC: _async,
    Kind.GENERATOR: _generator,
    Kind.ASYNC_GENERATOR: _async_generator,
}
