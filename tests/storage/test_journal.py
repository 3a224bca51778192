"""The journal takes what happens, writes it later, and never lets a call know of trouble."""

import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from resilience import Circuit, ConfigurationError, System
from resilience.storage.condensing import Rule
from resilience.storage.journal import Journal
from resilience.storage.tables import Row
from resilience.testing import ManualClock

URL = "sqlite:///{}/journal.db"
HISTORY = "circuit_breaker_state_history"


@pytest.fixture
def kept(system: System, tmp_path: Path) -> Iterator[System]:
    """Give a system that keeps its journal in a file."""
    system.configure({"journal": {"url": URL.format(tmp_path)}})
    yield system
    system.configure({"journal": {"enabled": False}})


def tripped(system: System) -> Circuit:
    """Return a circuit that failures have opened."""
    circuit = system.circuits.get("payments", failure_threshold=2)
    for _ in range(2):
        with pytest.raises(OSError, match="refused"):
            circuit.call(_refuse)
    return circuit


def _refuse() -> None:
    raise OSError("refused")


def test_it_is_off_until_asked_for(system: System, tmp_path: Path) -> None:
    """Nothing is written anywhere, and reading says how to switch it on."""
    tripped(system)
    system.tick()

    assert system.journal.status().enabled is False
    with pytest.raises(ConfigurationError, match="journal is off: give journal url="):
        system.journal.read(HISTORY)


