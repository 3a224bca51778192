"""What a circuit would have done with other settings: past calls, played to it again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Any

from resilience.circuits.breaker import Circuit
from resilience.circuits.settings import CircuitSettings
from resilience.circuits.states import Permit
from resilience.core.runtime import Runtime
from resilience.errors import CircuitOpenError
from resilience.events import Event

Record = dict[str, Any]

PRICE = 3.0
"""So many bad calls saved are worth one good call refused."""

_FAILURE = RuntimeError("a call that failed then")


class PastClock:
    """A clock that shows the past second by second."""

    def __init__(self, at: float) -> None:
        self.at = at

    def monotonic(self) -> float:
        """Return the seconds that are played."""
        return self.at

    def time(self) -> float:
        """Return the same."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.at += seconds

    async def sleep_async(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.at += seconds


@dataclass(slots=True)
class Replay:
    """What would have become of past calls.

    Args:
        settings: what was tried, `{setting: value}`.
        opened_at: wall-clock seconds at which the circuit would have opened, oldest first.
        calls: calls that were wanted, those refused at the time included.
        saved: bad calls that would not have been made.
        good_refused: good calls that would not have been made.
        failed: bad calls that would have been made.
        assumed: calls whose outcome is not known, as they were refused at the time: they are
            taken to have ended like those around them.
    """

    settings: Mapping[str, Any]
    opened_at: list[float] = field(default_factory=list)
    calls: int = 0
    saved: int = 0
    good_refused: int = 0
    failed: int = 0
    assumed: int = 0

    @property
    def worth(self) -> float:
        """Bad calls saved, less the price of the good ones refused."""
        return self.saved - PRICE * self.good_refused


def replay(rows: Iterable[Record], settings: Mapping[str, Any]) -> Replay:
    """Return what a circuit with these settings would have done.

    Each process has its own circuit, so the calls of each are played to one of their own.

    Args:
        rows: counts of calls of one circuit, oldest first.
        settings: as `@circuit` takes them.

    Raises:
        ConfigurationError: a setting is refused.
    """
    CircuitSettings.check(settings, "circuit")
    checked = CircuitSettings(**settings)
    found = Replay(dict(settings))
    by_worker: dict[str, list[Record]] = {}
    for row in rows:
        by_worker.setdefault(row["worker"], []).append(row)
    for worker in by_worker.values():
        _Player(checked, found).play(worker)
    found.opened_at.sort()
    return found


def candidates(base: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return settings worth trying: `base` itself, and others near it."""
    near: dict[str, tuple[Any, ...]] = {
        "failure_threshold": (3, 5, 10, 20),
        "failure_rate": (0.25, 0.5, 0.75),
        "window": (10.0, 60.0),
        "reset_timeout": (5.0, 10.0, 30.0, 60.0),
    }
    found = [dict(base)]
    for name, values in near.items():
        found += [{**base, name: value} for value in values]
    found += [
        {**base, "window": window, "failure_threshold": threshold, "reset_timeout": timeout}
        for window in (10.0, 30.0)
        for threshold in (5, 10)
        for timeout in (5.0, 10.0)
    ]
    full = [_effective(each) for each in found]
    return [each for index, each in enumerate(found) if full[index] not in full[:index]]


def best(tried: list[Replay]) -> Replay:
    """Return the best of several, the first one being what is in force."""
    return max(tried, key=lambda each: (each.worth, each is tried[0]))


def _effective(settings: Mapping[str, Any]) -> CircuitSettings:
    return CircuitSettings(**settings)


class _Player:
    """Plays the calls of one process to a circuit."""

    def __init__(self, settings: CircuitSettings, into: Replay) -> None:
        self._into = into
        self._clock = PastClock(0.0)
        runtime = Runtime(self._clock, Random(0))
        runtime.bus.subscribe(self._opened, {"circuit_opened"})
        self._circuit = Circuit("replay", settings, runtime)
        self._bad_share = 0.0  # of the calls that were made last

    def _opened(self, event: Event) -> None:
        self._into.opened_at.append(event.at)

    def play(self, rows: list[Record]) -> None:
        for row in rows:
            wanted, bad, slow = self._outcomes(row)
            self._into.calls += wanted
            begin = row["at"] - row["span"]
            self._clock.at = max(self._clock.at, begin)
            if not bad and not slow:
                self._play_good(wanted, begin, row["span"])
                continue
            for index, (is_bad, is_slow) in enumerate(_spread(wanted, bad, slow)):
                self._clock.at = max(self._clock.at, begin + row["span"] * index / wanted)
                self._one(is_bad, is_slow)

    def _outcomes(self, row: Record) -> tuple[int, int, int]:
        """Return how many calls were wanted, and of them how many were bad, and slow."""
        made, refused = row["calls"], row["rejected"]
        if made:
            self._bad_share = row["failures"] / made
        self._into.assumed += refused
        bad = row["failures"] + round(refused * self._bad_share)
        return made + refused, min(bad, made + refused), row["slow_calls"]

    def _play_good(self, count: int, begin: float, span: float) -> None:
        """Play good calls: one by one until the circuit takes them as a matter of course."""
        for index in range(count):
            self._clock.at = max(self._clock.at, begin + span * index / count)
            circuit, now = self._circuit, self._clock.at
            if circuit.tick is not None and now < circuit.attention:
                deque(islice(circuit.tick, count - index), maxlen=0)
                return
            self._one(False, False)

    def _one(self, is_bad: bool, is_slow: bool) -> None:
        permit = self._permit()
        if permit is None:
            self._into.saved += is_bad
            self._into.good_refused += not is_bad
            return
        circuit, now = self._circuit, self._clock.at
        took = circuit.settings.slow_call_duration
        started = now - (took + 1.0 if is_slow and took is not None else 0.0)
        self._into.failed += is_bad
        if is_bad:
            circuit.failed(permit, started, _FAILURE)
        else:
            circuit.succeeded(permit, started, now, None)

    def _permit(self) -> Permit | None:
        try:
            return self._circuit.tick or self._circuit.admit()
        except CircuitOpenError:
            return None


def _spread(count: int, bad: int, slow: int) -> Iterator[tuple[bool, bool]]:
    """Yield calls, the bad and the slow ones spread evenly among them."""
    for index in range(count):
        yield (
            (index + 1) * bad // count > index * bad // count,
            (index + 1) * slow // count > index * slow // count,
        )
