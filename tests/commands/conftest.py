"""A shop that is served, for commands to ask."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from resilience import Feature, System
from resilience.web.actors import bearer
from resilience_flask import Resilience

TOKENS = {"ada": "the long token of ada", "bob": "the long token of bob"}


class Shop:
    """An app with a circuit, a feature, and a check that can be made to fail."""

    def __init__(self) -> None:
        self.is_down = False
        self.healed = 0
        settings = {"chaos": {"enabled": True, "check_interval": 0.1, "require_approval": False}}
        self.system = system = System(settings)

        @system.circuit("prices", failure_threshold=2)
        def prices() -> str:
            return "3"

        @system.health.check("postgres", component="database", criticality="critical")
        def check() -> bool:
            return not self.is_down

        @system.healer.action("database")
        def reconnect() -> None:
            self.healed += 1
            self.is_down = False

        self.prices = prices
        system.degradation.add(Feature("offers", priority=20))
        self.app = Flask("shop of the tests")
        Resilience(self.app, system=system, authorize=bearer(TOKENS))

    def fall_ill(self) -> None:
        """Let the database's check fail, often enough to be believed."""
        self.is_down = True
        for _ in range(5):
            self.system.health.verify("database")


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Give a shop whose engine stands still."""
    made = Shop()
    yield made
    made.system.stop()


@pytest.fixture
def url(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the shop; the variables name it, and ada's token."""
    server = make_server("127.0.0.1", 0, shop.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("RESILIENCE_URL", address)
    monkeypatch.setenv("RESILIENCE_TOKEN", TOKENS["ada"])
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Be in a folder of its own, whose modules are gone afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("mis_built"):
            del sys.modules[name]
