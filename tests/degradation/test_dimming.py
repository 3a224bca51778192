"""A dimmer at work in a system: what it measures, and what it does to a feature."""

import asyncio
from collections.abc import Iterator

import pytest

from resilience import ConfigurationError, Event, Feature, System
from resilience.degradation.dimming import Dimming
from resilience.testing import ManualClock, inactive


@pytest.fixture
def dimming(system: System) -> Dimming:
    """Give a dimmer of a feature, for a process that serves one request after another."""
    system.degradation.add(Feature("extras"))
    return system.dim("extras", 0.4, places=1)


class Process:
    """A process with requests of 40 ms, and 60 ms more for what is optional."""

    def __init__(self, system: System, clock: ManualClock) -> None:
        self.system = system
        self.clock = clock
        self.given = 0
        self.extras = system.feature("extras", otherwise=False)(self._extras)

    def _extras(self) -> bool:
        self.clock.advance(0.06)
        self.given += 1
        return True

    def serve(self, seconds: float, rate: float, late: float = 0.0) -> None:
        """Serve requests that come at a rate whether or not earlier ones are answered.

        Args:
            seconds: for how long they come.
            rate: requests a second.
            late: seconds that each has waited already for another reason.
        """
        began = self.clock.monotonic()
        for number in range(round(seconds * rate)):
            due = began + number / rate
            self.clock.advance(max(0.0, due - self.clock.monotonic()))
            self._take(self.clock.monotonic() - due + late)
            self.system.tick()

    def _take(self, waited: float) -> None:
        began = self.clock.monotonic()
        self.system.traffic.under_way.add(self)
        self.system.traffic.note_wait(waited)
        self.clock.advance(0.04)
        self.extras()
        took = self.clock.monotonic() - began
        self.system.traffic.under_way.remove(self)
        self.system.traffic.record("/", took, failed=False, waited=waited)


@pytest.fixture
def process(system: System, clock: ManualClock, dimming: Dimming) -> Process:
    """Give the process whose feature is dimmed."""
    return Process(system, clock)


def test_a_load_with_room_is_served_in_full(process: Process, dimming: Dimming) -> None:
    """Five requests a second of 100 ms each."""
    process.serve(20, rate=5)

    assert dimming.share == 1.0
    assert process.system.degradation.capability("extras") == 100
    shown = dimming.snapshot()
    assert shown.mandatory == pytest.approx(0.04)
    assert shown.optional == pytest.approx(0.06)
    assert shown.rate == pytest.approx(5, rel=0.3)


def test_a_load_without_room_is_served_in_part(process: Process, dimming: Dimming) -> None:
    """Fifteen a second, of 40 ms that must be: there are 16 ms for what is optional."""
    process.serve(10, rate=5)
    process.given = 0

    process.serve(60, rate=15)

    state = process.system.degradation.state()
    [extras] = state.features
    assert 5 < extras.capability < 50
    assert extras.capability == pytest.approx(dimming.share * 100, abs=1.5)
    assert process.given > 30
    p95 = process.system.traffic.recent_latency(0.95)
    assert p95 is not None
    assert p95 < 1.3 * 0.4

    process.serve(60, rate=5)

    assert dimming.share == 1.0


def test_who_limits_it_and_why_is_told(
    process: Process, dimming: Dimming, events: list[Event]
) -> None:
    """As for any other limit; changes of less than a point are not."""
    process.serve(5, rate=5)
    process.serve(1, rate=5, late=2.0)

    changes = [each for each in events if each.type == "feature_changed"]
    assert [each.data["capability"] for each in changes][:2] == [50.0, 25.0]
    assert {each.data["cause"] for each in changes} == {"dimmer"}
    assert changes[0].data["reason"] == "more requests than there is time for"


def test_stopped_it_leaves_all_of_the_feature(process: Process, dimming: Dimming) -> None:
    """And may be begun anew."""
    process.serve(5, rate=5, late=2.0)
    assert process.system.degradation.capability("extras") < 100

    dimming.stop()

    assert process.system.degradation.capability("extras") == 100
    assert process.system.degradation.features["extras"].on
    process.serve(5, rate=5, late=2.0)
    assert process.system.degradation.capability("extras") == 100
    assert process.system.dim("extras").share == 1.0


def test_async_calls_and_blocks_are_timed(
    system: System, clock: ManualClock, dimming: Dimming
) -> None:
    """A block is what a template does that asks for the feature itself."""

    @system.feature("extras", otherwise=None)
    async def more() -> None:
        clock.advance(0.06)

    def request() -> None:
        system.traffic.note_wait(0.0)
        clock.advance(0.04)
        asyncio.run(more())
        if system.degradation.enabled("extras"):
            with dimming.timed():
                clock.advance(0.02)
        system.traffic.record("/", 0.12, failed=False)
        clock.advance(0.38)
        system.tick()

    for _ in range(20):
        request()

    shown = dimming.snapshot()
    assert shown.mandatory == pytest.approx(0.04)
    assert shown.optional == pytest.approx(0.08)


def test_a_call_that_fails_has_cost_its_time(
    system: System, clock: ManualClock, dimming: Dimming
) -> None:
    """The error is the caller's as ever."""

    @system.feature("extras")
    def broken() -> None:
        clock.advance(0.06)
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        broken()

    switch = system.degradation.features["extras"]
    assert switch.stopwatch is not None
    assert (switch.stopwatch.asked, switch.stopwatch.made) == (1, 1)
    assert switch.stopwatch.seconds == pytest.approx(0.06)


def test_generators_are_made_and_not_timed(system: System, dimming: Dimming) -> None:
    """The time between two items is their consumer's."""

    @system.feature("extras", otherwise=())
    def items() -> Iterator[int]:
        yield 1

    assert list(items()) == [1]
    switch = system.degradation.features["extras"]
    assert switch.stopwatch is not None
    assert (switch.stopwatch.asked, switch.stopwatch.made) == (1, 0)


def test_it_does_nothing_where_guards_are_inactive(process: Process, dimming: Dimming) -> None:
    """All calls pass, untimed."""
    with inactive(process.system):
        process.serve(5, rate=5, late=2.0)
        assert process.given == 25


def test_a_fork_begins_anew(process: Process, dimming: Dimming) -> None:
    """Counters that begin at 0 again are not taken for less than nothing."""
    process.serve(5, rate=5)

    process.system.traffic.after_fork()
    process.serve(5, rate=5)

    assert dimming.share == 1.0
    assert dimming.snapshot().rate == pytest.approx(5, rel=0.4)


def test_one_dimmer_for_a_feature(system: System, dimming: Dimming) -> None:
    """Two would pull at it."""
    with pytest.raises(ConfigurationError, match="feature 'extras' is dimmed already: stop that"):
        system.dim("extras")


def test_a_feature_nobody_described_cannot_be_dimmed(system: System, dimming: Dimming) -> None:
    """Near names are told."""
    with pytest.raises(ConfigurationError, match="no feature 'extra'; did you mean 'extras'"):
        system.dim("extra")
