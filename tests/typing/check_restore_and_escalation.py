"""What type checkers see of `Restore`, `Escalation` and `Action`; checked, never run."""

from datetime import timedelta
from typing import Any, assert_type

from resilience import Action, Escalation, FileCheckpoint, MemoryCheckpoint, Restore


def length(text: str) -> int:
    """Answer a number."""
    return len(text)


async def length_async(text: str) -> int:
    """Answer a number."""
    return len(text)


def put_back(state: dict[str, int]) -> None:
    """Use that state."""


async def tell(text: str, context: dict[str, Any]) -> None:
    """Tell somebody."""


def strategies() -> list[Restore | Escalation]:
    """All that they take."""
    return [
        Restore(MemoryCheckpoint()),
        Restore(checkpoint=FileCheckpoint("prices.json"), put_back=put_back, verify=lambda: True),
        Restore(MemoryCheckpoint(), on=(KeyError,), ignore=ValueError, name="prices"),
        Escalation(),
        Escalation("high", ["log", "slack"], True, handlers={"slack": tell}),
        Escalation(level="low", quiet=timedelta(minutes=5), claim=lambda component: None),
    ]


async def calls(restore: Restore, escalation: Escalation) -> None:
    """A call keeps its type, and a handler its own."""
    assert_type(restore.call(length, "a"), int)
    assert_type(await restore.call_async(length_async, "a"), int)
    assert_type(await escalation.call(length_async, "a"), int)
    assert_type(await escalation.call_async(length, "a"), int)
    assert_type(escalation.escalate("no answer", "database", order=7), bool)
    await escalation.handler("slack")(tell)("text", {})
    restore.call(length, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Restore(MemoryCheckpoint(), onn=KeyError)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class Reconnect(Action):
    """An action of one's own."""

    def act(self) -> None:
        """Do it."""


def actions() -> None:
    """What it takes, and what it tells."""
    action = Reconnect("database", cool_down=timedelta(seconds=30), limit=1, on=ConnectionError)
    assert_type(action.run().before, Any)
    assert_type(action.run().switched_off, bool)
