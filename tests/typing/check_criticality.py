"""Marks give back what they were put on."""

from collections.abc import Awaitable, Callable
from typing import assert_type

from resilience import critical, sheddable


@critical
def order(sku: str) -> int:
    """Answer."""
    return len(sku)


@sheddable
async def extras(user: str) -> list[str]:
    """Answer."""
    return [user]


def check() -> None:
    """See what type checkers see."""
    assert_type(order("mug"), int)
    call: Callable[[str], Awaitable[list[str]]] = extras
    del call
