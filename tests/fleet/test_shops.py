"""The example shops with eight workers: what is ordered in one holds in all, and is confirmed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from resilience.web.admin.remote import Remote
from tests.servers.apps import AppServer
from tests.servers.process import LOOPBACK
from tests.servers.redis import RedisServer

TOKEN = "the token of these tests"
EXAMPLES = Path(__file__).parents[2] / "example_projects"
WORKERS = 8

pytestmark = pytest.mark.timeout(120)

SHOPS = {
    "flask": AppServer("gunicorn", "flask_shop:create_app()", "--workers", "8", "--threads", "4"),
    "django": AppServer("gunicorn", "django_shop.wsgi", "--workers", "8", "--threads", "4"),
    "starlette": AppServer("uvicorn", "starlette_shop:create_app", "--factory", "--workers", "8"),
}


@pytest.fixture(params=sorted(SHOPS))
def shop(
    request: pytest.FixtureRequest, fresh_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AppServer]:
    """Serve a shop whose workers share the store; nobody answers its calls."""
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")])
    )
    monkeypatch.setenv("RESILIENCE__FLEET__URL", fresh_redis.url)
    monkeypatch.setenv("SHOP_HEALTH_TOKEN", TOKEN)
    monkeypatch.setenv("UPSTREAM_URL", f"http://{LOOPBACK}:9")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "django_shop.settings")
    server = SHOPS[request.param]
    try:
        server.start()
        yield server
    finally:
        server.close()


def test_eight_workers_of_a_shop_are_of_one_mind(shop: AppServer) -> None:
    """Orders are confirmed by all of them; whichever worker is asked says the same."""
    app = Remote(f"http://{LOOPBACK}:{shop.port}", TOKEN)

    def all_are_there() -> bool:
        return app.state()["fleet"]["live"] == WORKERS

    shop.until(all_are_there, "have eight workers in one fleet")

    done = app.order({"action": "circuit.force_open", "name": "payment", "reason": "a drill"})
    assert done["confirmed"]["live"] == WORKERS
    shop.until(
        lambda: app.order({"action": "level.degrade", "level": "reduced", "reason": "a drill"})[
            "confirmed"
        ]["confirmed"] == WORKERS,
        "confirm an order in all workers",
    )  # fmt: skip
    seen = {}
    for _ in range(40):
        told = app.state()
        [payment] = [each for each in told["circuits"] if each["name"] == "payment"]
        seen[told["worker"]] = (payment["state"], told["level"]["level"])
    assert len(seen) > 1
    assert set(seen.values()) == {("forced_open", "reduced")}
