"""What tests of the shop share: an upstream in a thread, and the shop in this process."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from flask.testing import FlaskClient

from flaky_upstream.behaviour import Behaviour, Mode
from flaky_upstream.server import Upstream
from flask_shop import create_app
from flask_shop.factory import BASELINE
from flask_shop.upstream import CLIENT
from resilience.testing import reset

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
TOKEN = "let-me-see"


@contextmanager
def running_upstream() -> Iterator[Upstream]:
    """Give an upstream that serves in a thread, on a free port."""
    with Upstream("127.0.0.1", 0) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


class Shop:
    """The shop, asked without sockets; its upstream is real, as are the calls to it.

    Args:
        upstream: what it calls.
        config: over `create_app`'s; timeouts are short, as nothing here is slow by itself.
    """

    def __init__(self, upstream: Upstream, **config: Any) -> None:
        self.upstream = upstream
        self.app = create_app(
            {
                "UPSTREAM_URL": upstream.address,
                "UPSTREAM_TIMEOUT": 1.0,
                "SHOP_HEALTH_TOKEN": TOKEN,
                "TESTING": True,
                **config,
            }
        )
        self.client: FlaskClient = self.app.test_client()

    def tell(self, mode: Mode, path: str | None = None, status: int = 500) -> None:
        """Put a behaviour of the upstream in force."""
        self.upstream.control.apply(Behaviour(mode=mode, status=status), path)

    def calls(self, path: str) -> int:
        """Return how many calls of a path have reached the upstream."""
        paths: Any = self.upstream.control.counts()["paths"]
        return sum(paths[path].values())

    def get(self, path: str, **headers: str) -> Any:
        """Return the answer to a GET."""
        return self.client.get(path, headers=headers)

    def buy(self, sku: str = "mug", **headers: str) -> Any:
        """Return the answer to an order of one product, as the page's form sends it."""
        return self.client.post("/orders", data={"sku": sku, "order": "7-mug"}, headers=headers)

    def close(self) -> None:
        """Let the connections go, and undo what a shop does to the whole process."""
        client: httpx2.Client = self.app.extensions[CLIENT]
        client.close()
        if BASELINE in self.app.extensions:
            self.app.extensions[BASELINE].close()
        reset()


@contextmanager
def open_shop(upstream: Upstream, **config: Any) -> Iterator[Shop]:
    """Give a shop with all circuits closed, and close it."""
    reset()
    shop = Shop(upstream, **config)
    try:
        yield shop
    finally:
        shop.close()


def document(answer: Any) -> Any:
    """Return an answer's JSON body, whatever its content type says."""
    return json.loads(answer.data)
