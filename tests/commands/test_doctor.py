"""What is mis-built is found: each check by itself, and all of them on apps and running ones."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from resilience import System
from resilience.chaos.settings import ChaosSettings
from resilience.commands.loading import app_in
from resilience.testing import ManualClock
from resilience.web import checkup as checks
from resilience.web.checkup import Facts, checkup, facts_of
from tests.commands.conftest import Shop
from tests.commands.running import run, told


def found(system: System, **options: Any) -> set[tuple[str, str]]:
    """Return `{(check, where)}`, without hints."""
    told = checkup(system, **options)
    return {(each.check, each.where.rpartition(".")[2]) for each in told if each.severity != "hint"}


def test_a_retry_without_an_end_is_found(system: System) -> None:
    """Not one that a timeout, a deadline, or the request's own limits."""

    @system.retry
    def endless() -> None: ...

    @system.retry(timeout=5)
    def limited() -> None: ...

    @system.retry
    @system.timeout(1)
    def timed() -> None: ...

    assert found(system) == {("retry_without_deadline", "endless")}
    system.configure({"web": {"deadline": 10}})
    assert found(system) == set()
    assert all(map(callable, [endless, limited, timed]))  # held until here


def test_a_timeout_beyond_the_servers_is_found(system: System) -> None:
    """The server's, or the request's deadline."""

    @system.timeout(60)
    def patient() -> None: ...

    @system.timeout(2)
    def quick() -> None: ...

    assert found(system) == set()
    assert found(system, server_timeout=30) == {("timeout_beyond_server", "patient")}
    system.configure({"web": {"deadline": 2}})
    assert {where for _, where in found(system)} == {"patient", "quick"}
    assert all(map(callable, [patient, quick]))


def test_a_fallback_that_never_ran_is_found(system: System) -> None:
    """Where the failures are not those that it answers for."""

    @system.fallback([], on=KeyError)
    @system.circuit("prices", failure_threshold=3)
    def prices() -> list[int]:
        raise ConnectionError

    @system.fallback([])
    @system.circuit("offers", failure_threshold=3)
    def offers() -> list[int]:
        raise ConnectionError

    for _ in range(12):
        offers()
        with suppress(Exception):
            prices()

    assert found(system) == {("fallback_never_ran", "prices")}


def test_a_threshold_out_of_reach_is_found(system: System, clock: ManualClock) -> None:
    """At the traffic that was measured; not before there was enough of it to tell."""

    @system.circuit("rare", min_calls=100)
    def rare() -> None: ...

    @system.circuit("busy", min_calls=10)
    def busy() -> None: ...

    for _ in range(60):
        clock.advance(1)
        busy()
    assert found(system) == set()

    for _ in range(60):
        clock.advance(10)
        rare()
        for _ in range(10):
            busy()

    assert found(system) == {("threshold_out_of_reach", "rare")}


def test_workers_on_their_own_are_found(system: System) -> None:
    """More than one, that share nothing."""
    system.circuits.get("prices")
    circuits = list(system.circuits)

    alone = Facts(circuits=circuits, workers=4)

    assert [each.where for each in checks.workers_on_their_own(alone)] == ["fleet"]
    assert not list(checks.workers_on_their_own(Facts(circuits=circuits, workers=1)))
    assert not list(checks.workers_on_their_own(Facts(circuits=circuits, workers=4, shared=True)))


def test_metrics_of_each_worker_alone_are_found() -> None:
    """One worker's sums are all there is to tell; those of one of several are not."""
    (finding,) = checks.metrics_of_one_worker(Facts(workers=4, metrics_alone=True))
    assert "PROMETHEUS_MULTIPROC_DIR" in finding.do
    assert not list(checks.metrics_of_one_worker(Facts(workers=4)))
    assert not list(checks.metrics_of_one_worker(Facts(workers=1, metrics_alone=True)))


def test_chaos_that_one_alone_may_run_in_production_is_found() -> None:
    """Only there, and only where it is said so."""
    loose = ChaosSettings(enabled=True, require_approval=False)

    assert list(checks.chaos_unguarded(Facts(chaos=loose, production=True)))
    assert not list(checks.chaos_unguarded(Facts(chaos=loose)))
    assert not list(
        checks.chaos_unguarded(Facts(chaos=ChaosSettings(enabled=True), production=True))
    )


