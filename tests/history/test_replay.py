"""Past calls, played to a circuit with other settings."""

from typing import Any

import pytest

from resilience import ConfigurationError, System
from resilience.history.reading import calls_of
from resilience.history.replay import Replay, best, candidates, replay
from tests.history.conftest import IN_FORCE, START


def second(at: float, calls: int, failures: int = 0, **more: Any) -> dict[str, Any]:
    """Return the counts of a second."""
    return {"at": at, "span": 1.0, "worker": "w", "calls": calls, "failures": failures,
            "slow_calls": 0, "rejected": 0, **more}  # fmt: skip


def test_it_says_when_it_would_have_opened() -> None:
    """And what that would have saved, and cost."""
    rows = [second(float(at), 10, 10 if 10 < at <= 20 else 0) for at in range(1, 61)]

    found = replay(rows, {**IN_FORCE, "reset_timeout": 30.0})

    assert found.opened_at == [pytest.approx(11.0, abs=1.0)]
    assert found.calls == 600
    assert found.saved + found.failed == 100
    assert found.saved >= 90
    assert 150 <= found.good_refused <= 250  # 27 to 33 s open, of which ten were bad


def test_patient_settings_save_less() -> None:
    """The numbers follow the settings."""
    rows = [second(float(at), 10, 10 if 10 < at <= 20 else 0) for at in range(1, 61)]

    patient = replay(rows, {"failure_rate": 0.75})
    never = replay(rows, {"failure_threshold": 200})

    assert patient.opened_at == []
    assert (never.saved, never.good_refused, never.failed) == (0, 0, 100)
    quick = replay(rows, {**IN_FORCE, "reset_timeout": 5.0})
    slow = replay(rows, {**IN_FORCE, "reset_timeout": 60.0})
    assert quick.good_refused < slow.good_refused


def test_the_same_settings_say_what_really_happened(outage: System) -> None:
    """Played to the settings that were in force, the circuit opens when it did."""
    read = outage.journal.read
    rows = calls_of(read, START, START + 300, "payments")
    really = read("circuit_breaker_state_history", equal={"type": "circuit_opened"})

    found = replay(rows, IN_FORCE)

    assert found.calls == 2400
    assert found.opened_at[0] == pytest.approx(really[0]["at"], abs=1.5)
    assert abs(len(found.opened_at) - len(really)) <= 1
    assert found.assumed == sum(row["rejected"] for row in rows)


def test_each_process_has_its_own_circuit() -> None:
    """Three failures in each of two are not six in one."""
    rows = [second(1.0, 3, 3, worker=name) for name in ("a", "b")]

    assert replay(rows, {"failure_threshold": 5}).opened_at == []
    assert len(replay(rows, {"failure_threshold": 3}).opened_at) == 2


def test_slow_calls_are_played_as_slow() -> None:
    """As far as the settings ask for it."""
    rows = [second(float(at), 10, slow_calls=10) for at in range(1, 11)]

    assert replay(rows, {"slow_call_duration": 1.0}).opened_at != []
    assert replay(rows, {}).opened_at == []


def test_many_good_calls_cost_little() -> None:
    """A day of a hundred a second is played without a step per call."""
    rows = [second(float(at), 100) for at in range(1, 86_401)]

    found = replay(rows, {})

    assert (found.calls, found.saved, found.good_refused) == (8_640_000, 0, 0)


def test_candidates_begin_with_what_is_in_force() -> None:
    """And each is another one."""
    base = {"failure_threshold": 5, "window": 60.0}

    found = candidates(base)

    assert found[0] == base
    assert len(found) > 10
    with pytest.raises(ConfigurationError, match="failure_rate=3"):
        replay([], {"failure_rate": 3})


def test_the_best_is_worth_its_price() -> None:
    """A good call refused counts more than a bad one saved; equals change nothing."""
    now, other = Replay({}), Replay({"window": 1})
    assert best([now, other]) is now

    other.saved, other.good_refused = 10, 9
    assert best([now, other]) is now

    other.good_refused = 1
    assert best([now, other]) is other
