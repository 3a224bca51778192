"""Actions that are looked at in the background, and what is told and written down of them."""

from typing import Any

import pytest

from resilience import Action, ConfigurationError, Event, System
from resilience.healing.actions import Outcome
from resilience.healing.watch import WatchfulAction
from resilience.testing import ManualClock


class Bucket(WatchfulAction):
    """Empties a bucket that is over its rim."""

    def __init__(self, **options: Any) -> None:
        super().__init__("bucket", **{"cool_down": 0.0, **options})
        self.litres = 0
        self.emptied_to = 0

    def due(self) -> str | None:
        """Tell whether it is full."""
        return f"{self.litres} litres" if self.litres > 10 else None

    def act(self) -> None:
        """Empty it."""
        self.litres = min(self.litres, self.emptied_to)

    def measure(self) -> int:
        """Return what is in it."""
        return self.litres


@pytest.fixture
def bucket(system: System) -> Bucket:
    """Give a bucket that is watched every five seconds."""
    return system.healer.watch(Bucket(), severity="low")


def look(system: System, clock: ManualClock) -> None:
    """Let five seconds pass."""
    clock.advance(5.5)
    system.tick()


def test_it_runs_when_it_is_due(
    system: System, clock: ManualClock, bucket: Bucket, events: list[Event]
) -> None:
    """Not before; and all of it is told, counted and kept as any recovery."""
    look(system, clock)
    assert (events, bucket.history()) == ([], [])
    bucket.litres = 11

    look(system, clock)

    assert bucket.litres == 0
    assert [(each.type, each.component) for each in events] == [
        ("failure_detected", "bucket"),
        ("recovery_started", "bucket"),
        ("recovery_succeeded", "bucket"),
    ]
    assert events[0].data["error"] == "11 litres"
    assert events[2].data["strategy"] == "action 'Bucket'"
    (recovery,) = system.healer.history("bucket")
    assert (recovery.failure.category, recovery.failure.severity) == ("resource", "low")
    assert recovery.result == "succeeded"


def test_one_that_does_not_help_is_said_to_have_failed(
    system: System, clock: ManualClock, bucket: Bucket, events: list[Event]
) -> None:
    """Over the rim as before."""
    bucket.litres, bucket.emptied_to = 12, 11

    look(system, clock)

    assert events[-1].type == "recovery_failed"
    assert events[-1].data["reason"] == f"action 'Bucket': {Outcome.UNHELPFUL.value}"


def test_one_that_nobody_can_verify_is_neither(
    system: System, clock: ManualClock, events: list[Event]
) -> None:
    """It is kept, and not told."""
    bucket = system.healer.watch(Bucket(verify=lambda: None))
    bucket.litres = 11

    look(system, clock)

    assert [each.type for each in events] == ["failure_detected", "recovery_started"]
    assert [each.result for each in system.healer.history("bucket")] == ["unverified"]


def test_a_dry_run_tells_nothing(system: System, clock: ManualClock, events: list[Event]) -> None:
    """The action's own record says what would have been done."""
    bucket = system.healer.watch(Bucket(dry_run=True))
    bucket.litres = 11

    look(system, clock)

    assert (events, bucket.litres) == ([], 11)
    assert [each.outcome for each in bucket.history()] == [Outcome.DRY]


@pytest.mark.parametrize("setting", ["enabled", "auto_recover"])
def test_a_healer_that_is_off_looks_at_nothing(
    system: System, clock: ManualClock, bucket: Bucket, setting: str
) -> None:
    """Nor one that is not to act by itself."""
    system.configure({"healer": {setting: False}})
    bucket.litres = 11

    look(system, clock)

    assert (bucket.litres, bucket.history()) == (11, [])


def test_other_failures_of_the_component_are_none_of_its_business(
    system: System, bucket: Bucket
) -> None:
    """Only its own condition is."""
    assert not bucket.applies(ConnectionError())
    assert not bucket.applies(None)
    bucket.litres = 11
    assert bucket.applies(ConnectionError())


def test_it_is_among_the_components_actions(system: System, bucket: Bucket) -> None:
    """So that operators find its records."""
    assert system.healer.actions("bucket") == (bucket,)


class Broken(Bucket):
    """One that asks people, where it can do no more."""

    def wanted(self) -> str | None:
        """Ask."""
        assert self.tell is not None
        self.tell("bucket: it leaks")
        return None


def test_the_healers_channels_hear_of_what_it_cannot_do(
    system: System, clock: ManualClock, events: list[Event]
) -> None:
    """One message, for the first of them."""
    system.healer.watch(Broken(), severity="high")

    for _ in range(3):
        look(system, clock)

    (told,) = [each for each in events if each.type == "escalated"]
    assert (told.component, told.data["error"]) == ("bucket", "bucket: it leaks")
    assert told.data["level"] == "high"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"action": Action("bucket")}, "which says when it is due"),
        ({"every": 0}, "0"),
        ({"severity": "huge"}, "watch: severity='huge'"),
    ],
)
def test_wrong_arguments_are_refused(system: System, arguments: dict[str, Any], said: str) -> None:
    """By name."""
    given = {"action": Bucket(), **arguments}
    with pytest.raises(ConfigurationError, match=said):
        system.healer.watch(given.pop("action"), **given)
