"""After a restart what operators ordered still holds, and circuits stay open for their time."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from resilience import CircuitOpenError, System
from resilience.testing import ManualClock

Started = Callable[..., System]


@pytest.fixture
def started(tmp_path: Path, clock: ManualClock) -> Iterator[Started]:
    """Give what starts a process that keeps its journal in the file of all."""
    made: list[System] = []

    def start(**settings: Any) -> System:
        url = f"sqlite:///{tmp_path}/journal.db"
        system = System({"journal": {"url": url, **settings}}, clock=clock)
        made.append(system)
        return system

    yield start
    for each in made:
        each.configure({"journal": {"enabled": False}})


def trip(system: System, name: str = "payments") -> None:
    """Open a circuit by failures."""
    circuit = system.circuits.get(name, failure_threshold=1)
    with pytest.raises(OSError, match="refused"), circuit:
        raise OSError("refused")


def test_an_open_circuit_stays_open_for_the_rest_of_its_time(
    started: Started, clock: ManualClock
) -> None:
    """Then it is tried, as it would have been without the restart; each restart says so."""
    before = started()
    trip(before)
    opened_at = before.circuits["payments"].snapshot().opened_at
    left = before.circuits["payments"].snapshot().retry_after
    before.journal.drain()
    clock.advance(10.0)

    after = started()
    circuit = after.circuits.get("payments")
    after.tick()

    with pytest.raises(CircuitOpenError) as rejected:
        circuit.call(int)
    assert rejected.value.retry_after == pytest.approx(left - 10.0)
    assert circuit.snapshot().opened_at == opened_at
    assert circuit.snapshot().last_error == "ResilienceError: OSError: refused"
    clock.advance(left - 9.9)
    assert circuit.call(int) == 0
    after.journal.drain()
    history = after.journal.read("circuit_breaker_state_history", equal={"type": "circuit_opened"})
    assert [row["reason"] for row in history] == ["failure_rate", "restored"]


def test_what_is_older_than_its_time_is_not_restored(started: Started, clock: ManualClock) -> None:
    """Neither open circuits nor orders whose time is up."""
    before = started()
    trip(before)
    before.circuits.get("search").force_open("broken", "ada", for_=60)
    before.degradation.degrade("minimal", "move", actor="ada", for_=60)
    before.journal.drain()
    clock.advance(61.0)

    after = started()
    after.tick()

    assert str(after.circuits.get("payments").state) == "closed"
    assert str(after.circuits.get("search").state) == "closed"
    assert str(after.degradation.level) == "normal"


@pytest.mark.parametrize("kind", ["force_open", "force_closed", "disable", "shadow"])
def test_an_order_on_a_circuit_holds_until_its_end(
    started: Started, clock: ManualClock, kind: str
) -> None:
    """With who gave it and why; the circuit need not exist yet when it is read."""
    before = started()
    getattr(before.circuits.get("payments"), kind)("maintenance", "ada", for_=600)
    expected = before.circuits["payments"].snapshot().forced
    before.journal.drain()
    clock.advance(100.0)

    after = started()
    after.tick()
    circuit = after.circuits.get("payments")

    assert expected is not None
    assert circuit.snapshot().forced == {**expected, "ends_in": pytest.approx(500.0)}
    clock.advance(500.0)
    after.tick()
    assert circuit.snapshot().forced is None


def test_a_released_order_stays_released(started: Started, clock: ManualClock) -> None:
    """Of a circuit, a feature and the level."""
    before = started()
    before.circuits.get("payments").force_open("maintenance")
    before.degradation.declare("search", {})
    before.degradation.kill("search", "leak")
    before.degradation.degrade("minimal", "move")
    before.tick()
    clock.advance(5.0)
    before.tick()
    before.circuits["payments"].release()
    before.degradation.release("search")
    before.degradation.recover()
    before.journal.drain()

    after = started()
    after.tick()

    assert str(after.circuits.get("payments").state) == "closed"
    assert after.degradation.orders() == {"level": None, "features": {}}


def test_kills_and_levels_come_back(started: Started, clock: ManualClock) -> None:
    """A kill without an end for ever, also of a feature that nobody has described yet."""
    before = started()
    for name in ("search", "chat", "ads"):
        before.degradation.declare(name, {})
    before.degradation.kill("search", "leak", "ada")
    before.degradation.disable("chat", "noise", for_=86_400)
    before.degradation.set_rollout("ads", 25.0, for_=86_400)
    before.degradation.degrade("minimal", "move", actor="ada", for_=7200)
    expected = before.degradation.orders()
    before.journal.drain()
    clock.advance(3600.0)

    after = started()
    after.tick()
    after.degradation.declare("search", {})

    assert after.degradation.orders() == expected
    assert not after.degradation.enabled("search")
    assert str(after.degradation.level) == "minimal"
    clock.advance(365 * 86_400.0)
    assert not after.degradation.enabled("search")


def test_what_was_ordered_since_is_over_what_was(started: Started) -> None:
    """A process that is told something before it has read the journal keeps that."""
    before = started()
    before.degradation.declare("search", {})
    before.degradation.degrade("minimal", "move")
    before.degradation.set_rollout("search", 10.0)
    before.circuits.get("payments").force_open("maintenance")
    before.journal.drain()

    after = started()
    after.degradation.declare("search", {})
    after.degradation.degrade("emergency", "fire")
    after.degradation.set_rollout("search", 90.0)
    after.circuits.get("payments").force_closed("no")
    after.tick()

    assert str(after.degradation.level) == "emergency"
    assert after.degradation.orders()["features"]["search"]["rollout"]["value"] == 90.0
    assert str(after.circuits["payments"].state) == "forced_closed"


def test_a_worker_that_was_told_nothing_takes_nothing_back(
    started: Started, clock: ManualClock
) -> None:
    """Of several workers of one journal each writes only what changes in it."""
    told, other = started(), started()
    for each in (told, other):
        each.degradation.declare("search", {"off_at": "minimal"})
        each.tick()
    told.degradation.kill("search", "leak")
    told.circuits.get("payments").force_open("maintenance")
    told.journal.drain()
    other.degradation.degrade("minimal", "slow", trigger="automatic")
    trip(other)
    other.journal.drain()

    third = started()
    third.tick()

    assert third.degradation.orders()["features"]["search"]["kill"]["reason"] == "leak"
    assert str(third.circuits.get("payments").state) == "forced_open"


def test_circuits_made_by_key_find_what_they_were(started: Started, clock: ManualClock) -> None:
    """When their key comes again."""

    def charge(host: str) -> None:
        raise OSError("refused")

    before = started()
    guarded = before.circuit("charge", key=lambda host: host, failure_threshold=1)(charge)
    with pytest.raises(OSError, match="refused"):
        guarded("a")
    before.journal.drain()

    after = started()
    after.tick()
    guarded = after.circuit("charge", key=lambda host: host, failure_threshold=1)(charge)

    with pytest.raises(CircuitOpenError):
        guarded("a")
    with pytest.raises(OSError, match="refused"):
        guarded("b")


def test_it_can_be_switched_off(started: Started) -> None:
    """By the setting `restore`; what is ordered then is kept all the same."""
    before = started()
    before.circuits.get("payments").force_open("maintenance")
    before.journal.drain()

    after = started(restore=False)
    after.tick()

    assert str(after.circuits.get("payments").state) == "closed"


def test_a_clock_that_was_set_back_keeps_no_circuit_open_for_long(
    started: Started, clock: ManualClock
) -> None:
    """No longer than its settings allow."""
    before = started()
    trip(before)
    before.journal.drain()
    clock.wall -= 86_400.0

    after = started()
    after.tick()

    assert after.circuits.get("payments").snapshot().retry_after <= 330.0


def test_what_is_written_wrongly_does_not_keep_the_app_from_its_start(
    started: Started, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said, and everything else goes on."""
    before = started()
    before.circuits.get("payments").force_open("maintenance")
    before.degradation.declare("search", {})
    before.degradation.kill("search")
    before.journal.drain()
    store: Any = before.journal._store
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE feature_flags SET kind = 'nonsense' WHERE kind = 'kill'")

    after = started()
    after.start()
    after.stop()

    assert str(after.circuits.get("payments").state) == "forced_open"
    assert "could not be restored" in caplog.text


def test_a_database_that_cannot_be_read_now_is_read_later(
    started: Started, clock: ManualClock, tmp_path: Path
) -> None:
    """And until then nothing is written over what it holds."""
    before = started()
    before.circuits.get("payments").force_open("maintenance", for_=3600)
    before.journal.drain()
    before.configure({"journal": {"enabled": False}})
    after = started()
    file, away = tmp_path / "journal.db", tmp_path / "away"
    file.rename(away)
    file.mkdir()
    after.tick()
    assert after.journal.status().error

    file.rmdir()
    away.rename(file)
    clock.advance(5.0)
    after.tick()

    assert str(after.circuits.get("payments").state) == "forced_open"
