"""A client of the shop."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from starlette_shop import create_app


@pytest.fixture
def client(config: dict[str, Any]) -> Iterator[TestClient]:
    """Give a client of a shop of its own; its guards are those of the whole process."""
    with TestClient(create_app(config), raise_server_exceptions=False) as client:
        yield client
