"""What workers agree on, from the store that they share, without asking any of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from resilience import CircuitOpenError, Experiment, Outage, System
from resilience.neighbours import beside
from resilience_flask import Resilience
from tests.commands.running import run, told
from tests.servers.redis import RedisServer


class Worker:
    """A worker in a fleet of its own, on the machine's clock."""

    def __init__(self, url: str) -> None:
        self.system = System({"fleet": {"url": url, "prefix": "shop"}, "chaos": {"enabled": True}})
        self.system.circuits.get("payments", failure_threshold=2)
        self.system.circuits.get("stock")
        self.tell()

    def tell(self) -> None:
        """Exchange with the store, now."""
        self.system.fleet.roll()

    def fail(self) -> None:
        """Let payments open."""
        for _ in range(2):
            with pytest.raises(OSError, match="no bank"):
                self.system.circuits["payments"].call(_no_bank)
        self.tell()


def _no_bank() -> None:
    raise OSError("no bank")


def check(url: str) -> None:
    """Let a worker fail and be ordered, and see what the command tells of it."""
    worker = Worker(url)
    here = ("--url", url, "--prefix", "shop")
    assert told("fleet", *here)["circuits"] == []
    worker.fail()
    with pytest.raises(CircuitOpenError):
        worker.system.circuits["payments"].call(int)
    worker.system.circuits["stock"].force_open("stock-taking", "ada", for_=600)
    worker.system.degradation.degrade("reduced", "a sale", actor="bob")
    worker.system.chaos.plan(Experiment("gone", Outage(), "stock", duration=5), "ada")
    worker.tell()
    worker.tell()

    seen = told("fleet", *here)

    assert seen["levels"] == {"reduced": 1}
    assert [(each["level"], each["confirmed"]) for each in seen["workers"]] == [("reduced", True)]
    (payments,) = seen["circuits"]
    assert (payments["name"], payments["state"], payments["failures"]) == ("payments", "open", 2)
    assert 20 < payments["retry_after"] <= 33
    assert payments["error"] == "OSError: no bank"
    orders = {(each["on"], each["name"]): each for each in seen["orders"]}
    assert orders["circuit", "stock"]["value"] == "forced_open"
    assert 500 < orders["circuit", "stock"]["ends_in"] <= 600
    assert orders["level", "app"]["actor"] == "bob"
    assert orders["plan", "gone"]["value"]["experiment"]["fault"]["kind"] == "outage"
    said = run("fleet", *here).stdout
    assert "1 live worker\nlevels: 1 reduced" in said
    assert "outage on stock" in said
    assert told("fleet", "--url", url, "--prefix", "another")["workers"] == []
    worker.system.stop()
    assert told("fleet", *here)["workers"] == []


def test_a_fleet_in_redis_is_read(fresh_redis: RedisServer) -> None:
    """Its circuits, levels, orders and workers, also when all of these have gone."""
    check(fresh_redis.url)


def test_a_fleet_in_a_file_is_read(tmp_path: Path) -> None:
    """The same."""
    check(f"sqlite:///{tmp_path}/fleet.db")


def test_the_settings_say_where_it_is(folder: Path) -> None:
    """By the fleet's URL, or beside the journal in a file, where workers meet by themselves."""
    place = beside(folder / "journal.db")
    settings = folder / "resilience.toml"
    settings.write_text('[journal]\nurl = "sqlite:///journal.db"\n')
    unknown = run("fleet")
    assert (unknown.exit_code, "give --url" in unknown.stderr) == (1, True)
    Worker(f"sqlite:///{place}").system.stop()
    settings.write_text('[journal]\nurl = "sqlite:///journal.db"\n[fleet]\nprefix = "shop"\n')

    assert str(place) in told("fleet")["address"]


def test_in_an_app_its_own_is_read(tmp_path: Path) -> None:
    """As its journal is; whoever gave the settings."""
    worker = Worker(f"sqlite:///{tmp_path}/fleet.db")
    worker.system.configure({"journal": {"url": f"sqlite:///{tmp_path}/journal.db"}}, source="a")
    app = Flask("shop")
    Resilience(app, system=worker.system)
    worker.fail()

    def told_by(command: str) -> Any:
        said = app.test_cli_runner().invoke(args=["resilience", *command.split(), "--json"])
        return json.loads(said.output)

    assert [each["name"] for each in told_by("fleet")["circuits"]] == ["payments"]
    assert told_by("journal init")["address"] == f"sqlite:///{tmp_path}/journal.db"
    worker.system.stop()


def test_a_store_that_is_not_there_is_an_error_and_stays_away(folder: Path) -> None:
    """Whether nothing listens, no file is there, or the address is none; no password is shown."""
    for url, said in {
        "redis://:hunter2@127.0.0.1:1/0": "does not answer",
        f"sqlite:///{folder}/none.db": "no fleet at",
        "mysql://root:hunter2@localhost/x": "must be one of",
    }.items():
        result = run("fleet", "--url", url)
        assert result.exit_code == 1
        assert said in result.stderr
        assert "hunter2" not in result.stderr
    assert not list(folder.iterdir())
