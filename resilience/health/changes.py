"""Telling of changes: the signal, and the alerts when things get worse."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

from resilience import signals
from resilience.core.runtime import Runtime
from resilience.events import Event, Worker
from resilience.health.report import ComponentHealth, HealthReport
from resilience.health.results import Status
from resilience.health.score import Level
from resilience.health.settings import HealthSettings
from resilience.notify import Channels, Message, shortened

_SENDING = 30.0  # seconds that a channel may take

Shown = tuple[Status, Level]
AlertHandler = Callable[[Event], Any]


@dataclass(frozen=True, slots=True)
class Change:
    """A component, or the system, that is not any more as it was.

    Args:
        component: its name; "system" for the whole.
        now: its status and level.
        was: those before.
        data: what else is known, as the event carries it.
    """

    component: str
    now: Shown
    was: Shown
    data: dict[str, Any]

    @property
    def worse(self) -> bool:
        """True if things got worse."""
        return _rank(self.now) > _rank(self.was)

    @classmethod
    def of(cls, health: ComponentHealth, was: Shown) -> Change:
        """Return the change of a component from what it was to what it is."""
        said = [each for each in health.checks if each.output and each.status is not Status.PASS]
        data = {
            "criticality": health.criticality,
            "score": health.score,
            "trend": health.trend and str(health.trend),
            "flapping": health.flapping,
            "output": f"{said[0].name}: {said[0].output}" if said else None,
        }
        return cls(health.name, (health.status, health.level), was, data)

    @classmethod
    def of_all(cls, report: HealthReport, was: Shown) -> Change:
        """Return the change of the whole."""
        ill = [each.name for each in report.components.values() if _is_ill(each)]
        data = {
            "criticality": "critical",
            "score": report.score,
            "trend": report.trend and str(report.trend),
            "flapping": False,
            "output": f"not well: {', '.join(ill)}" if ill else None,
        }
        return cls("system", (report.status, report.level), was, data)


class Changes:
    """Carries changes to the signal and to the alert handlers, in the order they happened.

    Args:
        runtime: its system's events and background engine.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._handlers: list[AlertHandler] = []
        self._alerted: dict[str, tuple[float, tuple[int, int], int]] = {}
        self._interval: float | None = None  # seconds; None: no alerts
        self._channels: Channels | None = None
        self.after_fork()

    def after_fork(self) -> None:
        """Begin anew in a forked child; what the parent was about to tell is the parent's."""
        self._waiting: deque[Change] = deque()
        self._telling = Lock()

    def handle(self, handler: AlertHandler) -> None:
        """Call `handler(event)` when something gets worse; once, however often it is given."""
        if handler not in self._handlers:
            self._handlers.append(handler)

    def forget(self) -> None:
        """Forget who was alerted of what."""
        self._alerted.clear()

    def adjust(self, settings: HealthSettings) -> None:
        """Go by other settings from now on."""
        self._interval = settings.alert_interval if settings.alert_on_degradation else None
        names = settings.alert_channels
        self._channels = Channels(names) if names else None

    def add(self, change: Change) -> None:
        """Keep a change, to be told when no lock is held any more."""
        self._waiting.append(change)

    def tell(self) -> None:
        """Tell what waits; never call it with a lock held.

        Where another thread is at it, that one tells all, so that nobody hears the second before
        the first.
        """
        while self._waiting and self._telling.acquire(blocking=False):
            try:
                while self._waiting:
                    self._tell(self._waiting.popleft())
            finally:
                self._telling.release()

    def _tell(self, change: Change) -> None:
        data = {
            "status": str(change.now[0]),
            "was": str(change.was[0]),
            "level": str(change.now[1]),
            "level_was": str(change.was[1]),
            "worse": change.worse,
            **change.data,
        }
        self._runtime.bus.emit(signals.health_changed, change.component, data)
        held_back = self._held_back(change) if change.worse else None
        if held_back is not None:
            self._alert(change.component, {**data, "held_back": held_back})

    def _held_back(self, change: Change) -> int | None:
        """Return how many alerts were held back before this one; None: this one is, too."""
        if self._interval is None:
            return None
        now, rank = self._runtime.clock.monotonic(), _rank(change.now)
        at, before, held_back = self._alerted.get(change.component, (None, (0, 0), 0))
        if at is not None and now - at < self._interval and rank <= before:
            self._alerted[change.component] = (at, before, held_back + 1)
            return None
        self._alerted[change.component] = (now, rank, 0)
        return held_back

    def _alert(self, component: str, data: dict[str, Any]) -> None:
        clock, engine = self._runtime.clock, self._runtime.engine
        event = Event(
            signals.health_changed.name,
            component,
            clock.time(),
            clock.monotonic(),
            Worker.name(),
            data,
        )
        for handler in tuple(self._handlers):
            engine.aside(partial(handler, event), "health-alert")
        if self._channels is not None:
            message, settle = _message(event), partial(engine.settle, timeout=_SENDING)
            engine.aside(partial(self._channels.send, message, settle), "health-alert")


def _is_ill(health: ComponentHealth) -> bool:
    """Tell whether a component is to be worried about; one not looked at yet is not."""
    if health.status is Status.UNKNOWN:
        return any(check.overdue for check in health.checks)
    return health.status is not Status.PASS


def _message(event: Event) -> Message:
    """Return an alert as people read it; without credentials, as it may leave the process."""
    told = event.data
    score = "unknown" if told["score"] is None else f"{told['score']:.0f}"
    known = f"it was {told['was']}, its level is {told['level']}, its score {score}"
    parts = (
        f"{event.component} is {told['status']} ({known})",
        told["output"] and shortened(told["output"]),
        told["held_back"] and f"{told['held_back']} alerts were held back",
    )
    title = f"{event.component}: {told['status']}"
    return Message(title, "; ".join(part for part in parts if part), told["criticality"], told)


def _rank(shown: Shown) -> tuple[int, int]:
    return shown[0].rank, shown[1].rank
