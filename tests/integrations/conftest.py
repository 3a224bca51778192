"""Fixtures of the integrations' tests."""

import pytest
from flask import Flask

# Before the import, so that failures inside the shared contract show their values.
for each in ("", "overload_", "health_", "dashboard_", "chaos_", "metrics_"):
    pytest.register_assert_rewrite(f"tests.integrations.{each}contract")

from tests.integrations.contract import Ask, Shop  # noqa: E402
from tests.integrations.flask_site import ask_of, shop_app  # noqa: E402


@pytest.fixture
def shop() -> Shop:
    """Give guarded calls with a system of their own."""
    return Shop()


@pytest.fixture
def app(shop: Shop) -> Flask:
    """Give an app with the shop's routes, not yet set up."""
    return shop_app(shop)


@pytest.fixture
def ask(app: Flask) -> Ask:
    """Give what sends requests to the app."""
    return ask_of(app)
