"""Functions of each kind that fail, for the tests of strategies."""

import asyncio
import functools
from collections.abc import Callable
from typing import Any

import pytest

from resilience import System

Call = Callable[..., Any]


class DownError(Exception):
    """What the guarded calls of these tests fail with."""


def down(*_: Any, **__: Any) -> Any:
    """Fail."""
    raise DownError("own")


def failing(error: Exception) -> Call:
    """Return a source that fails."""

    def source(*_: Any) -> Any:
        raise error

    return source


def run(call: Call, *args: Any, **kwargs: Any) -> Any:
    """Call, and await where that is due."""
    result = call(*args, **kwargs)
    return asyncio.run(result) if asyncio.iscoroutine(result) else result


def as_plain(call: Call) -> Call:
    """Leave a function as it is."""
    return call


def as_coroutine(call: Call) -> Call:
    """Make a coroutine function of it."""

    @functools.wraps(call)
    async def coroutine(*args: Any, **kwargs: Any) -> Any:
        return call(*args, **kwargs)

    return coroutine


def as_maker(call: Call) -> Call:
    """Make a plain function that returns a coroutine."""

    @functools.wraps(call)
    def maker(*args: Any, **kwargs: Any) -> Any:
        return as_coroutine(call)(*args, **kwargs)

    return maker


@pytest.fixture(params=[as_plain, as_coroutine, as_maker])
def kind(request: pytest.FixtureRequest) -> Call:
    """Give each kind of function in turn."""
    made: Call = request.param
    return made


class Upstream:
    """What is called: answers with what it is told, or is down."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.is_down = False

    def ask(self, *_: Any, **__: Any) -> Any:
        """Answer, or fail."""
        if self.is_down:
            raise DownError
        return self.answer


@pytest.fixture
def upstream() -> Upstream:
    """Give an upstream that works."""
    return Upstream()


@pytest.fixture
def ask(system: System, upstream: Upstream) -> Call:
    """Give a call to it whose answers may be five minutes old."""
    guarded: Call = system.fallback("nothing kept", stale_for=300)(upstream.ask)
    return guarded
