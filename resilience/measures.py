"""What rules of degradation look at, read from the parts of a system."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resilience.circuits.registry import Circuits
    from resilience.degradation.metrics import Measures
    from resilience.health.monitor import Health
    from resilience.telemetry.host import Host
    from resilience.telemetry.traffic import Traffic

_REJECTING = ("open", "half_open", "forced_open")  # by value: no circuit is loaded for it


def measures_of(
    circuits: Callable[[], Circuits],
    host: Callable[[], Host],
    traffic: Callable[[], Traffic],
    health: Callable[[], Health],
) -> Measures:
    """Return the built-in metrics, as `degradation.metrics` wants them.

    Args:
        circuits: gives the circuits; as the others do, when the first rule looks at them.
        host: gives the readings of the process and its machine.
        traffic: gives the app's requests.
        health: gives how the components are.
    """
    read = Readings(circuits, host, traffic, health)
    return {
        "health_score": (read.health_score, read.health_score),
        "error_rate": (read.error_rate, read.error_rate),
        "latency_p95": (read.latency_p95, read.latency_p95),
        "open_circuits": (read.open_circuits, read.open_circuits),
        "cpu": (read.cpu, None),
        "memory": (read.memory, None),
        "loop_lag": (read.loop_lag, None),
    }


class Readings:
    """The numbers, by the names that rules use; None where there is nothing to say."""

    def __init__(
        self,
        circuits: Callable[[], Circuits],
        host: Callable[[], Host],
        traffic: Callable[[], Traffic],
        health: Callable[[], Health],
    ) -> None:
        self._circuits = circuits
        self._host = host
        self._traffic = traffic
        self._health = health

    def health_score(self, component: str | None = None) -> float | None:
        """Return how well everything is, or one component; 0-100."""
        return self._health().score(component)

    def error_rate(self, route: str | None = None) -> float | None:
        """Return the share 0-1 of requests of late, all or one route's, that ended in an error."""
        return self._traffic().error_rate(route)

    def latency_p95(self, route: str | None = None) -> float | None:
        """Return the seconds within which 95 % of requests of late were answered."""
        return self._traffic().latency(0.95, route)

    def open_circuits(self, name: str | None = None) -> float | None:
        """Return how many circuits reject calls: open ones, and half-open ones.

        Args:
            name: only the circuit of that name, or those made by key from it.
        """
        return sum(
            each.state in _REJECTING
            for each in self._circuits()
            if name is None or each.name == name or each.name.startswith(f"{name}[")
        )

    def cpu(self) -> float | None:
        """Return the share 0-1 of the CPU time allowed that was used in the last seconds."""
        return self._host().cpu_share()

    def memory(self) -> float | None:
        """Return the share 0-1 of the memory allowed that is in use."""
        return self._host().memory_share()

    def loop_lag(self) -> float | None:
        """Return by how many seconds the event loop was late at worst in the last second."""
        return self._host().loop_lag()
