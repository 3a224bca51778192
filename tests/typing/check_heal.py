"""What type checkers see of `@heal` and `system.healer`; checked, never run."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

from resilience import Action, MemoryCheckpoint, Restore, heal, system
from resilience.healing.failures import Failure
from resilience.healing.records import Recovery, Statistics


@heal
def bare(text: str) -> int:
    """Without arguments."""
    return len(text)


@heal("payments", category="network", severity="high")
async def charge(order: int) -> str:
    """As in the README."""
    return str(order)


@heal(on=(KeyError,), ignore=ValueError, strategy=["action", Restore(MemoryCheckpoint())])
def rows() -> Iterator[int]:
    """A generator."""
    yield 1


@heal("database", max_wait=timedelta(seconds=1))
async def rows_async() -> AsyncIterator[int]:
    """An async generator."""
    yield 1


class Orders:
    """With a guarded method."""

    @heal("database")
    def count(self, of: str) -> int:
        """Count."""
        return len(of)


class Reconnect(Action):
    """An action of one's own."""


@system.healer.action("database", cool_down=timedelta(seconds=30), on=ConnectionError, limit=1)
def reconnect() -> str:
    """A function as an action stays what it is."""
    return "done"


@system.healer.handler("slack")
def tell(text: str, context: dict[str, Any]) -> None:
    """Tell somebody."""


async def uses() -> None:
    """Calls keep their types."""
    assert_type(bare("a"), int)
    assert_type(await charge(3), str)
    assert_type(rows(), Iterator[int])
    assert_type(rows_async(), AsyncIterator[int])
    assert_type(Orders().count("a"), int)
    assert_type(reconnect(), str)
    assert_type(system.healer.action(Reconnect("database")), Reconnect)
    assert_type(system.healer.run("payments", bare, "a", severity="high"), int)
    assert_type(await system.healer.run_async("payments", charge, 3, category="network"), str)
    assert_type(await system.healer.run_async("payments", bare, "a"), int)
    assert_type(system.healer.failed("database", "postgres", OSError(), "critical"), Failure)
    assert_type(system.healer.statistics(), Statistics)
    assert_type(system.healer.statistics().success_rate, float | None)
    assert_type(system.healer.history(), list[Recovery])
    assert_type(system.healer.clear_history(datetime.now(UTC)), int)
    assert_type(system.healer.recover("database"), bool)


def mistakes() -> None:
    """What is refused."""
    bare(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    heal("a", catgory="network")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    call: Callable[[int], int] = bare  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    call(3)
