"""Metrics as Prometheus reads them: of one process, of several workers, in an app's registry."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from resilience import ConfigurationError, System
from resilience.metrics import ALL
from resilience.settings import WebSettings
from resilience.telemetry import prometheus
from resilience.telemetry.metric import Kind
from resilience.web.endpoints import answer
from resilience_flask import Resilience
from tests.servers.apps import ROOT, AppServer, eventually, serving

APP = "tests.telemetry.metered:app"
CALLS = "resilience_circuit_calls_total"


def read(text: str) -> dict[tuple[str, ...], float]:
    """Return `{(name, label value, ...): value}`, labels by their names' order."""
    return {
        (each.name, *(each.labels[name] for name in sorted(each.labels))): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def asked(system: System, *, metrics: bool = False, endpoints: bool = True) -> str:
    """Return what `/metrics` answers."""
    web = WebSettings(metrics=metrics, endpoints=endpoints)
    told = answer(system, web, "GET", "/metrics", {}, lambda: None)
    return "" if told is None else told.body.decode()


def test_it_is_only_served_where_the_settings_say_so(system: System) -> None:
    """Names of circuits and routes are not for everybody; and the path may be the app's own."""
    assert asked(system) == ""
    assert asked(system, metrics=True, endpoints=False) == ""
    assert "resilience_" not in asked(system, metrics=True)  # nothing is used yet
    system.circuits.get("payments")
    assert "resilience_circuit_state" in asked(system, metrics=True)


def test_names_are_as_prometheus_wants_them() -> None:
    """Lower case, counters without `_total`, base units, a help text that is a sentence."""
    for metric in ALL:
        assert metric.name.startswith("resilience_")
        assert metric.name == metric.name.lower()
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket", "_info"))
        assert not {"le", "quantile"} & set(metric.labels)
        assert metric.text.endswith(".")
        assert ("seconds" in metric.name) == (metric.kind is Kind.HISTOGRAM)


def test_the_page_has_all_of_them() -> None:
    """By the names that a scrape has."""
    page = (ROOT / "docs" / "metrics.md").read_text()

    for metric in ALL:
        name = metric.name + "_total" * (metric.kind is Kind.COUNTER)
        labels = ", ".join(f"`{each}`" for each in metric.labels)
        assert f"| `{name}` | {labels}{' ' * bool(labels)}| " in page


def test_durations_become_buckets(system: System) -> None:
    """Cumulative, as Prometheus' quantiles want them."""
    for seconds in (0.004, 0.03, 0.03, 7.0, 60.0):
        system.traffic.record("/", seconds, failed=False)

    told = read(asked(system, metrics=True))

    name = "resilience_request_duration_seconds"
    bounds = [f"{each}" for each in prometheus.BUCKETS] + ["+Inf"]
    assert [told[f"{name}_bucket", bound, "/"] for bound in bounds] == [
        1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 4, 5,
    ]  # fmt: skip
    assert told[f"{name}_count", "/"] == 5
    assert told[f"{name}_sum", "/"] == pytest.approx(67.064)


def test_an_apps_own_metrics_are_told_beside_ours(system: System) -> None:
    """Whoever has some in the client's registry needs no second endpoint."""
    system.circuits.get("payments")
    told = asked(system, metrics=True)

    assert "python_info" in told
    assert told.count("# TYPE resilience_circuit_state ") == 1


@pytest.fixture
def registered(system: System) -> Iterator[System]:
    """Give a system that the client's own registry tells of."""
    end = prometheus.register(system)
    system.circuits.get("payments")
    yield system
    end()
    end()  # twice is as good as once
    assert "resilience_" not in generate_latest(REGISTRY).decode()


def test_a_registry_can_tell_of_a_system(registered: System) -> None:
    """For apps that serve one already; once, though `/metrics` is ours as well."""
    assert b"resilience_circuit_state" in generate_latest(REGISTRY)
    assert asked(registered, metrics=True).count("# TYPE resilience_circuit_state ") == 1


def test_a_registry_tells_of_one_system(registered: System) -> None:
    """Two would tell the same names; each may have a registry of its own."""
    with pytest.raises(ConfigurationError, match=r"already.*CollectorRegistry"):
        prometheus.register(registered)
    own = CollectorRegistry()
    prometheus.register(System(), own)
    with pytest.raises(ConfigurationError, match="already"):
        prometheus.register(System(), own)


def test_metrics_are_of_the_system_that_is_asked(registered: System) -> None:
    """Whichever other one the client's registry has."""
    other = System()
    other.circuits.get("stock")

    told = asked(other, metrics=True)

    assert ("stock" in told, "payments" in told, "python_info" in told) == (True, False, True)
    assert told.count("# TYPE resilience_circuit_state ") == 1


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the app is set up, not when the first scrape comes."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    app = Flask("shop")
    app.config["RESILIENCE_WEB"] = {"metrics": True}

    with pytest.raises(ConfigurationError, match=r"pip install 'resilience-web\[prometheus\]'"):
        Resilience(app, system=System())


def test_the_folder_that_workers_share_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Said when the app is set up."""
    monkeypatch.setenv(prometheus.SHARED, str(tmp_path / "none"))
    app = Flask("shop")
    app.config["RESILIENCE_WEB"] = {"metrics": True}

    with pytest.raises(ConfigurationError, match="none: make this folder"):
        Resilience(app, system=System())


# -- several workers --------------------------------------------------------------------------

A_WORKER = """
from resilience import System
from resilience.telemetry import prometheus
from resilience.testing import ManualClock

clock = ManualClock()
system = System(clock=clock)
prometheus.register(system)
prometheus.register(system)
for _ in range(3):
    system.circuits.get("payments").call(int)
system.health.check("db", lambda: False, component="database")
system.tick()
clock.advance(2.5)
system.tick()
before, _ = prometheus.text(system, "")
system.health.remove("db")
clock.advance(2.5)
system.tick()
after, _ = prometheus.text(system, "")
print(before.decode(), after.decode(), sep="---", end="")
"""


def test_a_worker_writes_what_it_is_at(tmp_path: Path) -> None:
    """Once, however often it is registered; and takes back what is no more."""
    run = subprocess.run(
        [sys.executable, "-c", A_WORKER],
        env={**os.environ, prometheus.SHARED: str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = (read(each) for each in run.stdout.split("---"))

    assert before[CALLS, "payments", "success"] == after[CALLS, "payments", "success"] == 3
    down, score = ("resilience_component_status", "database", "fail"), "resilience_component_score"
    assert (before[down], before[score, "database"]) == (1, 0)
    assert (after[down], after[score, "database"]) == (0, float("inf"))


def sums(server: AppServer) -> dict[tuple[str, ...], float]:
    """Return what one scrape tells."""
    status, text = server.get("/metrics")
    assert status == 200
    return read(text)


SERVERS = {
    "gunicorn": ("--workers", "4", "--threads", "2"),
    "gunicorn, preloaded": ("--workers", "4", "--preload"),
    "uvicorn": ("--workers", "2", "--interface", "wsgi"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_one_scrape_tells_of_all_workers(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Sums that never go back, also when one of them is killed and another takes its place."""
    monkeypatch.setenv(prometheus.SHARED, str(tmp_path))
    with serving(name.partition(",")[0], APP, *SERVERS[name]) as server:
        paid = Counter[str]()

        def is_paid_by_several() -> bool:
            with ThreadPoolExecutor(8) as clients:
                paid.update(clients.map(lambda _: server.get("/pay/ada")[1], range(24)))
            return len(paid) > 1

        assert eventually(is_paid_by_several)
        done = (CALLS, "payments", "success")
        assert eventually(lambda: sums(server).get(done) == paid.total())
        assert eventually(
            lambda: sums(server)["resilience_circuit_state", "payments", "closed"] == len(paid)
        )
        count = "resilience_request_duration_seconds_count"
        assert sum(value for key, value in sums(server).items() if key[0] == count) == paid.total()

        killed = int(paid.most_common()[0][0])
        os.kill(killed, signal.SIGKILL)
        told = []

        def is_forgotten() -> bool:
            told.append(sums(server))
            return told[-1]["resilience_circuit_state", "payments", "closed"] == len(paid) - 1

        assert eventually(is_forgotten)

    assert {each[done] for each in told} == {paid.total()}


def test_two_scrapes_may_forget_the_same_worker(
    system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who comes second finds its files gone, and tells of the others all the same."""
    monkeypatch.setenv(prometheus.SHARED, str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for pid in (os.getpid(), ended.pid):
        (tmp_path / f"counter_{pid}.db").write_bytes(bytes(8))  # a store of no values
    (tmp_path / f"gauge_livesum_{ended.pid}.db").write_bytes(bytes(8))
    remove = os.remove

    def remove_twice(path: str) -> None:
        remove(path)  # the other scrape's
        remove(path)

    monkeypatch.setattr(os, "remove", remove_twice)
    assert prometheus.text(system, "")[0] == b""
    assert not list(tmp_path.glob("gauge_*"))


def test_a_worker_that_tells_of_itself_alone_says_so() -> None:
    """Numbers that jump from scrape to scrape are a riddle else."""
    with serving("gunicorn", APP, "--workers", "2") as server:
        assert sums(server)["resilience_requests_under_way",] == 0
        log = server.directory / "log"
        assert eventually(lambda: "each answer of /metrics is of one worker" in log.read_text())


def test_nothing_of_the_client_is_loaded_unless_it_is_asked_for() -> None:
    """Not by an app that does not serve metrics."""
    code = (
        "import sys, flask; from resilience_flask import Resilience; "
        "Resilience(flask.Flask('shop')); sys.exit('prometheus_client' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
