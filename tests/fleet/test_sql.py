"""What may happen to a fleet's database, and workers that find one by themselves."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.exc

from resilience import ConfigurationError, StoreUnavailableError, System
from resilience.fleet.base import Claim, Letter
from resilience.fleet.postgresql import PostgreSQL
from resilience.fleet.sql import SQLBackend
from resilience.fleet.sqlite import SQLiteFile
from resilience.fleet.verdicts import Report
from resilience.neighbours import Neighbours
from resilience.testing import ManualClock
from resilience.testing.contracts.workers import RULES
from tests.servers.apps import eventually, serving
from tests.servers.postgres import PostgresServer


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[SQLBackend]:
    """Give one on a new file."""
    backend = SQLBackend(f"sqlite:///{tmp_path}/fleet.db", "test", 0.25)
    yield backend
    backend.close()


@pytest.fixture
def on_postgres(postgres_server: PostgresServer) -> Iterator[SQLBackend]:
    """Give one on a new database."""
    with postgres_server.database("fleet_faults") as name:
        backend = SQLBackend(postgres_server.url(name), "test", 0.25)
        backend.exchange(Letter("a"))
        yield backend
        backend.close()


def served(backend: SQLBackend) -> PostgreSQL:
    """Return the server that a backend is on."""
    assert isinstance(backend._database, PostgreSQL)
    return backend._database


def many(count: int) -> tuple[Report, ...]:
    """Return as many reports, each of another circuit with failures."""
    return tuple(Report(f"it[{n}]", RULES, calls=5, failures=5) for n in range(count))


def test_what_only_a_newer_version_knows_is_passed_over(backend: SQLBackend) -> None:
    """While an app is rolled out, workers of two versions share a file."""
    backend.exchange(Letter("a", reports=many(1)))
    with backend._database.alone() as session:
        session.do(
            "UPDATE resilience_fleet SET value = json_set(value, '$.newer', 1) "
            "WHERE section = 'test:records'", [{}],
        )  # fmt: skip
        session.do(
            "INSERT INTO resilience_fleet (section, name, number, value) "
            "VALUES ('test:meta', 'newer', 0, '1')", [{}],
        )  # fmt: skip

    (verdict,) = backend.exchange(Letter("b")).verdicts

    assert verdict.state == "open"


def test_a_full_disk_is_no_store_and_keeps_what_it_had(backend: SQLBackend) -> None:
    """A letter that does not fit changes nothing; when there is room again, it does."""
    backend.exchange(Letter("a", reports=many(1)))
    assert isinstance(backend._database, SQLiteFile)
    with backend._database._writer.use() as connection:
        connection.execute("PRAGMA max_page_count=1")  # as many as there are already

    with pytest.raises(StoreUnavailableError, match="full"):
        backend.exchange(Letter("a", reports=many(2000)))

    heard = backend.exchange(Letter("b"))
    assert [each.name for each in heard.verdicts] == ["it[0]"]
    assert len(backend.exchange(Letter("a", reports=many(2000))).verdicts) == 2000


def test_a_file_that_holds_something_else_is_no_store(backend: SQLBackend, tmp_path: Path) -> None:
    """It is left as it is; a new one in its place is joined."""
    backend.exchange(Letter("a"))
    for each in tmp_path.iterdir():
        each.unlink()
    path = tmp_path / "fleet.db"
    path.write_text("this is the letter of somebody else" * 100)

    with pytest.raises(StoreUnavailableError, match="not a database"):
        backend.exchange(Letter("a"))

    assert path.read_text().startswith("this is the letter")
    path.unlink()
    assert backend.exchange(Letter("a")).workers == 1


def test_tokens_grow_over_a_reboot_and_a_lost_file(backend: SQLBackend, tmp_path: Path) -> None:
    """The clock of a file begins anew with the machine, and the wall clock may be behind."""
    began = int(time.time() * 1000)
    [first] = backend.exchange(Letter("a", claims=(Claim("it"),))).leases
    for each in tmp_path.iterdir():
        each.unlink()
    [second] = backend.exchange(Letter("b", claims=(Claim("it"),))).leases
    ahead = Claim("other", second + 10**9)  # which a worker holds, and the file had forgotten
    backend.exchange(Letter("b", claims=(ahead,)))
    backend._database.boot = "another"
    heard = backend.exchange(Letter("c", claims=(Claim("it"), Claim("other"))))

    assert began < first < second < ahead.token < heard.leases[0] < heard.leases[1]
    assert heard.workers == 1


def test_a_worker_that_goes_to_another_folder_stays_in_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is of the folder in which it was given, as for a server that daemonises."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    backend = SQLBackend("sqlite:///fleet.db", "test", 0.25)
    backend.exchange(Letter("a"))
    monkeypatch.chdir(tmp_path / "other")

    assert backend.exchange(Letter("b")).workers == 2
    assert backend.change() == 0
    assert not list((tmp_path / "other").iterdir())
    backend.close()


def test_a_prefix_as_long_as_it_may_be_is_apart_from_others(tmp_path: Path) -> None:
    """All its sections have places of their own."""
    url = f"sqlite:///{tmp_path}/fleet.db"
    backends = [SQLBackend(url, "p" * 199 + last, 0.25) for last in "ab"]
    for each in backends:
        each.exchange(Letter("a", reports=many(1)))

    assert [each.exchange(Letter("b", roll=True)).workers for each in backends] == [2, 2]
    for each in backends:
        each.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_process_forked_amid_an_exchange_takes_part(backend: SQLBackend) -> None:
    """Else its SQLite would wait for ever for the thread that has stayed with the parent."""
    backend.exchange(Letter("parent"))
    amid, never = threading.Event(), threading.Event()

    def exchange() -> None:
        with backend._database.alone() as session:
            session.ask("SELECT 1", {})
            amid.set()
            never.wait(0.05)

    thread = threading.Thread(target=exchange)
    thread.start()
    assert amid.wait(10.0)
    child = os.fork()
    if child == 0:
        backend.after_fork()
        with suppress(StoreUnavailableError):
            os._exit(backend.exchange(Letter("child")).workers)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
    thread.join()
    assert backend.exchange(Letter("parent")).workers == 2


def test_rows_that_nobody_can_read_are_no_store(backend: SQLBackend, tmp_path: Path) -> None:
    """It is said, and nothing else fails."""
    backend.exchange(Letter("a"))
    with closing(sqlite3.connect(tmp_path / "fleet.db")) as other, other:
        other.execute("UPDATE resilience_fleet SET value = '{' WHERE section = 'test:meta'")

    with pytest.raises(StoreUnavailableError, match="nonsense"):
        backend.exchange(Letter("a"))


def test_who_holds_the_lock_of_a_postgresql_keeps_others_only_for_the_timeout(
    on_postgres: SQLBackend, postgres_server: PostgresServer
) -> None:
    """A worker that was stopped in its transaction, say; once it is cut off, all goes on."""
    server = served(on_postgres)
    url = server._url.render_as_string(hide_password=False)
    another = SQLBackend(url, "test", 0.25)
    holder = ExitStack()
    holder.enter_context(server.alone())
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="timeout"):
        another.exchange(Letter("b"))
    assert time.monotonic() - began < 5.0

    postgres_server.cut_connections(server._url.database)
    assert another.exchange(Letter("b")).workers == 2
    another.close()
    with pytest.raises(sqlalchemy.exc.OperationalError):
        holder.close()


def test_a_postgresql_that_hangs_is_gone_and_comes_back(
    on_postgres: SQLBackend, postgres_server: PostgresServer
) -> None:
    """Nothing answers, and no connection is refused either."""
    [(serves_us,)] = served(on_postgres).look("SELECT pg_backend_pid()", {})
    postgres_server.freeze()
    os.kill(serves_us, signal.SIGSTOP)  # it is in a process group of its own
    try:
        began = time.monotonic()
        with pytest.raises(StoreUnavailableError):
            on_postgres.exchange(Letter("a"))
        assert 1.0 < time.monotonic() - began < 20.0
    finally:
        os.kill(serves_us, signal.SIGCONT)
        postgres_server.thaw()

    assert eventually(lambda: _answers(on_postgres))


def _answers(backend: SQLBackend) -> bool:
    try:
        return backend.exchange(Letter("a")).workers == 1
    except StoreUnavailableError:
        return False


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://ada:secret@localhost/shop", "mysql keeps no fleet"),
        ("sqlite://", "give a file"),
        ("sqlite:///fleet.db?cache=private", "no options"),
        ("sqlite:////no/such/folder/fleet.db", "there is no folder"),
    ],
)
def test_other_databases_are_refused(url: str, expected: str) -> None:
    """In words that say what to give, without the password."""
    with pytest.raises(ConfigurationError, match=expected) as refused:
        SQLBackend(url, "test", 0.25)

    assert "secret" not in str(refused.value)


def test_a_password_is_not_shown() -> None:
    """Neither in the address, nor when nobody answers there."""
    backend = SQLBackend("postgresql://ada:secret@127.0.0.1:1/shop", "test", 0.25)

    with pytest.raises(StoreUnavailableError) as gone:
        backend.exchange(Letter("a"))

    assert "secret" not in backend.address + str(gone.value)


# -- workers that share a journal -------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "several", "expected"),
    [
        ({}, True, "journal.db-fleet"),
        ({}, False, None),
        ({"share": False}, True, None),
        ({"url": "redis://127.0.0.1:1"}, True, "redis://127.0.0.1:1"),
    ],
)
def test_workers_that_share_a_journal_find_each_other(
    clock: ManualClock, tmp_path: Path, settings: dict[str, Any], several: bool, expected: str
) -> None:
    """Once there are several, unless they are told otherwise."""
    pytest.importorskip("redis")
    system = System({"fleet": settings}, clock=clock)
    look = Neighbours(
        system.runtime, lambda: tmp_path / "journal.db", lambda: system.fleet, lambda: several
    ).look

    look()
    look()

    address = system.fleet.snapshot().address
    assert address is None if expected is None else str(address).endswith(expected)
    system.stop()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("by", ["journal", "fleet"])
def test_workers_forked_from_a_loaded_app_agree_through_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """By the journal that they share, or by an address that their parent knew."""
    monkeypatch.setenv(f"RESILIENCE__{by.upper()}__URL", f"sqlite:///{tmp_path}/shop.db")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    options = ["--preload", "--workers", "3", "--threads", "2"]
    with serving("gunicorn", "tests.fleet.served:app", *options) as server:
        # Each looks for others five seconds after it was the only one.
        assert eventually(lambda: {server.get("/workers")[1] for _ in range(9)} == {"3"})
        while server.get("/state")[1] != "open":
            server.get("/break")

        assert eventually(lambda: {server.get("/state")[1] for _ in range(20)} == {"open"})
    assert (tmp_path / "shop.db-fleet").exists() == (by == "journal")
