"""Fixtures of the shops: the service behind them, and each framework's kind of shop."""

from collections.abc import Iterator

import pytest

from flaky_upstream.behaviour import Behaviour
from flaky_upstream.server import Upstream
from tests.examples.shops import SHOPS, Shop, running_upstream


@pytest.fixture(scope="module")
def service() -> Iterator[Upstream]:
    """Give one upstream for all tests."""
    with running_upstream() as server:
        yield server


@pytest.fixture
def upstream(service: Upstream) -> Upstream:
    """Give the upstream, well and with nothing counted."""
    service.control.apply(Behaviour())
    service.control.reset_counts()
    return service


@pytest.fixture(params=SHOPS, ids=[each.name for each in SHOPS])
def kind(request: pytest.FixtureRequest) -> type[Shop]:
    """Give each framework's kind of shop in turn."""
    found: type[Shop] = request.param
    return found
