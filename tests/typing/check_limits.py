"""What type checkers see of limits; checked, never run."""

from typing import assert_type

from resilience import System
from resilience.core.deadline import remaining
from resilience.limits.bulkheads import Bulkhead, BulkheadSnapshot
from resilience.limits.headers import deadline_from_headers, deadline_headers
from resilience.limits.layer import bulkhead_of
from resilience.limits.registry import Bulkheads


def plain(user: str) -> list[str]:
    """Answer a list."""
    return [user]


async def asynchronous(user: str) -> list[str]:
    """Answer a list."""
    return [user]


bulkheads = Bulkheads(System().runtime)
bulkhead = bulkheads.get("payments", limit=5, max_wait=0.5)


async def calls() -> None:
    """Results keep their types, arguments are checked."""
    assert_type(bulkhead, Bulkhead)
    assert_type(bulkheads["payments"], Bulkhead)
    assert_type(bulkhead_of(plain), Bulkhead)
    assert_type(bulkhead.call(plain, "a"), list[str])
    assert_type(await bulkhead.call_async(asynchronous, "a"), list[str])
    assert_type(await bulkhead.call_async(plain, "a"), list[str])
    assert_type(bulkhead.snapshot(), BulkheadSnapshot)
    assert_type(bulkhead.snapshot().in_use, int)
    assert_type(bulkhead.limit, int)
    with bulkhead as entered:
        assert_type(entered, Bulkhead)
    async with bulkhead as entered_async:
        assert_type(entered_async, Bulkhead)
    bulkhead.call(plain, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bulkhead.resize("3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def deadlines() -> None:
    """Seconds, or nothing."""
    assert_type(remaining(), float | None)
    assert_type(deadline_from_headers({"X-Request-Timeout": "3"}, most=60.0), float | None)
    assert_type(deadline_headers(), dict[str, str])
