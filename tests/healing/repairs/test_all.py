"""What holds for every action that ships."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from redis import Redis
from sqlalchemy import create_engine

from resilience import Action, ConfigurationError, MemoryCheckpoint, System, UnknownSettingError
from resilience.healing import repairs
from resilience.healing.actions import Outcome
from resilience.healing.repairs import (
    ClearCache,
    CloseDjangoConnections,
    DisconnectRedis,
    DisposeEngine,
    FreeMemory,
    LeaveRotation,
    RecycleWorker,
    ReopenLogs,
    ReplaceCorruptFile,
    ResetCircuit,
    RestartThread,
    RestoreState,
    SwapClient,
)
from resilience.testing import ManualClock

Make = Callable[..., Action]

MAKERS: dict[str, Callable[[System, Path], Make]] = {
    "ClearCache": lambda _, __: lambda **o: ClearCache("c", {"a": 1}, **o),
    "CloseDjangoConnections": lambda _, __: lambda **o: CloseDjangoConnections("c", **o),
    "DisconnectRedis": lambda _, __: lambda **o: DisconnectRedis("c", Redis(port=1), **o),
    "DisposeEngine": lambda _, __: lambda **o: DisposeEngine("c", create_engine("sqlite://"), **o),
    "FreeMemory": lambda system, _: lambda **o: FreeMemory("c", system.host, **o),
    "LeaveRotation": lambda system, _: (
        lambda **o: LeaveRotation(
            "c",
            system.rotation,
            failures=lambda: 1.0,
            fleet_is_well=lambda: True,
            may_leave=lambda: True,
            **o,
        )
    ),
    "RecycleWorker": lambda system, _: lambda **o: RecycleWorker("c", system, enabled=True, **o),
    "ReopenLogs": lambda _, __: lambda **o: ReopenLogs("c", **o),
    "ReplaceCorruptFile": lambda _, path: lambda **o: ReplaceCorruptFile("c", path / "x", **o),
    "ResetCircuit": lambda system, _: lambda **o: ResetCircuit("c", system.circuits.get("c"), **o),
    "RestartThread": lambda _, __: lambda **o: RestartThread("c", lambda: None, **o),
    "RestoreState": lambda _, __: lambda **o: RestoreState("c", MemoryCheckpoint(), print, **o),
    "SwapClient": lambda system, _: lambda **o: SwapClient("c", system.client(httpx2.Client), **o),
}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest, system: System, tmp_path: Path) -> Make:
    """Give what makes each action in turn."""
    return MAKERS[request.param](system, tmp_path)


def test_all_are_here() -> None:
    """Whoever adds one adds it above; a task's needs a loop, and is a thread's otherwise."""
    shipped = {
        name
        for name in repairs.__all__
        if isinstance(getattr(repairs, name), type) and issubclass(getattr(repairs, name), Action)
    }
    assert shipped == {*MAKERS, "RestartTask"}


def test_a_dry_run_does_nothing(
    make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is recorded as one, or refused where it could not run anyway."""
    action = make(dry_run=True, clock=clock)
    monkeypatch.setattr(action, "act", lambda: pytest.fail("it did something"))

    record = action.run()

    assert record.outcome is (Outcome.REFUSED if isinstance(action, RecycleWorker) else Outcome.DRY)


def test_it_cools_down_and_has_a_maximum(
    make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its user says; the record tells why it did not run."""
    action = make(cool_down=5, limit=2, period=100, clock=clock, verify=lambda: True)
    monkeypatch.setattr(action, "act", lambda: None)
    if isinstance(action, RecycleWorker):
        monkeypatch.setattr(action, "_obstacle", lambda: None)

    assert action.run().outcome is Outcome.VERIFIED
    assert action.run().detail == "cools down for 5 s"
    clock.advance(5)
    assert action.run().outcome is Outcome.VERIFIED
    clock.advance(5)
    assert action.run().detail == "ran 2 times in 100 s"


def test_what_it_raises_is_recorded(
    make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """And goes no further; two such runs switch it off, which it says."""
    action = make(cool_down=0, clock=clock)
    monkeypatch.setattr(action, "act", lambda: 1 / 0)
    if isinstance(action, RecycleWorker):
        monkeypatch.setattr(action, "_obstacle", lambda: None)

    with caplog.at_level(logging.WARNING, "resilience"):
        records = [action.run() for _ in range(2)]

    assert [each.outcome for each in records] == [Outcome.FAILED] * 2
    assert (action.off, "is off for 3600 s" in caplog.text) == (True, True)


def test_unknown_options_are_refused(make: Make) -> None:
    """By name, and by value."""
    with pytest.raises((UnknownSettingError, TypeError), match="cooldown"):
        make(cooldown=5)
    with pytest.raises(ConfigurationError, match="limit=0"):
        make(limit=0)


@pytest.mark.parametrize("made", [ClearCache, DisconnectRedis, DisposeEngine, ResetCircuit])
@pytest.mark.parametrize("thing", [None, 3, "payments"])
def test_what_it_could_not_work_on_is_refused_at_once(made: Any, thing: Any) -> None:
    """By name, where it is given, and not on the day that it is needed."""
    with pytest.raises(ConfigurationError, match=r"give (a|an|one)\b"):
        made("c", thing)
