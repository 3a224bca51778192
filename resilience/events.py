"""What happened, told to those who asked: the record, and the bus that carries it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import CoroutineType
from typing import Any, ClassVar

from blinker import NamedSignal

from resilience.clock import Clock

log = logging.getLogger("resilience")

Listener = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Args:
        type: the signal's name, such as "circuit_opened".
        component: the name of the circuit, feature or component it happened to.
        at: wall-clock time, seconds since 1970-01-01 UTC.
        monotonic: seconds on the system's monotonic clock; orders events of one worker.
        worker: the process that saw it: host, pid and a random part made after the fork.
        data: what else is known, `dict[name, plain value]`; differs by type.
    """

    type: str
    component: str
    at: float
    monotonic: float
    worker: str
    data: Mapping[str, Any]


class Worker:
    """The name of this process, made on first use and again after a fork."""

    _names: ClassVar[dict[str, str]] = {}  # the one there is; threads that ask at once agree on it

    @classmethod
    def name(cls) -> str:
        """Return `host-pid-random`."""
        found = cls._names.get("name")
        if found is None:
            import platform  # only the first event needs it

            made = f"{platform.node()}-{os.getpid()}-{os.urandom(3).hex()}"
            found = cls._names.setdefault("name", made)
        return found

    @classmethod
    def forget(cls) -> None:
        """Make the next reader ask again."""
        cls._names.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Worker.forget)


class Bus:
    """Carries a system's events to its listeners and to the Blinker signals.

    A receiver that fails is logged; it never reaches the call that caused the event.

    Args:
        clock: dates the events.
        elsewhere: runs `act()`, and awaits what it returns, off the caller's thread; called
            `elsewhere(act, name)` for async receivers where no loop runs.
    """

    __slots__ = ("_by_type", "_clock", "_elsewhere", "_tasks", "listeners")

    def __init__(self, clock: Clock, elsewhere: Callable[[Callable[[], Any], str], None]) -> None:
        self._clock = clock
        self._elsewhere = elsewhere
        self.listeners: list[Listener] = []  # changed in single steps only: it needs no lock
        self._by_type: dict[str, list[Listener]] = {}
        self._tasks: set[Any] = set()

    def subscribe(
        self, listener: Listener, types: Collection[str] | None = None
    ) -> Callable[[], None]:
        """Call `listener(event)` for every event from now on; returns what ends that.

        Args:
            listener: what is called.
            types: only for events of these types; others then cost as if nobody listened.
        """
        subscription = partial(listener)  # itself only, when one listener comes twice
        lists = (
            [self.listeners]
            if types is None
            else [self._by_type.setdefault(each, []) for each in types]
        )
        for each in lists:
            each.append(subscription)

        def unsubscribe() -> None:
            for each in lists:
                with suppress(ValueError):  # it was ended before
                    each.remove(subscription)

        return unsubscribe

    def use_clock(self, clock: Clock) -> None:
        """Tell the time by another clock."""
        self._clock = clock

    def emit(self, signal: NamedSignal, component: str, data: Mapping[str, Any]) -> None:
        """Tell all who listen. Never call it with a lock held."""
        concerned = self._by_type.get(signal.name) or ()
        if not signal.receivers and not self.listeners and not concerned:
            return
        event = Event(
            signal.name, component, self._clock.time(), self._clock.monotonic(), Worker.name(), data
        )
        for listener in (*self.listeners, *concerned):
            self._deliver(event.type, partial(listener, event))
        for receiver in signal.receivers_for(component):
            self._deliver(event.type, partial(receiver, component, event=event))

    def _deliver(self, what: str, send: partial[Any]) -> None:
        try:
            answer = send()
            if type(answer) is CoroutineType:
                self._run_later(answer)
        except Exception:
            log.exception("receiver %r of %s failed", send.func, what)

    def _run_later(self, answer: Coroutine[Any, Any, Any]) -> None:
        """Run an async receiver: on the loop that runs here, else where the system runs it."""
        asyncio = sys.modules.get("asyncio")
        loop = None if asyncio is None else asyncio._get_running_loop()
        if loop is None:
            self._elsewhere(lambda: _logged(answer), "async receiver")
            return
        task = loop.create_task(_logged(answer))
        self._tasks.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: answer.close())  # the loop may have ended before it began


async def _logged(answer: Coroutine[Any, Any, Any]) -> None:
    try:
        await answer
    except Exception:
        log.exception("async receiver %r failed", answer)
