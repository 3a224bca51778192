"""What FastAPI alone has: dependencies, and a document of the API."""

from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.testclient import TestClient

from resilience import ConfigurationError, System
from resilience_starlette import RESPONSES, Resilience
from resilience_starlette.dependencies import AppSystem, get_system
from tests.integrations.contract import Shop


def shop_api(system: System) -> FastAPI:
    """Return an API with an operation, and one that says itself what its 503 means."""
    app = FastAPI(title="shop")

    @app.get("/prices", responses={503: {"description": "closed on Sundays"}})
    @system.circuit("prices")
    async def prices(limit: int = 10) -> list[int]:
        return [limit]

    @app.post("/orders")
    async def order(system: AppSystem) -> str:
        return str(system.circuits["prices"].state)

    return app


def test_the_document_tells_of_rejections(shop: Shop) -> None:
    """503 with `Retry-After`, and 504, of every operation that says nothing else."""
    app = shop_api(shop.system)
    Resilience(app, system=shop.system)

    document = TestClient(app).get("/openapi.json").json()

    prices, orders = document["paths"]["/prices"]["get"], document["paths"]["/orders"]["post"]
    assert prices["responses"]["503"]["description"] == "closed on Sundays"
    assert set(orders["responses"]) == {"200", "503", "504"}
    rejected = orders["responses"]["503"]
    assert rejected["headers"]["Retry-After"]["schema"] == {"type": "integer"}
    problem = rejected["content"]["application/problem+json"]["schema"]["properties"]
    assert {"circuit", "retry_after", "instance"} <= set(problem)
    assert "retry_after" not in str(orders["responses"]["504"])
    assert [each["name"] for each in prices["parameters"]] == ["limit"]
    assert "requestBody" not in orders


def test_the_document_says_what_is_answered(shop: Shop) -> None:
    """A real rejection has the members that are documented, and no others."""
    app = shop_api(shop.system)
    Resilience(app, system=shop.system)
    shop.system.circuits["prices"].force_open("test", "tester")

    answer = TestClient(app).get("/prices")

    schema = RESPONSES[503]["content"]["application/problem+json"]["schema"]
    types: dict[str, Any] = {"string": str, "integer": int}
    assert set(schema["required"]) <= set(answer.json()) <= set(schema["properties"])
    for name, value in answer.json().items():
        assert isinstance(value, types[schema["properties"][name]["type"]])


def test_responses_may_be_given_to_a_router() -> None:
    """FastAPI's own way, where the one line is not used."""
    app, router = FastAPI(), APIRouter(responses=RESPONSES)
    router.add_api_route("/prices", lambda: 1)
    app.include_router(router)

    answers = app.openapi()["paths"]["/prices"]["get"]["responses"]

    assert set(answers) == {"200", "503", "504"}


def test_an_endpoint_may_ask_for_the_system(shop: Shop) -> None:
    """The app's own, and another in a test."""
    app = shop_api(shop.system)
    Resilience(app, system=shop.system)
    other = System()
    other.circuits.get("prices").force_open("test", "tester")

    assert TestClient(app).post("/orders").json() == "closed"
    app.dependency_overrides[get_system] = lambda: other
    assert TestClient(app).post("/orders").json() == "forced_open"


def test_asking_an_app_that_is_not_set_up_is_an_error(shop: Shop) -> None:
    """In words that say what to do."""
    with pytest.raises(ConfigurationError, match="'shop' is not set up: call Resilience"):
        TestClient(shop_api(shop.system)).post("/orders")


def test_guarded_dependencies_keep_their_parameters(shop: Shop) -> None:
    """As FastAPI reads them from the signature."""
    app = FastAPI()

    @shop.system.fallback(1)
    @shop.system.circuit("page")
    def page(number: int = 1) -> int:
        return number

    @app.get("/")
    def first(number: int = Depends(page)) -> int:
        return number

    Resilience(app, system=shop.system)

    assert TestClient(app).get("/?number=7").json() == 7
    assert TestClient(app).get("/?number=x").status_code == 422
    assert shop.circuit("page").snapshot().failures == 0
