"""What tests of the shops share: an upstream in a thread, and each framework's shop.

A framework adds a subclass of `Shop` to `SHOPS`; its shop then has to pass every test there is.
"""

import importlib
import json
import os
import runpy
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import patch

import pytest
import uvicorn
from django.test import override_settings
from starlette.testclient import TestClient
from werkzeug.serving import make_server
from werkzeug.test import Client

import django_shop
import django_shop.factory
import django_shop.orders
import django_shop.pages
import django_shop.upstream
import flask_shop.factory
import flask_shop.pages
import flask_shop.upstream
import resilience_flask
import resilience_starlette
import starlette_shop.factory
import starlette_shop.upstream
import storefront.orders
from flaky_upstream.behaviour import Behaviour, Mode
from flaky_upstream.server import Upstream
from resilience import System
from resilience.testing import reset
from tests.integrations import django_project

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


class Shop(ABC):
    """A shop, asked without sockets; its upstream is real, as are the calls to it.

    Args:
        upstream: what it calls.
        config: over `create_app`'s; timeouts are short, as nothing here is slow by itself.
    """

    name: ClassVar[str]
    factory: Any
    upstream_module: Any
    book_module: Any

    def __init__(self, upstream: Upstream, **config: Any) -> None:
        self.upstream = upstream
        given = {
            "UPSTREAM_URL": upstream.address,
            "UPSTREAM_TIMEOUT": 1.0,
            "SHOP_DATABASE": "sqlite://",
        }
        self.app = self.factory.create_app({**given, "SHOP_HEALTH_TOKEN": TOKEN, **config})

    @classmethod
    def rewire(cls, patch: pytest.MonkeyPatch, system: System) -> None:
        """Let the shops of this kind that are made from now on be guarded by `system`."""
        patch.setattr("resilience.circuit", system.circuit)
        patch.setattr("resilience.fallback", system.fallback)
        patch.setattr("resilience.feature", system.feature)
        patch.setattr("resilience.heal", system.heal)
        importlib.reload(cls.upstream_module)
        importlib.reload(storefront.orders)
        patch.setattr(
            cls.book_module, "OrderBook", partial(storefront.orders.OrderBook, system=system)
        )

    @abstractmethod
    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Any:
        """Return the answer to a request: `status_code`, `headers`, `text`."""

    @abstractmethod
    def served(self) -> AbstractContextManager[str]:
        """Give the address at which it is served, to browsers."""

    @abstractmethod
    def close(self) -> None:
        """Let the connections go, and undo what a shop does to the whole process."""

    def tell(self, mode: Mode, path: str | None = None, status: int = 500) -> None:
        """Put a behaviour of the upstream in force."""
        self.upstream.control.apply(Behaviour(mode=mode, status=status), path)

    def calls(self, path: str) -> int:
        """Return how many calls of a path have reached the upstream."""
        paths: Any = self.upstream.control.counts()["paths"]
        return sum(paths[path].values())

    def get(self, path: str, **headers: str) -> Any:
        """Return the answer to a GET."""
        return self.ask("GET", path, headers)

    def buy(self, sku: str = "mug", order: str = "7-mug", **headers: str) -> Any:
        """Return the answer to an order of one product, as the page's form sends it."""
        return self.ask("POST", "/orders", headers, form={"sku": sku, "order": order})

    def buy_json(self, document: Any) -> Any:
        """Return the answer to an order as a program sends it; bytes are sent as they are."""
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.ask("POST", "/orders", {"Content-Type": "application/json"}, content=content)


class WsgiShop(Shop):
    """A shop for WSGI servers, asked and served by Werkzeug's."""

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Any:
        """Return the answer to a request."""
        client = Client(self.app)
        # Read to its end and closed, as a server does: else a request is never over.
        return client.open(
            path, method=method, headers=headers, data=form or content, buffered=True
        )

    @contextmanager
    def served(self) -> Iterator[str]:
        """Give the address at which it is served."""
        server = make_server("127.0.0.1", 0, self.app, threaded=True)
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()
        server.server_close()


