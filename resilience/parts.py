"""What a system consists of; each part is made, and its modules are loaded, on first use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from resilience.core.demand import is_made, part
from resilience.core.runtime import Homed, Runtime
from resilience.errors import ConfigurationError

if TYPE_CHECKING:
    from resilience.chaos.service import Chaos
    from resilience.chaos.surroundings import Surroundings as ChaosSurroundings
    from resilience.circuits.breaker import Circuit
    from resilience.circuits.registry import Circuits
    from resilience.core.views import View, Views
    from resilience.degradation.metrics import Measures
    from resilience.degradation.service import Degradation
    from resilience.fleet.service import Fleet
    from resilience.healing.healer import Healer
    from resilience.healing.rotation import Rotation
    from resilience.healing.surroundings import Surroundings
    from resilience.health.monitor import Health
    from resilience.health.runs import Wrap
    from resilience.limits.deadlines import Timeouts
    from resilience.limits.registry import Bulkheads
    from resilience.recent import Recent
    from resilience.storage.journal import Journal
    from resilience.strategies.retry_registry import Retries
    from resilience.telemetry.host import Host


class Parts(Homed):
    """The parts of one system.

    Args:
        runtime: the ground they stand on.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__()
        self.runtime = runtime

    @part
    def circuits(self) -> Circuits:
        """The circuits, by name."""
        from resilience.circuits.registry import Circuits

        return Circuits(self.runtime)

    @part
    def retries(self) -> Retries:
        """The retries, and how many there may be, by the names of circuits."""
        from resilience.strategies.retry_registry import Retries

        return Retries(self.runtime)

    @part
    def bulkheads(self) -> Bulkheads:
        """The bulkheads, by name."""
        from resilience.limits.registry import Bulkheads

        return Bulkheads(self.runtime)

    @part
    def timeouts(self) -> Timeouts:
        """The time limits, by name, and the threads of sync code."""
        from resilience.limits.deadlines import Timeouts

        return Timeouts(self.runtime)

    @part
    def degradation(self) -> Degradation:
        """The level of service, and the features that go off by it."""
        from resilience.degradation.service import Degradation

        return Degradation(self.runtime, self._measures())

    @part
    def health(self) -> Health:
        """How the components are: their checks, scores and history."""
        from resilience.health.monitor import Health

        return Health(self.runtime, self.host, self._circuits_so_far)

    @part
    def healer(self) -> Healer:
        """What recovers failed components."""
        from resilience.healing.healer import Healer

        return Healer(self.runtime, self._surroundings())

    @part
    def chaos(self) -> Chaos:
        """Experiments: faults on purpose, within limits."""
        from resilience.chaos.service import Chaos

        return Chaos(self.runtime, self._chaos_surroundings())

    @part
    def host(self) -> Host:
        """What this process and its machine have left: memory, CPU, disk, event loop."""
        from resilience.telemetry.host import SAMPLED_EVERY, Host

        host = Host(self.runtime.clock)
        self.runtime.engine.every(SAMPLED_EVERY, host.sample, name="host", jitter=0.0)
        self.runtime.engine.at_stop(host.stop)
        return host

    @part
    def rotation(self) -> Rotation:
        """Whether this worker is to get requests, by its own judgement."""
        from resilience.healing.rotation import Rotation

        return Rotation(self.runtime.clock)

    @part
    def views(self) -> Views:
        """What the apps that belong to it serve their routes with."""
        from resilience.core.views import Views

        return Views()

    @part
    def recent(self) -> Recent:
        """What happened of late, in memory: for those who look at it while it happens."""
        from resilience.recent import Recent

        return Recent(self.runtime, self._circuits_so_far)

    @part
    def journal(self) -> Journal:
        """What happened, kept in a database."""
        from resilience.findings import Findings
        from resilience.neighbours import Neighbours, served_by_several
        from resilience.orders import Orders
        from resilience.outcomes import Outcomes
        from resilience.storage.journal import Journal
        from resilience.upkeep import Upkeep

        journal = Journal(self.runtime, keeper=Upkeep(self.runtime))
        journal.add_source(Outcomes(self._circuits_so_far, self.runtime).rows)
        findings = Findings(self._health_so_far, self._level_so_far, self.runtime)
        journal.add_source(findings.rows)
        orders = Orders(lambda: self.circuits, lambda: self.degradation, self._has, self.runtime)
        journal.add_source(orders.rows)
        journal.add_restorer(orders.restore)
        Neighbours(self.runtime, lambda: journal.path, lambda: self.fleet, served_by_several)
        return journal

    @part
    def fleet(self) -> Fleet:
        """The app's other workers, and what they know together."""
        from resilience.chaos.telling import PLAN, RUN, ToldPlans, ToldRuns
        from resilience.fleet.service import Fleet
        from resilience.orders import Orders
        from resilience.quarantine import Quarantine
        from resilience.sharing import SharedOrders, Told

        orders = Orders(lambda: self.circuits, lambda: self.degradation, self._has, self.runtime)
        told: dict[str, Told] = {
            PLAN: ToldPlans(lambda: self.chaos, self._has, self.runtime),
            RUN: ToldRuns(lambda: self.chaos, self._has, self.runtime),
        }
        board = SharedOrders(
            orders, lambda: self.circuits, lambda: self.degradation, told,
            runtime=self.runtime, halt=self._halt,
        )  # fmt: skip
        fleet = Fleet(self.runtime, lambda: self.circuits, board, self._about)
        Quarantine(self.runtime, fleet, self._circuits_so_far, lambda: self.rotation)
        return fleet

    def _halt(self, reason: str, actor: str | None) -> None:
        if is_made(self, "chaos"):
            self.chaos.halt(reason, actor)

    def _has(self, name: str) -> bool:
        return is_made(self, name)

    def _about(self) -> dict[str, Any]:
        """Return what the other workers are told of this one."""
        return {}

    def _circuits_so_far(self) -> Iterable[Circuit]:
        return self.circuits if is_made(self, "circuits") else ()

    def _health_so_far(self) -> Health | None:
        return self.health if is_made(self, "health") else None

    def _level_so_far(self) -> str:
        return str(self.degradation.level) if is_made(self, "degradation") else "normal"

    def _surroundings(self) -> Surroundings | None:
        """Return the healer's ways to other parts; as with `_measures`, `System` joins them."""
        return None

    def _chaos_surroundings(self) -> ChaosSurroundings:
        """Return what experiments see of the other parts."""
        from resilience.chaos.safety import APPROVED_FOR
        from resilience.chaos.surroundings import Surroundings

        measures = self._measures()

        def measure(metric: str, of: str | None) -> float | None:
            whole, of_one = measures[metric]
            if of is None:
                return whole()
            if of_one is None:
                raise ConfigurationError(f"{metric} is of the whole process: leave out ({of})")
            return of_one(of)

        return Surroundings(
            lambda: self.circuits,
            lambda: self.bulkheads,
            measure,
            self._level_so_far,
            self._views_so_far,
            self._routes_so_far,
            lambda places: self.fleet.claim("chaos", places=places),
            lambda approval: self.fleet.claim(
                f"approval {approval}", lasts=APPROVED_FOR, renewed=False
            ),
            self._told_of,
            lambda: is_made(self, "fleet") and self.fleet.snapshot().address is not None,
            self._inside_checks,
        )

    def _views_so_far(self) -> Iterable[View]:
        return self.views if is_made(self, "views") else ()

    def _routes_so_far(self) -> Collection[str]:
        """Return the routes of the requests that were served."""
        return ()

    def _inside_checks(self, component: str, wrap: Wrap) -> Callable[[], None]:
        if is_made(self, "health"):
            return self.health.run_inside(component, wrap)
        return lambda: None

    def _told_of(self, run: str) -> list[tuple[int, int]]:
        """Return the calls and hits of a run of this worker in each of the others."""
        peers = self.fleet.peers() if is_made(self, "fleet") else ()
        told = [each.about.get("chaos", {}).get(run) for each in peers]
        return [(int(seen), int(hit)) for seen, hit in filter(None, told)]

    def _measures(self) -> Measures:
        """Return what rules can look at; parts that know each other are for `System` to join."""
        return {}
