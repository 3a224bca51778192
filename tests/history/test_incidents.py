"""What belongs together of what happened, in the order it happened, in plain words."""

from typing import Any

import pytest

from resilience import System
from resilience.history.incidents import incidents
from resilience.history.reading import incidents_of
from resilience.history.report import markdown, payload, summary
from tests.history.conftest import START


def event(at: float, kind: str, component: str = "payments", **more: Any) -> dict[str, Any]:
    """Return a row of history."""
    values = dict.fromkeys(("state", "error", "reason", "actor", "level", "strategy", "seconds"))
    known: dict[str, Any] = {**values, "calls": 8, "failures": 5, "data": {}}
    worker = more.pop("worker", "w")
    return {**known, "at": at, "type": kind, "component": component, "worker": worker, **more}


def test_an_outage_is_one_incident(outage: System) -> None:
    """From the first error over the opening and the level to the circuit that closes."""
    [incident] = incidents_of(outage.journal.read, START, START + 300)

    kinds = [each.type for each in incident.moments]
    assert kinds[:2] == ["first_error", "circuit_opened"]
    assert kinds.index("circuit_opened") < kinds.index("degradation_changed")
    assert kinds[-1] in ("circuit_closed", "degradation_changed")
    assert incident.components == ["payments"]
    assert incident.level == "minimal"
    assert incident.started_at == pytest.approx(START + 120, abs=1.5)
    assert incident.ended_at is not None
    assert START + 180 < incident.ended_at < START + 230
    assert incident.failures >= 5
    assert incident.rejected > 100
    assert incident.failures + incident.rejected >= 600


def test_its_timeline_is_in_plain_words(outage: System) -> None:
    """What stopped, why, who did what, and when it was over."""
    [incident] = incidents_of(outage.journal.read, START, START + 300)
    said = " ".join(each.said for each in incident.moments)

    assert "The first calls to payments failed." in said
    assert "Calls to payments were stopped: " in said
    assert "calls had failed (OSError: refused)." in said
    assert "Service went to the level minimal by ada: payments are down." in said
    assert "Calls to payments went through again." in said
    assert any("refused at once" in each for each in summary(incident))


def test_quiet_between_two_makes_them_two() -> None:
    """Two minutes of it, when nothing is open any more."""
    rows = [
        event(0.0, "circuit_opened"), event(30.0, "circuit_closed"),
        event(140.0, "circuit_opened"), event(141.0, "circuit_closed"),
        event(400.0, "circuit_opened"), event(401.0, "circuit_closed"),
    ]  # fmt: skip

    found = incidents(rows)

    assert [(each.started_at, each.ended_at) for each in found] == [(0.0, 141.0), (400.0, 401.0)]


def test_what_is_open_keeps_an_incident_open() -> None:
    """Until it closes; if it never does, the incident is said to go on."""
    rows = [event(0.0, "circuit_opened"), event(500.0, "recovery_failed")]

    [found] = incidents(rows)

    assert found.ended_at is None
    assert found.seconds is None
    assert "was not over" in summary(found)[0]


def test_what_nobody_ended_does_not_swallow_the_next_day() -> None:
    """A process may have been killed while its circuit was open."""
    found = incidents([event(0.0, "circuit_opened"), event(90_000.0, "circuit_opened")])

    assert [each.started_at for each in found] == [0.0, 90_000.0]


def test_what_all_workers_see_at_once_is_told_once() -> None:
    """With how many saw it."""
    rows = [event(number / 10, "circuit_opened", worker=f"w{number}") for number in range(8)]

    [found] = incidents(rows)

    [moment] = found.moments
    assert moment.workers == 8


def test_what_one_worker_sees_again_has_happened_again() -> None:
    """A level that two workers lower twice within a second is told twice, with how many saw it."""
    rows = [
        event(at, "degradation_changed", "app", level=level, worker=worker)
        for at, level, worker in (
            *((0.0, "reduced", "w1"), (0.1, "reduced", "w2")),
            *((0.3, "emergency", "w1"), (0.4, "emergency", "w2")),
        )
    ]

    [found] = incidents(rows)

    assert [(each.at, each.workers) for each in found.moments] == [(0.0, 2), (0.3, 2)]
    assert "emergency" in found.moments[1].said


def test_quiet_changes_begin_nothing() -> None:
    """An operator who closes something, or a level that was normal all along."""
    rows = [event(0.0, "circuit_closed"), event(1.0, "degradation_changed", "app", level="normal")]

    assert incidents(rows) == []


def test_of_checks_only_changes_are_told() -> None:
    """However often the same result is kept."""
    check = {"component": "db", "name": "db", "worker": "w", "output": "down"}
    statuses = ["pass", "fail", "fail", "pass", "pass"]
    rows = [{**check, "at": float(at), "status": status} for at, status in enumerate(statuses)]

    [found] = incidents(rows)

    assert [each.said for each in found.moments] == [
        "The check db of db failed: down.", "The check db of db passed again.",
    ]  # fmt: skip
    assert (found.started_at, found.ended_at) == (1.0, 3.0)


def test_nothing_written_there_breaks_out_of_the_report() -> None:
    """Errors and reasons come from anywhere."""
    rows = [event(0.0, "circuit_opened", "a|b", error="<script>\n| x")]

    text = markdown(0, 10, incidents(rows))

    assert "<script" not in text
    assert "a\\|b" in text
    assert payload(0, 10, incidents(rows))["incidents"][0]["id"] == "0"
