"""`resilience journal`, `report` and `tune`, on real journals."""

import json
import sqlite3
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from resilience import System
from resilience.commands.journal import journal
from resilience.commands.report import report
from resilience.commands.tune import tune
from resilience.storage.tables import TABLES

WHEN = ["--since", "2025-06-15T15:00", "--until", "2025-06-15T15:30"]


def run(command: object, *arguments: str) -> Result:
    """Run a command as the shell does."""
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)  # type: ignore[arg-type]


def test_the_schema_makes_the_tables(tmp_path: Path) -> None:
    """As SQL of the dialect, which the database takes."""
    sql = run(journal, "schema", "sqlite").output
    with sqlite3.connect(tmp_path / "made.db") as file:
        file.executescript(sql)
        names = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
    file.close()

    assert {*TABLES, "schema_version"} <= names
    assert "BIGSERIAL" in run(journal, "schema", "postgresql").output
    assert json.loads(run(journal, "schema", "mysql", "--json").output)["dialect"] == "mysql"
    assert run(journal, "schema", "oracle").exit_code == 2


def test_init_makes_it_once(url: str) -> None:
    """And upgrade finds nothing to do then."""
    first = json.loads(run(journal, "init", "--url", url, "--json").output)
    again = json.loads(run(journal, "init", "--url", url, "--json").output)

    assert (first["made"], again["made"]) == (True, False)
    assert "nothing to do" in run(journal, "upgrade", "--url", url).output


def test_prune_deletes_what_is_old(outage: System, url: str) -> None:
    """Beyond so many days."""
    told = json.loads(run(journal, "prune", "--url", url, "--days", "1", "--json").output)

    assert told["deleted"] > 100
    assert outage.journal.read("component_health_summary") == []


@pytest.mark.parametrize("command", [report, tune])
def test_no_journal_is_a_clear_error(command: object, url: str, tmp_path: Path) -> None:
    """And none is made by looking for it."""
    arguments = ["payments"] if command is tune else []

    result = run(command, *arguments, "--url", url)

    assert result.exit_code == 1
    assert "there is no journal at" in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_report_to_read(outage: System, url: str) -> None:
    """In Markdown, with a table of what happened."""
    text = run(report, "--url", url, *WHEN).output

    assert "there was 1 incident." in text
    assert "| Calls to payments were stopped: " in text


def test_a_report_for_programs(outage: System, url: str) -> None:
    """As JSON."""
    told = json.loads(run(report, "--url", url, *WHEN, "--json").output)

    [incident] = told["incidents"]
    assert incident["components"] == ["payments"]
    assert incident["timeline"][0]["type"] == "first_error"
    assert (
        json.loads(run(report, "--url", url, *WHEN, "--component", "x", "--json").output)[
            "incidents"
        ]
        == []
    )


def test_a_report_with_charts(outage: System, url: str, tmp_path: Path) -> None:
    """One HTML file that loads nothing, with a chart of the calls."""
    file = tmp_path / "report.html"

    run(report, "--url", url, *WHEN, "--format", "html", "-o", str(file))

    text = file.read_text()
    assert "Calls to payments were stopped" in text
    svg = ET.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    kinds = {each.get("class") for each in svg.iter() if each.tag.endswith("rect")}
    assert kinds == {"good", "bad", "refused", "open"}
    assert "src=" not in text
    assert "<link" not in text


def test_times_that_make_no_sense_are_refused(url: str) -> None:
    """By name."""
    assert "give 30m, 2h or 7d" in run(report, "--url", url, "--since", "yesterday").output
    assert run(report, "--url", url, "--since", "1h", "--until", "2h").exit_code == 2


def test_tuning_proposes_settings(outage: System, url: str) -> None:
    """With what each candidate would have done."""
    told = json.loads(run(tune, "payments", "--url", url, *WHEN, "--json").output)

    assert len(told["candidates"]) > 10
    assert {each["calls"] for each in told["candidates"]} == {2400}
    assert any(each["opened_at"] for each in told["candidates"])
    text = run(tune, "payments", "--url", url, *WHEN, "--try", "failure_threshold=7").output
    assert "payments: 2400 calls" in text
    assert "(present)" in text
    assert '[circuits."payments"]' in text or "as good as any" in text


def test_tuning_refuses_what_no_circuit_takes(outage: System, url: str) -> None:
    """Unknown settings and unknown circuits, by name."""
    wrong = run(tune, "payments", "--url", url, *WHEN, "--try", "treshold=7")
    assert wrong.exit_code == 1
    assert "treshold" in wrong.output
    assert "no calls of a circuit 'nobody'" in run(tune, "nobody", "--url", url, *WHEN).output
