"""A client of the shop, whose settings are read from the environment, once for the process."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client


@pytest.fixture(scope="session")
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Give what undoes changes of the environment, at the end of the session."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture
def client(config: dict[str, Any], environment: pytest.MonkeyPatch) -> Iterator[Client]:
    """Give a client of the shop; its guards are those of the whole process."""
    for name, value in {**config, "SHOP_HOSTS": "testserver"}.items():
        environment.setenv(name, str(value))
    from django_shop import orders, upstream
    from django_shop.factory import create_app

    create_app()
    yield Client(raise_request_exception=False)
    orders.book.cache_clear()
    upstream.client().close()
    upstream.client.cache_clear()
