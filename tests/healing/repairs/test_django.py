"""Django's connections, cut outside any request, on a real PostgreSQL."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from resilience.healing.repairs import CloseDjangoConnections
from tests.servers.postgres import PostgresServer

ROOT = Path(__file__).parents[3]


def run(scenario: str, server: PostgresServer) -> Any:
    """Run a scenario of `django_program`; return what it says."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.healing.repairs.django_program", scenario, server.url()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_without_it_a_cut_connection_fails_for_ever(fresh_postgres: PostgresServer) -> None:
    """Ten of ten: no request ends here, and with it Django's own cleaning up."""
    assert run("without", fresh_postgres) == ["OperationalError"] * 10


def test_with_it_the_first_failure_is_the_last(fresh_postgres: PostgresServer) -> None:
    """One of ten; the record tells that one connection was closed."""
    outcomes, before, after, outcome = run("with_it", fresh_postgres)

    assert outcomes == ["OperationalError"] + ["ok"] * 9
    assert (before, after, outcome) == (1, 0, "changed")


def test_each_thread_closes_its_own(fresh_postgres: PostgresServer) -> None:
    """All at the same moment: no cool-down keeps the second thread from it."""
    assert run("threads", fresh_postgres) == [["OperationalError", "ok", "ok"]] * 4


def test_a_transaction_is_left_alone(fresh_postgres: PostgresServer) -> None:
    """Inside `atomic()` it does not apply; the block ends with the error, and all is well."""
    seen, runs, afterwards = run("atomic", fresh_postgres)

    assert seen[0] == "OperationalError"
    assert seen[1] == [0, True]
    assert runs == 0
    assert afterwards == "ok"


def test_a_connection_that_works_stays_and_is_no_useless_run(
    fresh_postgres: PostgresServer,
) -> None:
    """A statement that took too long is an `OperationalError`, too; three do not switch it off."""
    assert run("lock", fresh_postgres) == [True, ["done"] * 3, True, False]


def test_under_a_loop_it_closes_where_queries_run(fresh_postgres: PostgresServer) -> None:
    """In the thread of `sync_to_async`, awaited by who recovers."""
    assert run("loop", fresh_postgres) == [["OperationalError", "OperationalError"], "done", "ok"]


@pytest.mark.parametrize("error", [ValueError(), ConnectionError()])
def test_without_django_it_applies_to_nothing(error: Exception) -> None:
    """And says so without importing it."""
    action = CloseDjangoConnections("database")

    assert not action.applies(error)
