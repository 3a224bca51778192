"""Experiments on the shops in Django and FastAPI as operators run them: served, by the API."""

import http.client
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from flaky_upstream.behaviour import Behaviour, Mode
from flaky_upstream.server import Upstream
from resilience.web.admin.remote import Remote, RemoteError
from tests.examples.shops import TOKEN, running_upstream
from tests.servers.apps import AppServer, serving
from tests.servers.process import LOOPBACK, PATIENCE

EXAMPLES = Path(__file__).parents[2] / "example_projects"
SHOPS = {
    "django": ("gunicorn", "django_shop.wsgi", "--workers", "1", "--threads", "4"),
    "fastapi": ("uvicorn", "starlette_shop:create_app", "--factory"),
}
OUTAGE = {"kind": "outage"}


class ServedShop:
    """A shop on a real server, its visitors, and who operates it.

    Args:
        server: it runs.
        upstream: what the shop calls.
    """

    def __init__(self, server: AppServer, upstream: Upstream) -> None:
        self.server, self.upstream = server, upstream
        self.app = Remote(f"http://{LOOPBACK}:{server.port}", TOKEN)
        self.orders = 0

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Return the status, and what was stood in for."""
        return self._ask("GET", path, None, headers)

    def buy(self) -> int:
        """Order something; return the status."""
        self.orders += 1
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", "/orders", f"sku=mug&order={self.orders}-mug", form)[0]

    def _ask(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, str]:
        line = http.client.HTTPConnection(LOOPBACK, self.server.port, timeout=PATIENCE)
        try:
            line.request(method, path, body, headers)
            reply = line.getresponse()
            reply.read()
            return reply.status, reply.getheader("X-Degraded", "")
        finally:
            line.close()

    def order(self, action: str, **given: Any) -> None:
        """Order something of the shop."""
        self.app.order({"action": action, "reason": "a drill", **given})

    def begin(self, fault: dict[str, Any], target: str, *steady: str, **given: Any) -> None:
        """Begin an experiment."""
        table = {"name": "x", "fault": fault, "target": target, "steady_state": [*steady]}
        self.order("chaos.plan", experiment={**table, "duration": 60.0, **given})
        self.order("chaos.run", name=given.get("name", "x"))

    def result(self) -> dict[str, Any]:
        """Wait for the end of the experiment, and return what came of it; all is well again."""
        self.server.until(lambda: not self.experiments()["running"], "end the experiment")
        for circuit in ("prices", "recommendations", "payment"):
            self.order("circuit.reset", name=circuit)
        found: dict[str, Any] = self.experiments()["results"][0]
        return found

    def experiments(self) -> dict[str, Any]:
        """Return what is planned, what runs, and what came of others."""
        told: dict[str, Any] = self.app.state()["experiments"]
        return told


@pytest.fixture(scope="module", params=list(SHOPS.values()), ids=list(SHOPS))
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedShop]:
    """Serve a shop in which experiments are allowed; each test leaves it well."""
    orders = tmp_path_factory.mktemp("shop") / "orders.db"
    with running_upstream() as upstream, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "PYTHONPATH": os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")]),
            "DJANGO_SETTINGS_MODULE": "django_shop.settings",
            "SHOP_HEALTH_TOKEN": TOKEN,
            "SHOP_DATABASE": f"sqlite:///{orders}",
            "UPSTREAM_URL": upstream.address,
            "UPSTREAM_TIMEOUT": "5",
            "RESILIENCE__CHAOS__ENABLED": "true",
            "RESILIENCE__CHAOS__CHECK_INTERVAL": "0.05",
        }.items():
            patch.setenv(name, value)
        with serving(*request.param) as server:
            yield ServedShop(server, upstream)


def test_experiments_on_a_shop_that_is_served(shop: ServedShop) -> None:
    """Each kind of target, what is refused, what aborts one, and that all of it ends."""
    assert shop.get("/")[0] == 200
    assert shop.buy() == 201

    # A circuit opens on injected errors as on real ones, and its fallback stands in.
    shop.begin(OUTAGE, "prices", duration=0.5)
    assert {shop.get("/api/prices") for _ in range(5)} == {(200, "prices=stale")}
    result = shop.result()
    assert (result["status"], result["injected"]) == ("completed", 3)
    assert "circuit 'prices' opened once" in result["observations"]
    assert shop.get("/api/prices") == (200, "")

    # What fails with a real type is handled as that; nothing stands in for a payment.
    shop.begin({"kind": "error", "exception": "httpx2:ConnectTimeout"}, "circuit:payment")
    assert [shop.buy() for _ in range(4)] == [502, 502, 502, 503]
    shop.order("chaos.halt")
    assert "nothing to answer with" in shop.result()["recommendations"][0]

    # A feature, a component, and a route: whoever is not its target notices nothing.
    shop.begin(OUTAGE, "feature:recommendations")
    assert shop.get("/api/shop/ann") == (200, "recommendations=fallback")
    shop.order("chaos.halt")
    shop.begin(OUTAGE, "component:orders")
    assert (shop.buy(), shop.get("/")[0]) == (500, 200)
    shop.order("chaos.halt")
    shop.begin(OUTAGE, "/api/prices", match={"header": {"X-Test": "yes"}})
    asked = [shop.get("/api/prices"), shop.get("/"), shop.get("/api/prices", **{"X-Test": "yes"})]
    assert [status for status, _ in asked] == [200, 200, 500]
    shop.order("chaos.halt")
    assert shop.buy() == 201

    # All that a page calls is gone: it is there all the same, and the advice counts by circuit.
    shop.begin(OUTAGE, "calls:/")
    for _ in range(2):
        assert shop.get("/") == (200, "prices=stale, recommendations=fallback")
    shop.order("chaos.halt")
    advice = shop.result()["recommendations"]
    assert any("`prices` never opened" in each and "below min_calls 3" in each for each in advice)
    assert not any("payment" in each for each in advice)


def test_what_ends_or_refuses_an_experiment_on_a_served_shop(shop: ServedShop) -> None:
    """It is refused, aborted, or halted; requests that it holds up go on at once."""
    shop.get("/api/prices")
    shop.buy()
    slow = {"kind": "latency", "seconds": 0.01}
    for target, given, said in (
        ("circuit:price", {}, "did you mean 'prices'"),
        ("/api/price", {}, "did you mean '/api/prices'"),
        ("prices", {"duration": 1e4}, "longer than chaos.max_duration"),
        ("prices", {"steady_state": ["circuit prices is open"]}, "not steady before it began"),
    ):
        with pytest.raises(RemoteError, match=said):
            shop.begin(slow, target, **given)

    shop.begin(OUTAGE, "prices", "circuit prices is closed")
    for _ in range(3):
        shop.get("/api/prices")
    assert "the steady state broke" in shop.result()["reason"]

    shop.begin(slow, "prices")
    shop.upstream.control.apply(Behaviour(mode=Mode.FAIL), "/payments")
    assert [shop.buy() for _ in range(3)] == [502] * 3
    assert shop.result()["reason"] == "circuit 'payment' opened, which is outside of its target"
    shop.upstream.control.apply(Behaviour(), "/payments")

    shop.begin(slow, "prices")
    shop.order("level.degrade", level="minimal")
    assert shop.result()["reason"] == "the level of service reached minimal"
    with pytest.raises(RemoteError, match="the level of service is minimal"):
        shop.begin(slow, "prices")
    shop.order("level.recover")

    shop.begin({"kind": "latency", "seconds": 50.0}, "/orders")
    began, answers = monotonic(), []
    visitor = threading.Thread(target=lambda: answers.append(shop.buy()))
    visitor.start()
    shop.server.until(
        lambda: shop.experiments()["running"][0]["injected"] == 1, "hold up a request"
    )
    with pytest.raises(RemoteError, match=r"chaos\.max_concurrent is 1"):
        shop.begin(slow, "prices", name="y")
    shop.order("chaos.halt")
    visitor.join()
    assert (answers, monotonic() - began < 25.0) == ([201], True)
    assert shop.result()["status"] == "aborted"
