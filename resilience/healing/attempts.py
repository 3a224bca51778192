"""The further attempts of a call that failed, and the steps that make them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from resilience.core.loops import beside
from resilience.core.rescue import GIVEN_UP
from resilience.errors import Rejected
from resilience.healing.actions import Action


class Attempts:
    """The attempts of one call, the first of which has failed.

    Args:
        again: makes the call once more; with its arguments, for strategies that want them.
        error: what the first attempt raised.
    """

    __slots__ = ("_again", "_replays", "_traceback", "args", "kwargs", "latest", "returned")

    def __init__(self, again: partial[Any], error: Exception) -> None:
        self._again = again
        self.args, self.kwargs = again.args, again.keywords
        self._traceback = error.__traceback__
        self._replays = False
        self.latest = error  # what the call itself raised last
        self.returned = False

    def replay(self) -> None:
        """Let the next attempt only repeat what the last one raised.

        Ours begin with a call that fails; it has been made. What the app's own do nobody knows.
        """
        self._replays = True

    def make(self, *_: Any, **__: Any) -> Any:
        """Make the call; the arguments it is given are those it has."""
        self._raise_again()
        try:
            answer = self._again()
        except Exception as error:
            self._hear(error)
            raise
        self.returned = True
        return answer

    async def make_async(self, *_: Any, **__: Any) -> Any:
        """Make the call, and await what it returns."""
        self._raise_again()
        try:
            answer = self._again()
            if hasattr(answer, "__await__"):
                answer = await answer
        except Exception as error:
            self._hear(error)
            raise
        self.returned = True
        return answer

    def _hear(self, error: Exception) -> None:
        if not isinstance(error, Rejected):  # the call was not made: what it said before stands
            self.latest = error

    def end(self, error: Exception) -> Any:
        """Return `GIVEN_UP` if the call has only raised its first error, else raise its last."""
        if self.latest is not error:
            raise self.latest
        error.__traceback__ = self._traceback  # as if nothing had been tried
        return GIVEN_UP

    def _raise_again(self) -> None:
        if self._replays:
            self._replays = False
            raise self.latest


class Make:
    """A step: make the call again."""

    __slots__ = ("_attempts",)

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def run(self) -> Any:
        """Make it in this thread."""
        return self._attempts.make()

    async def run_async(self) -> Any:
        """Make it on the running loop."""
        return await self._attempts.make_async()


class Ask:
    """A step: let a strategy make the call."""

    __slots__ = ("_attempts", "_strategy")

    def __init__(self, strategy: Any, attempts: Attempts) -> None:
        self._strategy = strategy
        self._attempts = attempts

    def run(self) -> Any:
        """Use its sync form."""
        call = self._attempts
        return self._strategy.call(call.make, *call.args, **call.kwargs)

    async def run_async(self) -> Any:
        """Use its async form."""
        call = self._attempts
        return await self._strategy.call_async(call.make_async, *call.args, **call.kwargs)


class CatchUp:
    """A step on a clock that stands still: do what was left for the background.

    Args:
        catch_up: does it, in a thread that may wait.
    """

    __slots__ = ("_catch_up",)

    def __init__(self, catch_up: Callable[[], object]) -> None:
        self._catch_up = catch_up

    def run(self) -> None:
        """Do it in this thread."""
        self._catch_up()

    async def run_async(self) -> None:
        """Do it in another thread, as it would be done on the machine's clock."""
        await beside(self._catch_up)


class Act:
    """A step: run an action, here."""

    __slots__ = ("_action",)

    def __init__(self, action: Action) -> None:
        self._action = action

    def run(self) -> Any:
        """Run it in this thread."""
        return self._action.run()

    async def run_async(self) -> Any:
        """Run it on the running loop."""
        return await self._action.run_async()