class FlaskShop(WsgiShop):
    """The shop in Flask."""

    name = "flask"
    factory = book_module = flask_shop.factory
    upstream_module = flask_shop.upstream

    @classmethod
    def rewire(cls, patch: pytest.MonkeyPatch, system: System) -> None:
        """Let the shops of this kind be guarded by `system`."""
        super().rewire(patch, system)
        patch.setattr(flask_shop.pages, "system", system)
        ours = partial(resilience_flask.Resilience, system=system)
        patch.setattr(flask_shop.factory, "Resilience", ours)

    def close(self) -> None:
        """Let the connections go, and switch guards on again."""
        self.app.extensions[flask_shop.upstream.CLIENT].close()
        self.app.extensions[flask_shop.pages.ORDERS].close()
        if flask_shop.factory.BASELINE in self.app.extensions:
            self.app.extensions[flask_shop.factory.BASELINE].close()
        reset()


class DjangoShop(WsgiShop):
    """The shop in Django, whose settings are read from the environment for each."""

    name = "django"
    upstream_module = django_shop.upstream
    book_module = django_shop.orders
    system: ClassVar[System | None] = None
    _in_force: ClassVar[Any] = None

    @classmethod
    def rewire(cls, patch: pytest.MonkeyPatch, system: System) -> None:
        """Let the shops of this kind be guarded by `system`."""
        super().rewire(patch, system)
        patch.setattr(django_shop.pages, "system", system)
        patch.setattr(cls, "system", system)

    @staticmethod
    def _create_app(config: Mapping[str, Any] | None = None) -> Any:
        """Return the shop, with its settings in force until it is closed."""
        django_project.set_up()
        environment = {name: str(value) for name, value in (config or {}).items()}
        with patch.dict(os.environ, environment):
            module = runpy.run_path(django_shop.__path__[0] + "/settings.py")
            settings = {name: value for name, value in module.items() if name.isupper()}
            del settings["INSTALLED_APPS"], settings["LOGGING"]  # a process has them for good
            if DjangoShop.system is not None:
                settings["RESILIENCE"]["system"] = DjangoShop.system
            DjangoShop._in_force = override_settings(**settings)
            DjangoShop._in_force.enable()
            return django_shop.factory.create_app()

    factory = SimpleNamespace(create_app=_create_app)

    def close(self) -> None:
        """Let the connections go, and undo what a shop does to the whole process."""
        django_shop.upstream.client().close()
        django_shop.upstream.client.cache_clear()
        django_shop.orders.book().close()
        django_shop.orders.book.cache_clear()
        django_shop.factory.baseline.close()
        DjangoShop._in_force.disable()
        reset()


class StarletteShop(Shop):
    """The shop in FastAPI, asked on one event loop for as long as it is open."""

    name = "starlette"
    factory = book_module = starlette_shop.factory
    upstream_module = starlette_shop.upstream

    def __init__(self, upstream: Upstream, **config: Any) -> None:
        super().__init__(upstream, **config)
        self._client = TestClient(self.app, raise_server_exceptions=False)
        self._client.__enter__()

    @classmethod
    def rewire(cls, patch: pytest.MonkeyPatch, system: System) -> None:
        """Let the shops of this kind be guarded by `system`."""
        super().rewire(patch, system)
        patch.setattr(starlette_shop.factory, "Upstream", starlette_shop.upstream.Upstream)
        ours = partial(resilience_starlette.Resilience, system=system)
        patch.setattr(starlette_shop.factory, "Resilience", ours)

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> Any:
        """Return the answer to a request."""
        sent: Any = {name: value.encode("latin-1") for name, value in headers.items()}
        return self._client.request(method, path, headers=sent, data=form, content=content)

    @contextmanager
    def served(self) -> Iterator[str]:
        """Give the address at which it is served, on the loop on which it is asked."""
        config = uvicorn.Config(self.app, port=0, lifespan="off", log_level="warning")
        server = uvicorn.Server(config)
        portal = self._client.portal
        assert portal is not None
        serving = portal.start_task_soon(server.serve)
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
        server.should_exit = True
        serving.result()

    def close(self) -> None:
        """End the app's lifespan, which closes its client, and switch guards on again."""
        self._client.__exit__(None, None, None)
        if hasattr(self.app.state, "baseline"):
            self.app.state.baseline.close()
        reset()


SHOPS: list[type[Shop]] = [FlaskShop, DjangoShop, StarletteShop]


@contextmanager
def open_shop(kind: type[Shop], upstream: Upstream, **config: Any) -> Iterator[Shop]:
    """Give a shop with all circuits closed, and close it."""
    reset()
    shop = kind(upstream, **config)
    try:
        yield shop
    finally:
        shop.close()


def document(answer: Any) -> Any:
    """Return an answer's JSON body, whatever its content type says."""
    return json.loads(answer.text)
