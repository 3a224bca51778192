"""The numbers and records of a healer, and that they stay bounded."""

import gc
import weakref
from datetime import UTC, datetime
from typing import Any

import pytest

from resilience import ConfigurationError, System
from resilience.healing import components, records
from resilience.healing.healer import Healer
from resilience.healing.records import Result
from resilience.healing.settings import HealerSettings
from resilience.testing import ManualClock
from tests.healing.conftest import Database


def recover(
    healer: Healer, system: System, clock: ManualClock, name: str = "database", *, helps: bool
) -> None:
    """Let a component fail, and be recovered in 2 s, or not at all."""

    def act() -> None:
        clock.advance(2)

    healer.action(name, name="act", verify=lambda: helps, cool_down=0, limit=1000)(act)
    healer.failed(name, "it", ConnectionError())
    system.tick()
    healer.recoveries.component(name).close()


@pytest.fixture
def plain(system: System) -> Healer:
    """Give a healer without any health check."""
    healer = system.healer
    healer.configure(HealerSettings(intensity=10_000, default_strategy="action"))
    return healer


def test_statistics_tell_how_often_and_how_fast(
    system: System, plain: Healer, clock: ManualClock
) -> None:
    """In all, by component and by category."""
    recover(plain, system, clock, "database", helps=True)
    recover(plain, system, clock, "database", helps=True)
    recover(plain, system, clock, "cache", helps=False)

    found = plain.statistics()

    assert (found.failures, found.recoveries) == (3, 3)
    assert found.success_rate == pytest.approx(2 / 3)
    assert found.mean_time_to_recover == 2.0
    assert found.by_component["database"].success_rate == 1.0
    assert found.by_component["cache"].success_rate == 0.0
    assert found.by_component["cache"].mean_time_to_recover is None
    assert found.by_category["network"].recoveries == 3


def test_without_any_recovery_there_is_no_rate(plain: Healer) -> None:
    """None, not 0 and not 1."""
    found = plain.statistics()

    assert (found.success_rate, found.mean_time_to_recover) == (None, None)
    assert (found.failures, found.recoveries, found.open) == (0, 0, ())


def test_statistics_are_of_their_moment(system: System, plain: Healer, clock: ManualClock) -> None:
    """What happens later does not change them."""
    before = plain.statistics()
    recover(plain, system, clock, helps=True)

    assert before.failures == 0


def test_history_is_of_all_or_of_one(system: System, plain: Healer, clock: ManualClock) -> None:
    """Oldest first."""
    for name in ("database", "cache", "database"):
        recover(plain, system, clock, name, helps=True)

    assert [each.component for each in plain.history()] == ["database", "cache", "database"]
    first = plain.history()[0]
    assert (first.succeeded, first.category, first.severity) == (True, "network", "medium")
    assert len(plain.history("database")) == 2
    assert plain.history("mail") == []


@pytest.mark.parametrize("as_datetime", [True, False])
def test_history_before_a_time_is_forgotten(
    system: System, plain: Healer, clock: ManualClock, *, as_datetime: bool
) -> None:
    """A number or a `datetime`; the numbers stay."""
    recover(plain, system, clock, helps=True)
    clock.advance(3600)
    now = clock.time()
    recover(plain, system, clock, helps=True)

    gone = plain.clear_history(datetime.fromtimestamp(now, UTC) if as_datetime else now)

    assert gone == 1
    assert [each.at >= now for each in plain.history()] == [True]
    assert plain.statistics().recoveries == 2


def test_all_history_is_forgotten_with_its_numbers(
    system: System, plain: Healer, clock: ManualClock
) -> None:
    """Statistics begin anew."""
    recover(plain, system, clock, helps=True)

    assert plain.clear_history() == 1
    assert plain.history() == []
    assert plain.statistics().recoveries == 0
    with pytest.raises(ConfigurationError, match="before='yesterday'"):
        plain.clear_history("yesterday")  # type: ignore[arg-type]


def test_history_is_bounded(system: System, plain: Healer, clock: ManualClock) -> None:
    """By a setting; the newest are kept when it is lowered."""
    plain.configure(HealerSettings(history=5, intensity=10_000, default_strategy="action"))
    for number in range(8):
        recover(plain, system, clock, f"component {number}", helps=True)
    assert [each.failure.component[-1] for each in plain.history()] == list("34567")

    plain.configure(HealerSettings(history=2))

    assert [each.failure.component[-1] for each in plain.history()] == list("67")


def test_components_are_bounded(plain: Healer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that come from outside, such as tenants, do not fill the memory."""
    monkeypatch.setattr(records, "MOST_COMPONENTS", 10)
    monkeypatch.setattr(components, "MOST", 10)
    plain.care("pinned", _terms())

    for number in range(100):
        plain.failed(f"tenant {number}", "it", "is down")

    assert len(plain.statistics().by_component) == 10
    assert len(list(plain.recoveries.components)) <= 12
    assert "pinned" in {each.name for each in plain.recoveries.components}


def test_no_error_stays_alive(system: System, plain: Healer, database: Database) -> None:
    """Nor what its frames hold: records keep words."""

    class Held:
        pass

    held: list[weakref.ref[Any]] = []

    def call() -> None:
        local = Held()
        held.append(weakref.ref(local))
        raise ConnectionError(f"{local}")

    with pytest.raises(ConnectionError):
        plain.run("database", call)
    gc.collect()

    assert held[0]() is None
    assert plain.statistics().open == ("database",)


def test_results_that_prove_nothing_are_no_part_of_the_rate(
    system: System, plain: Healer, clock: ManualClock
) -> None:
    """Neither an answer of something else, nor what nobody can verify."""
    plain.action("mail")(lambda: None)
    plain.failed("mail", "it", "is down")
    system.tick()
    clock.advance(60)
    system.tick()

    assert [each.result for each in plain.history()] == [Result.UNVERIFIED]
    assert plain.statistics().success_rate is None
    assert plain.statistics().recoveries == 1


def _terms() -> Any:
    from resilience.healing.care import Terms

    return Terms("a function")
