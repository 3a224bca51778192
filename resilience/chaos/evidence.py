"""What is seen of a system while an experiment runs: the events, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from resilience.events import Bus, Event

SEEN = frozenset(
    {
        "circuit_opened",
        "circuit_closed",
        "circuit_forced",
        "call_rejected",
        "retry_scheduled",
        "fallback_used",
        "failure_detected",
        "recovery_started",
        "recovery_succeeded",
        "recovery_failed",
        "escalated",
        "degradation_changed",
        "feature_changed",
    }
)


class Evidence:
    """Counts of events by type and component, and who wants to hear of each.

    Args:
        bus: the system's.
        hear: called with each event, in the thread that it happened in.
    """

    def __init__(self, bus: Bus, hear: Callable[[Event], None]) -> None:
        self._hear = hear
        self.counts: Counter[tuple[str, str]] = Counter()
        self.levels: list[str] = []
        self.stop = bus.subscribe(self._take, types=SEEN)

    def _take(self, event: Event) -> None:
        self.counts[event.type, event.component] += 1
        if event.type == "degradation_changed":
            self.levels.append(str(event.data.get("level", "")))
        self._hear(event)

    def of(self, type_: str, component: str | None = None) -> int:
        """Return how many events of a type there were, of one component or all."""
        return sum(
            count
            for (kind, name), count in self.counts.items()
            if kind == type_ and component in (None, name)
        )

    def names(self, type_: str) -> list[str]:
        """Return the components that events of a type were about."""
        return sorted(name for kind, name in self.counts if kind == type_)