def test_enabled_alone_means_a_file_here(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`resilience.db` in the present folder."""
    monkeypatch.chdir(tmp_path)
    system.configure({"journal": {"enabled": True}})

    system.journal.flush()

    assert (tmp_path / "resilience.db").is_file()
    system.configure({"journal": {"enabled": False}})


def test_what_happens_is_written_with_the_next_flush(kept: System, clock: ManualClock) -> None:
    """The transition, with its numbers, and the circuit as it is now."""
    tripped(kept)
    assert kept.journal.read(HISTORY) == []

    clock.advance(5.0)
    kept.tick()

    [row] = kept.journal.read(HISTORY)
    assert (row["component"], row["type"], row["state"]) == ("payments", "circuit_opened", "open")
    assert (row["calls"], row["failures"], row["error"]) == (2, 2, "OSError: refused")
    assert row["until"] == pytest.approx(row["at"] + row["data"]["retry_after"])
    [now] = kept.journal.read("circuit_breakers")
    assert (now["name"], now["state"], now["opened_at"]) == ("payments", "open", row["at"])


def test_calls_are_kept_as_counts_of_each_second(kept: System, clock: ManualClock) -> None:
    """A row for a second with calls, none for one without, and none per call."""
    circuit = tripped(kept)
    circuit.reset()
    for _ in range(40):
        circuit.call(int)
    clock.advance(1.0)
    kept.tick()
    clock.advance(1.0)
    kept.tick()
    circuit.call(int)
    kept.journal.drain()

    rows = kept.journal.read("component_health_summary")
    assert [(row["calls"], row["failures"]) for row in rows] == [(42, 2), (1, 0)]
    assert {row["kind"] for row in rows} == {"calls"}


def test_rejections_are_counted_not_listed(kept: System) -> None:
    """There may be thousands a second."""
    circuit = tripped(kept)
    for _ in range(10):
        with pytest.raises(Exception, match="open"):
            circuit.call(int)

    kept.journal.drain()

    assert kept.journal.read("component_health_summary")[0]["rejected"] == 10
    assert len(kept.journal.read(HISTORY)) == 1


class Broken:
    """A store that fails as long as it is told to."""

    address = "broken://"
    path: Path | None = None

    def __init__(self) -> None:
        self.fails = True
        self.rows: list[Row] = []

    def open(self) -> None:
        """Open."""

    def write(self, rows: Sequence[Row]) -> None:
        """Fail, or keep the rows."""
        if self.fails:
            raise OSError("no space left on device")
        self.rows += rows

    def read(self, table: str, **_: Any) -> list[dict[str, Any]]:
        """Return rows."""
        return [dict(row.values) for row in self.rows if row.table == table]

    def prune(self, before: float, most: int) -> int:
        """Delete nothing."""
        return 0

    def condense(self, rule: Rule, now: float, since: float, most: int) -> float | None:
        """Condense nothing."""
        return None

    def after_fork(self) -> None:
        """Forget nothing."""

    def close(self) -> None:
        """Close."""


def broken_journal(system: System, **settings: Any) -> tuple[Journal, Broken]:
    """Return a journal on a store that is broken."""
    store = Broken()
    journal = Journal(system.runtime, lambda _: store)
    journal.prepare(type(journal.settings).of({"enabled": True, **settings}))()
    return journal, store


def row(number: int) -> Row:
    """Return a row."""
    return Row(HISTORY, {"at": float(number), "worker": "w", "component": "c", "type": "t"})


def test_trouble_is_said_once_and_nothing_is_lost(
    system: System, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again with every flush, and goes on where it was."""
    journal, store = broken_journal(system, batch_size=2)
    for number in range(5):
        journal.record(row(number))

    for _ in range(3):
        clock.advance(5.0)
        system.tick()
    assert journal.status().error == "OSError: no space left on device"
    assert journal.status().queued == 5
    store.fails = False
    clock.advance(5.0)
    system.tick()

    assert [each["at"] for each in store.read(HISTORY)] == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert journal.status().error is None
    said = [record.getMessage() for record in caplog.records if record.levelno > logging.INFO]
    assert len(said) == 2
    assert "broken:// cannot be written (OSError: no space left on device)" in said[0]
    assert "requests go on" in said[0]
    assert said[1] == "the journal works again"


def test_when_too_many_wait_the_oldest_go_and_are_counted(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    """With one warning, however many."""
    journal, store = broken_journal(system, queue_size=10)
    for number in range(25):
        journal.record(row(number))
        journal.flush()
    store.fails = False
    journal.flush()

    written = [each["at"] for each in store.read(HISTORY)]
    assert written[-10:] == [float(each) for each in range(15, 25)]
    assert journal.status().dropped == 25 - len(written)
    warnings = [each for each in caplog.records if "are dropped" in each.getMessage()]
    assert len(warnings) == 1


def test_old_history_is_deleted(kept: System, clock: ManualClock) -> None:
    """After `retention_days`."""
    tripped(kept)
    kept.journal.drain()
    clock.advance(31 * 86_400.0)
    kept.circuits["payments"].reset()
    kept.journal.drain()

    gone = kept.journal.prune()

    assert gone == 2  # the opening, and the counts of its second
    assert [row["state"] for row in kept.journal.read(HISTORY)] == ["closed"]


def test_stopping_drains_it(tmp_path: Path) -> None:
    """What waits is written before the process goes."""
    system = System({"journal": {"url": URL.format(tmp_path)}})
    with system:
        tripped(system)

    assert len(system.journal.read(HISTORY)) == 1
    system.configure({"journal": {"enabled": False}})


BAD: Mapping[str, tuple[dict[str, Any], str]] = {
    "no URL": ({"url": "payments"}, "give a database URL, such as sqlite:///resilience.db"),
    "unknown scheme": ({"url": "mongodb://h/d"}, "unknown scheme 'mongodb': give one of sqlite,"),
    "missing driver": ({"url": "mysql+aiomysql://h/d"}, "its driver is missing .*pip install"),
    "missing folder": ({"url": "sqlite:////no/such/x.db"}, "there is no folder '/no/such'"),
    "no batch": ({"batch_size": 0}, "batch_size=0: give a whole number of at least 1"),
    "no time": ({"flush_interval": 0}, "flush_interval=0: give a number > 0"),
    "no such setting": ({"adress": "x"}, "unknown setting 'adress'"),
}


@pytest.mark.parametrize("wrong", sorted(BAD))
def test_what_cannot_work_is_refused_at_once(system: System, wrong: str) -> None:
    """By name, with what is allowed; what was in force stays."""
    settings, message = BAD[wrong]

    with pytest.raises(ConfigurationError, match=message):
        system.configure({"journal": settings})

    assert system.journal.status().enabled is False


def test_a_later_schema_is_refused_at_start(tmp_path: Path) -> None:
    """A program never writes into what it does not know."""
    first = System({"journal": {"url": URL.format(tmp_path)}})
    first.journal.open()
    with sqlite3.connect(tmp_path / "journal.db") as file:
        file.execute("UPDATE schema_version SET version = 99")
    file.close()
    first.configure({"journal": {"enabled": False}})
    system = System({"journal": {"url": URL.format(tmp_path)}})

    with pytest.raises(ConfigurationError, match=r"version 99, this program knows \d+ at most"):
        system.start()
    system.configure({"journal": {"enabled": False}})


def test_a_password_is_never_shown(system: System) -> None:
    """Neither in the status nor in messages."""
    system.configure({"journal": {"url": "postgresql://ada:secret@127.0.0.1:9/journal"}})

    assert system.journal.flush() == 0
    assert "secret" not in str(system.journal.status())
    system.configure({"journal": {"enabled": False}})
