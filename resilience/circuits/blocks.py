"""What a `with` block of a circuit begins with."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Generic, TypeVar

R = TypeVar("R")


def begin() -> None:
    """Begin a `with` block: an experiment's fault goes in here, where there is one."""


async def begin_async() -> None:
    """Begin an `async with` block."""


class Ready(Awaitable[R], Generic[R]):
    """Something to await that is there already."""

    __slots__ = ("_value",)

    def __init__(self, value: R) -> None:
        self._value = value

    def __await__(self) -> Any:
        return self._value
        yield
