"""A client of the shop."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_shop import create_app
from flask_shop.pages import ORDERS
from flask_shop.upstream import CLIENT


@pytest.fixture
def client(config: dict[str, Any]) -> Iterator[FlaskClient]:
    """Give a client of a shop of its own; its guards are those of the whole process."""
    app = create_app(config)
    yield app.test_client()
    app.extensions[CLIENT].close()
    app.extensions[ORDERS].close()
