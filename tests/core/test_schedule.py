"""What is due, and when: told the time, and nothing else."""

import random
from collections.abc import Callable
from datetime import timedelta
from math import inf
from typing import Any

import pytest

from resilience import ConfigurationError
from resilience.core.schedule import Duty, Schedule


class Woken:
    """Counts how often the driver is woken."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        """Count."""
        self.times += 1


@pytest.fixture
def woken() -> Woken:
    """Give what the schedule wakes."""
    return Woken()


@pytest.fixture
def schedule(woken: Woken) -> Schedule:
    """Give a schedule without duties."""
    return Schedule(random.Random(7), woken)


Add = Callable[..., Duty]


@pytest.fixture
def add(schedule: Schedule) -> Add:
    """Give what adds a duty at second 0; without jitter, unless it says so."""

    def add(name: str = "it", interval: Any = 10.0, **given: Any) -> Duty:
        options = {"jitter": 0.0, "blocking": False, "first": 0.0, "act": lambda: None, **given}
        return schedule.add(0.0, interval, name=name, **options)

    return add


def taken(schedule: Schedule, now: float) -> list[str]:
    """Return the names of what is due at `now`, and say that all of it is done."""
    due = schedule.take_due(now)
    for each in due:
        schedule.done(each)
    return [each.name for each in due]


def test_a_duty_is_due_at_once_and_then_at_its_interval(schedule: Schedule, add: Add) -> None:
    """From one start to the next, whoever is late."""
    add(interval=10.0)

    assert taken(schedule, 0.0) == ["it"]
    assert taken(schedule, 9.9) == []
    assert taken(schedule, 13.0) == ["it"]
    assert taken(schedule, 22.9) == []
    assert taken(schedule, 23.0) == ["it"]


def test_the_first_time_may_be_later(schedule: Schedule, add: Add) -> None:
    """`first` seconds from when it was added."""
    add(interval=10.0, first=4.0)

    assert (schedule.wait(0.0), taken(schedule, 3.9), taken(schedule, 4.0)) == (4.0, [], ["it"])


def test_a_time_missed_is_not_made_up_for(schedule: Schedule, add: Add) -> None:
    """A process that was stopped for an hour does each duty once."""
    add(interval=10.0)

    assert taken(schedule, 0.0) == taken(schedule, 3600.0) == ["it"]
    assert taken(schedule, 3600.0) == []


def test_the_longest_overdue_comes_first(schedule: Schedule, add: Add) -> None:
    """Whatever the order they were added in."""
    add("later", first=2.0)
    add("first", first=1.0)

    assert taken(schedule, 5.0) == ["first", "later"]


def test_jitter_spreads_the_starts(schedule: Schedule, add: Add) -> None:
    """Within its share either way, and not always the same."""
    duty = add(interval=10.0, jitter=0.2)
    waits = []
    for start in range(0, 5000, 50):
        taken(schedule, float(start))
        waits.append(duty.due_at - start)

    assert all(8.0 <= wait <= 12.0 for wait in waits)
    assert min(waits) < 8.5
    assert max(waits) > 11.5


def test_nothing_runs_twice_at_once(schedule: Schedule, add: Add, woken: Woken) -> None:
    """One that is due while it runs is begun when it ends: that wakes the driver."""
    duty = add(interval=10.0)
    assert schedule.take_due(0.0) == [duty]
    assert schedule.wait(0.0) == 10.0

    assert schedule.take_due(10.0) == []
    assert schedule.wait(10.0) == inf
    woken.times = 0
    schedule.done(duty)

    assert woken.times == 1
    assert schedule.wait(10.0) == 0.0
    assert taken(schedule, 10.0) == ["it"]


def test_one_found_late_only_when_the_wait_is_computed_wakes_too(
    schedule: Schedule, add: Add, woken: Woken
) -> None:
    """Time passes between looking for what is due and asking how long to wait."""
    duty = add(interval=10.0)
    schedule.take_due(0.0)
    woken.times = 0

    assert schedule.take_due(9.99) == []
    assert schedule.wait(10.01) == inf
    schedule.done(duty)

    assert woken.times == 1


def test_one_that_is_done_in_time_wakes_nobody(schedule: Schedule, add: Add, woken: Woken) -> None:
    """The driver sleeps until the next start."""
    add(interval=10.0)
    woken.times = 0

    assert taken(schedule, 0.0) == ["it"]
    assert (schedule.wait(0.0), woken.times) == (10.0, 0)


def test_the_wait_is_until_the_next_start(schedule: Schedule, add: Add) -> None:
    """Infinite where there is nothing to do, never negative."""
    assert schedule.wait(0.0) == inf

    add("a", first=7.0)
    add("b", first=3.0)

    assert schedule.wait(1.0) == 2.0
    assert schedule.wait(100.0) == 0.0


def test_adding_wakes_the_driver(add: Add, woken: Woken) -> None:
    """The new one may be due before all others."""
    add()

    assert woken.times == 1


def test_soon_is_at_once_and_once(schedule: Schedule, add: Add, woken: Woken) -> None:
    """It wakes the driver; from then on the interval counts anew."""
    duty = add(interval=10.0, first=10.0)
    woken.times = 0

    duty.soon()

    assert woken.times == 1
    assert schedule.wait(2.0) == 0.0
    assert taken(schedule, 2.0) == ["it"]
    assert schedule.wait(2.0) == 10.0


def test_soon_while_it_runs_is_once_more(schedule: Schedule, add: Add) -> None:
    """What is new since it began is seen to."""
    duty = add(interval=10.0)
    schedule.take_due(0.0)

    duty.soon()

    assert schedule.take_due(1.0) == []
    schedule.done(duty)
    assert taken(schedule, 1.0) == ["it"]


def test_a_cancelled_duty_is_never_due(schedule: Schedule, add: Add, woken: Woken) -> None:
    """And is kept no longer."""
    duty = add()
    woken.times = 0

    duty.cancel()

    assert woken.times == 1
    assert (schedule.wait(0.0), taken(schedule, 100.0), list(schedule)) == (inf, [], [])


def test_what_could_begin_and_has_not_is_behind(schedule: Schedule, add: Add) -> None:
    """One that runs is not, nor one that was asked for out of turn."""
    add("running", interval=5.0)
    schedule.take_due(0.0)
    waiting = add("waiting", first=3.0)
    asked = add("asked", first=100.0)
    asked.soon()

    assert [schedule.behind(now) for now in (1.0, 3.0, 4.5)] == [0.0, 0.0, 1.5]
    waiting.cancel()
    assert schedule.behind(60.0) == 0.0


def test_a_forked_child_begins_with_nothing_running(schedule: Schedule, add: Add) -> None:
    """Whoever ran it is not there to end it."""
    add(interval=10.0)
    schedule.take_due(0.0)

    schedule.after_fork()

    assert taken(schedule, 10.0) == ["it"]


def test_durations_may_be_timedeltas(schedule: Schedule, add: Add) -> None:
    """As everywhere."""
    add(interval=timedelta(minutes=1), first=timedelta(seconds=2))

    assert taken(schedule, 2.0) == ["it"]
    assert schedule.wait(2.0) == 60.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"interval": 0}, "it: interval=0"),
        ({"interval": -1.0}, "it: interval=-1.0"),
        ({"interval": "1"}, "it: interval='1'"),
        ({"jitter": 1.5}, "it: jitter=1.5"),
        ({"jitter": -0.1}, "it: jitter=-0.1"),
        ({"first": -1.0}, "it: first=-1.0"),
        ({"first": inf}, "it: first=inf"),
    ],
)
def test_values_out_of_range_are_refused(
    schedule: Schedule, add: Add, given: dict[str, Any], said: str
) -> None:
    """By name, and nothing is added."""
    with pytest.raises(ConfigurationError) as refused:
        add(**given)

    assert str(refused.value).startswith(said)
    assert list(schedule) == []


def test_a_duty_shows_its_name_and_interval(add: Add) -> None:
    """In a debugger, and in logs."""
    assert repr(add("journal", 5.0)) == "<Duty 'journal' every 5 s>"
