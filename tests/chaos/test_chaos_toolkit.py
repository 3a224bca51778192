"""The Chaos Toolkit runs an experiment on a live Flask app, with our actions and probes."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request

import flask
import pytest
from werkzeug.serving import make_server

import resilience_flask
from resilience import ChaosRefusedError, ConfigurationError, System
from resilience.chaos import toolkit

TOKEN = "for-the-toolkit"
ROOT = Path(__file__).parents[2]
CHAOS = shutil.which("chaos")


@pytest.fixture
def system() -> System:
    """Give a system on the machine's clock, as the toolkit is."""
    return System({"chaos": {"enabled": True}})


@pytest.fixture
def shop(system: System) -> Iterator[str]:
    """Give the address of an app that calls something."""
    app = flask.Flask("shop")

    def authorize(request: Any) -> str | None:
        return "toolkit" if request.headers.get("Authorization") == f"Bearer {TOKEN}" else None

    resilience_flask.Resilience(app, system=system, authorize=authorize)

    @system.fallback("without prices")
    @system.circuit("prices", failure_threshold=3)
    def prices() -> str:
        return "tea 3"

    app.add_url_rule("/", "home", prices)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving = threading.Thread(target=server.serve_forever, args=(0.02,))
    serving.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    serving.join()
    server.server_close()


EXPERIMENT = {"name": "gone", "fault": "outage", "target": "prices", "duration": 30}


def provided(func: str, url: str, **arguments: object) -> dict[str, Any]:
    """Return a provider of the toolkit that calls one of our functions."""
    given = {"url": url, "token": TOKEN, **arguments}
    module = "resilience.chaos.toolkit"
    return {"type": "python", "module": module, "func": func, "arguments": given}


def test_the_actions_and_probes_ask_the_app(shop: str, system: System) -> None:
    """Begin, look, halt, and read what came of it."""
    assert toolkit.circuit_state(shop, TOKEN, "prices") == "closed"
    assert toolkit.level(shop, TOKEN) == "normal"
    assert toolkit.health_score(shop, TOKEN) == 100.0

    toolkit.begin(shop, TOKEN, EXPERIMENT)
    assert [run.experiment.name for run in system.chaos.running()] == ["gone"]
    toolkit.halt(shop, TOKEN)

    assert toolkit.result(shop, TOKEN, "gone")["status"] == "aborted"
    with pytest.raises(ConfigurationError, match="no circuit 'price'"):
        toolkit.circuit_state(shop, TOKEN, "price")


def test_refusals_are_told(shop: str, system: System) -> None:
    """With the app's own words; strangers get none."""
    system.configure({"chaos": {"enabled": False}})

    with pytest.raises(ChaosRefusedError, match="409 chaos is not enabled"):
        toolkit.begin(shop, TOKEN, EXPERIMENT)
    with pytest.raises(ChaosRefusedError, match="404"):
        toolkit.begin(shop, "guessed", EXPERIMENT)
    with pytest.raises(ConfigurationError, match="http or https"):
        toolkit.level("file:///etc", TOKEN)


@pytest.mark.parametrize("body", [b'{"detail": "why"}', b"[1]", b"<html>"])
def test_a_refusal_is_read_and_let_go_of(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it says: its connection is not left open."""
    answer = io.BytesIO(body)

    def refuse(request: Request, timeout: float) -> None:
        raise HTTPError(request.full_url, 409, "CONFLICT", Message(), answer)

    monkeypatch.setattr(toolkit, "urlopen", refuse)
    with pytest.raises(ChaosRefusedError, match="409 "):
        toolkit.level("http://shop", TOKEN)

    assert answer.closed


@pytest.mark.skipif(CHAOS is None, reason="no `chaos` command: pip install chaostoolkit")
def test_the_toolkit_itself_runs_it(shop: str, system: System, tmp_path: Path) -> None:
    """Its steady state, our outage, its traffic, our probe, its roll back: completed."""
    home = {"type": "http", "url": f"{shop}/", "timeout": 10}
    asks = [{"type": "probe", "name": f"home {number}", "provider": home} for number in range(4)]
    answers = {"type": "probe", "name": "the page answers", "tolerance": 200, "provider": home}
    opened = {
        "type": "probe",
        "name": "the circuit opened",
        "tolerance": "open",
        "provider": provided("circuit_state", shop, name="prices"),
    }
    begin = provided("begin", shop, experiment=EXPERIMENT)
    plan = {
        "title": "prices are gone",
        "description": "the shop shows its page without them",
        "steady-state-hypothesis": {"title": "the shop answers", "probes": [answers]},
        "method": [{"type": "action", "name": "outage", "provider": begin}, *asks, opened],
        "rollbacks": [{"type": "action", "name": "halt", "provider": provided("halt", shop)}],
    }
    (tmp_path / "experiment.json").write_text(json.dumps(plan))

    ran = subprocess.run(
        [str(CHAOS), "--no-version-check", "run", "--rollback-strategy=always", "experiment.json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    journal = json.loads((tmp_path / "journal.json").read_text())
    assert journal["status"] == "completed"
    assert journal["run"][-1]["output"] == "open"
    assert system.circuits["prices"].state == "open"
    assert system.chaos.results()[-1].injected == 3
    assert system.chaos.running() == []
