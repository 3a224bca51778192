"""What of health is kept in the journal."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from resilience import System
from resilience.testing import ManualClock
from tests.health.conftest import Dependency


@pytest.fixture
def kept(system: System, tmp_path: Path) -> Iterator[System]:
    """Give a system that keeps its journal in a file."""
    system.configure({"journal": {"url": f"sqlite:///{tmp_path}/journal.db"}})
    yield system
    system.configure({"journal": {"enabled": False}})


@pytest.fixture
def pass_time(kept: System, clock: ManualClock) -> Callable[[int], None]:
    """Give a function that lets seconds pass, one after the other."""

    def seconds(count: int) -> None:
        for _ in range(count):
            clock.advance(1)
            kept.tick()
        kept.journal.gather()
        kept.journal.flush()

    return seconds


def test_results_that_change_are_kept_and_one_a_minute(
    kept: System, database: Dependency, pass_time: Callable[[int], None]
) -> None:
    """Not each of a thousand passes."""
    kept.health.check("postgres", database.look, component="database")
    pass_time(200)
    database.answer = ConnectionError("no route")
    pass_time(20)

    rows = [each for each in kept.journal.read("health_checks") if each["name"] == "postgres"]
    rows.sort(key=lambda row: row["at"])

    assert [each["status"] for each in rows] == ["pass"] * 4 + ["fail"]
    assert rows[-1]["output"] == "ConnectionError: no route"
    assert (rows[-1]["component"], rows[-1]["seconds"]) == ("database", 0.0)
    assert all(60 <= b["at"] - a["at"] <= 66 for a, b in pairwise(rows[:4]))


def test_scores_are_kept_once_a_minute(
    kept: System, database: Dependency, pass_time: Callable[[int], None]
) -> None:
    """With how many results and failures there were."""
    kept.health.check("postgres", database.look, component="database", interval=10)
    pass_time(70)
    database.answer = False
    pass_time(60)

    rows = kept.journal.read("component_health_summary")
    rows = sorted((each for each in rows if each["kind"] == "health"), key=lambda row: row["at"])

    assert [each["component"] for each in rows] == ["database"] * 2
    assert all(60 <= each["span"] < 62 for each in rows)
    first, second = rows
    assert (first["failures"], first["score"]) == (0, 100.0)
    assert 5 <= first["calls"] <= 8
    assert second["failures"] >= 4
    assert second["score"] < 70


def test_the_whole_is_kept_when_it_changes_and_once_a_minute(
    kept: System, database: Dependency, pass_time: Callable[[int], None]
) -> None:
    """With the level of service and the circuits that refuse calls."""
    kept.health.check("postgres", database.look, criticality="critical")
    kept.circuits.get("payments").force_open()
    pass_time(65)
    database.answer = False
    pass_time(20)
    kept.degradation.degrade("reduced", "drill", actor="ops")
    pass_time(3)

    rows = sorted(kept.journal.read("system_health_snapshots"), key=lambda row: row["at"])

    told = [(each["data"]["status"], each["level"], each["open_circuits"]) for each in rows]
    assert told == [
        ("warn", "normal", 1),
        ("warn", "normal", 1),
        ("fail", "normal", 1),
        ("fail", "reduced", 1),
    ]
    assert [each["score"] for each in rows][-1] == 25.0


def test_without_checks_nothing_is_kept(kept: System, pass_time: Callable[[int], None]) -> None:
    """Nor is health made for it."""
    pass_time(120)

    assert kept.journal.read("health_checks") == []
    assert kept.journal.read("system_health_snapshots") == []
    assert "health" not in vars(kept)
