"""What the shops' suites share: the service behind them, well until a test says otherwise."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flaky_upstream.behaviour import Behaviour
from flaky_upstream.server import Upstream


@pytest.fixture(scope="session")
def service() -> Iterator[Upstream]:
    """Serve it in a thread, on a free port."""
    with Upstream("127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture
def config(service: Upstream) -> dict[str, Any]:
    """Give what a shop is told: where the service is, and a book of orders of its own."""
    service.control.apply(Behaviour())
    return {"UPSTREAM_URL": service.address, "UPSTREAM_TIMEOUT": 1.0, "SHOP_DATABASE": "sqlite://"}
