"""An experiment that another worker of the fleet runs, in force in this one."""

from __future__ import annotations

import logging
from random import Random
from typing import Any

from resilience.chaos.evidence import Evidence
from resilience.chaos.experiments import Experiment
from resilience.chaos.injection import Injection
from resilience.chaos.insertion import Insertion
from resilience.chaos.leases import Lease
from resilience.chaos.runs import gone_too_far
from resilience.chaos.safety import check_allowed
from resilience.chaos.settings import ChaosSettings
from resilience.chaos.surroundings import Surroundings
from resilience.chaos.targets import Aim, aim_at
from resilience.core.runtime import Runtime
from resilience.errors import ChaosRefusedError, ConfigurationError
from resilience.events import Event

log = logging.getLogger("resilience")


class Following:
    """The fault of another worker's experiment, for as long as that one says.

    A worker in which it may not run, or that has not what it is about, goes on without it.

    Args:
        plain: the experiment as its runner told it.
        left: seconds, > 0, for which it was told.
        runtime: the system's ground.
        around: its parts.
        settings: how careful to be.

    Attributes:
        plain: as it was told last.
        until: monotonic seconds for which it was told.
        is_over: whether this worker wants it ended, for all.
    """

    def __init__(
        self,
        plain: dict[str, Any],
        left: float,
        runtime: Runtime,
        around: Surroundings,
        settings: ChaosSettings,
    ) -> None:
        clock = runtime.clock
        value = plain["value"]
        self.plain, self.id = plain, value["id"]
        self.experiment, self.actor = Experiment.of(value["experiment"]), plain["actor"]
        self.started_at, self.is_over = value["started_at"], False
        self._clock, self._around, self._settings = clock, around, settings
        self.until = clock.monotonic() + left
        self._lease = Lease(clock, self.until, left)
        self.injection = Injection(
            self.experiment, clock, Random(value["seed"]), self._lease, settings.tenant_header
        )
        self.aim: Aim | None = None
        self._evidence: Evidence | None = None
        try:
            self._put_in(runtime, value["lasts"])
        except (ChaosRefusedError, ConfigurationError) as error:
            log.info("chaos: %r runs without this worker: %s", self.experiment.name, error)

    def _put_in(self, runtime: Runtime, lasts: float) -> None:
        check_allowed(self.experiment, lasts, self._settings)
        if self._settings.safe_mode and self._around.level() != "normal":
            raise ChaosRefusedError(f"not steady: the level of service is {self._around.level()}")
        aim = aim_at(self.experiment.target, runtime, self._around)
        self._insertion = Insertion(
            self.injection, self.experiment, aim, runtime, self._around, lasts
        )
        self._insertion.put_in()
        self.aim = aim
        self._evidence = Evidence(runtime.bus, self._hear)

    @property
    def remaining(self) -> float:
        """Seconds, >= 0, for which it was told."""
        return max(0.0, self.until - self._clock.monotonic())

    def renew(self, plain: dict[str, Any], left: float) -> None:
        """Go on for longer; what this worker has ended stays over."""
        self.plain, self.until = plain, self._clock.monotonic() + left
        if not self.is_over:
            self._lease.ends = self._lease.until = self.until

    def end(self) -> None:
        """Take the fault out; a second time does nothing."""
        self._lease.end()
        evidence, self._evidence = self._evidence, None
        if evidence is not None:
            evidence.stop()
            self._insertion.take_out()

    def _hear(self, event: Event) -> None:
        """Stop injecting at once where it goes too far; the next exchange ends it for all."""
        if not self._settings.safe_mode or self.aim is None:
            return
        if gone_too_far(event, self.aim):
            self.is_over = True
            self._lease.end()
