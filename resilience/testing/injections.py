"""Faults for the length of a test, without an experiment's limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from random import Random
from types import TracebackType
from typing import Any

from resilience.chaos.experiments import Experiment
from resilience.chaos.injection import Injection
from resilience.chaos.insertion import Insertion
from resilience.chaos.leases import Lease
from resilience.chaos.targets import aim_at
from resilience.systems import System
from resilience.systems import system as default_system


class inject:  # noqa: N801 - it reads as what it does
    """Put a fault into calls, at once; as a context manager, until its end.

    Args:
        fault: what goes wrong: a `Fault`, such as `Outage()`, or its name.
        target: a circuit, component, feature, bulkhead, route or guarded function, as of an
            `Experiment`.
        share: above 0 and at most 1, of the calls that match.
        match: which calls; None: all.
        seed: of its chance.
        system: whose calls; default: the process-wide system's.

    Raises:
        ConfigurationError: no such fault or target, or a value that is not allowed.
        ChaosRefusedError: the target has such a fault already, or cannot be reached.
    """

    def __init__(
        self,
        fault: Any,
        target: Any,
        *,
        share: float = 1.0,
        match: Callable[..., bool] | Mapping[str, Any] | None = None,
        seed: int = 0,
        system: System = default_system,
    ) -> None:
        experiment = Experiment("a test", fault, target, share=share, match=match, seed=seed)
        chaos, runtime = system.chaos, system.runtime
        lease = Lease(runtime.clock, inf, inf)
        self._injection = Injection(
            experiment, runtime.clock, Random(seed), lease, chaos.settings.tenant_header
        )
        aim = aim_at(experiment.target, runtime, chaos.around)
        self._insertion = Insertion(self._injection, experiment, aim, runtime, chaos.around)
        self._insertion.put_in()

    @property
    def seen(self) -> int:
        """Calls of the target that matched."""
        return self._injection.seen

    @property
    def hit(self) -> int:
        """Those that the fault hit."""
        return self._injection.hit

    def end(self) -> None:
        """Take the fault out."""
        self._insertion.take_out()

    def __enter__(self) -> inject:
        """Go on with the fault in."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()