def test_a_server_whose_timeout_nobody_knows_is_told(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a hint, where there are timeouts to hold against it; the file of settings answers it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["resilience"])
    monkeypatch.delenv("GUNICORN_CMD_ARGS", raising=False)

    @system.timeout(60)
    def patient() -> None: ...

    assert [each.check for each in checkup(system)] == ["server_timeout_unknown"]
    assert not checkup(system, server_timeout=90)
    (tmp_path / "gunicorn.conf.py").write_text("timeout = 60")
    assert [each.check for each in checkup(system)] == ["timeout_beyond_server"]
    assert patient() is None


def test_a_guard_counts_once(system: System) -> None:
    """However many decorators made it."""

    @system.fallback([])
    @system.circuit("x")
    @system.retry(timeout=1)
    def call() -> list[int]:
        return []

    assert [len(each.layers) for each in facts_of(system).guards] == [3]
    assert call() == []


FLASK = """
from flask import Flask
from resilience import System
from resilience_flask import Resilience

system = System()

def create_app():
    app = Flask(__name__)
    Resilience(app, system=system)

    @system.circuit("pay", slow_call_duration=1)
    @app.get("/pay")
    def pay():
        return "paid"

    create_app.pay = pay
    return app
"""
FASTAPI = """
from fastapi import FastAPI
from resilience import System
from resilience_starlette import Resilience

system = System()
app = FastAPI()

@system.circuit("pay", slow_call_duration=1)
@app.get("/pay")
async def pay():
    return "paid"

Resilience(app, system=system)
"""


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (FLASK, "mis_built:create_app()"),
        (FLASK, "mis_built:create_app"),
        (FLASK, "mis_built"),
        (FASTAPI, "mis_built:app"),
        (FASTAPI, "mis_built.py"),
    ],
)
def test_a_guard_above_the_route_is_found(folder: Path, text: str, place: str) -> None:
    """`@circuit` above `@app.get`: the registered view bypasses it."""
    (folder / "mis_built.py").write_text(text)

    result = run("doctor", place)

    assert result.exit_code == 3, result.output
    assert "error /pay (bypassed_guard)" in result.stdout
    assert "put @circuit and the like below the route's decorator" in result.stdout


def test_a_guard_above_the_route_is_found_from_within_flask(folder: Path) -> None:
    """`flask --app x resilience doctor`, before any request."""
    (folder / "mis_built_here.py").write_text(FLASK)
    app = app_in("mis_built_here:create_app()")

    result = app.test_cli_runner().invoke(args=["resilience", "doctor"])

    assert result.exit_code == 3, result.output
    assert "error /pay (bypassed_guard)" in result.stdout


def test_an_app_here_or_one_that_runs_is_examined(url: str, folder: Path) -> None:
    """Not both at once; the variable for all commands is no such wish."""
    (folder / "mis_built.py").write_text(FLASK)

    both = run("doctor", "mis_built", "--url", url)

    assert (both.exit_code, "imported here, or --url of one that runs" in both.stderr) == (2, True)
    assert run("doctor", "mis_built").exit_code == 3


def test_a_running_app_is_examined_by_its_own_worker(url: str, shop: Shop) -> None:
    """Which knows its traffic; hints alone are no exit status."""
    assert run("doctor").exit_code == 0

    @shop.system.retry
    def endless() -> None: ...

    told_now = told("doctor")

    assert told_now["counts"] == {"error": 0, "warning": 1, "hint": 1}
    assert told_now["findings"][0]["check"] == "retry_without_deadline"
    assert run("doctor").exit_code == 3
    assert endless() is None


def test_a_running_app_can_be_told_when_its_server_ends_a_request(url: str, shop: Shop) -> None:
    """Where it does not know by itself."""

    @shop.system.timeout(60)
    def patient() -> None: ...

    def checks(*words: str) -> set[str]:
        return {each["check"] for each in told("doctor", *words)["findings"]}

    assert "server_timeout_unknown" in checks()
    assert "timeout_beyond_server" in checks("--server-timeout", "60")
    assert checks("--server-timeout", "61") == {"circuit_without_timeout"}
    assert patient() is None


def test_a_deadline_that_the_system_has_holds_in_its_apps(system: System) -> None:
    """An app that says nothing of it has it, too."""
    system.configure({"web": {"deadline": 5}})
    system.configure({"circuits": {}}, source="flask config of shop")

    assert facts_of(system).deadline == 5.0
