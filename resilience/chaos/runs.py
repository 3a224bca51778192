"""One run of an experiment: the fault goes in, is watched, and comes out whatever happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from threading import Lock
from typing import Any

from resilience import signals
from resilience.chaos.advice import Showing, observations, recommendations
from resilience.chaos.evidence import Evidence
from resilience.chaos.experiments import Experiment
from resilience.chaos.injection import Injection
from resilience.chaos.insertion import Insertion
from resilience.chaos.leases import LASTS, Lease
from resilience.chaos.results import ABORTED, COMPLETED, FAILED, Result, SteadyState
from resilience.chaos.settings import ChaosSettings
from resilience.chaos.steady import View
from resilience.chaos.surroundings import Surroundings
from resilience.chaos.targets import Aim
from resilience.core.runtime import Runtime
from resilience.errors import ChaosRefusedError
from resilience.events import Event
from resilience.fleet.leases import Lease as Claimed

DEEP = ("minimal", "emergency")
"""Levels of service at which an experiment has gone too far."""


class Run:
    """One run of an experiment.

    Args:
        experiment: what goes wrong, and where.
        aim: what its target means.
        duration: seconds, > 0.
        seed: of its chance.
        runtime: the system's ground.
        around: its parts.
        settings: how careful to be.
        actor: who asked for it.
        done: called with the result, once.

    Attributes:
        result: None until it has ended.
    """

    def __init__(
        self,
        experiment: Experiment,
        aim: Aim,
        *,
        duration: float,
        seed: int,
        runtime: Runtime,
        around: Surroundings,
        settings: ChaosSettings,
        actor: str | None,
        done: Callable[[Run, Result], None],
    ) -> None:
        clock = runtime.clock
        self.experiment, self.aim, self.actor, self.seed = experiment, aim, actor, seed
        self.duration, self.settings = duration, settings
        self.claim: Claimed | None = None  # the fleet's leave to run it
        self.result: Result | None = None
        self.id, self.told_until = os.urandom(6).hex(), 0.0  # as the fleet is told of it
        self._runtime, self._around, self._done = runtime, around, done
        self._view = View(around.measure, self._state_of, runtime.engine.settle)
        self._started, self.started_at = clock.monotonic(), clock.time()
        lasts = max(LASTS, 3 * settings.check_interval)
        self.lease = Lease(clock, self._started + duration, lasts)
        self.injection = Injection(
            experiment, clock, Random(seed), self.lease, settings.tenant_header
        )
        self._before = self._during = SteadyState()
        self._evidence: Evidence | None = None
        self._insertion = Insertion(self.injection, experiment, aim, runtime, around, duration)
        self._others: list[tuple[int, int]] = []  # calls and hits in other workers
        self._abort = ""
        self._lock = Lock()

    @property
    def remaining(self) -> float:
        """Seconds, >= 0, until it ends by itself."""
        return max(0.0, self._started + self.duration - self._runtime.clock.monotonic())

    # -- its course ---------------------------------------------------------------------------

    def begin(self) -> None:
        """See that all is steady, and put the fault in.

        Raises:
            ChaosRefusedError: it is not; nothing was injected.
        """
        self._before = self._look()
        if not self._before.holds:
            raise ChaosRefusedError(f"not steady before it began: {self._before.broken()}")
        clock = self._runtime.clock
        self._started, self.started_at = clock.monotonic(), clock.time()  # looking took its time
        self.lease.ends = self._started + self.duration
        self.lease.renew()
        self._evidence = Evidence(self._runtime.bus, self._hear)
        try:
            self._insertion.put_in()
        except BaseException:
            self._insertion.take_out()
            raise
        self._runtime.bus.emit(
            signals.chaos_started, self.experiment.name, self._told({"duration": self.duration})
        )

    def step(self) -> bool:
        """Look at what has to hold, and go on or end it; returns whether it has ended."""
        if self.result is None:
            if self._abort:
                self.end(ABORTED, self._abort)
            elif self.injection.broken:
                self.end(FAILED, self.injection.broken)
            elif self.remaining <= 0.0:
                self.end(COMPLETED)
            elif not self.lease.holds():
                self.end(ABORTED, "nobody saw to it any more, so its faults ended")
            else:
                self._watch()
        return self.result is not None

    def end(self, status: str, reason: str = "", *, look: bool = True) -> None:
        """Take the fault out, look once more, and tell; only the first call counts.

        Args:
            status: how it ended.
            reason: why, if not by itself.
            look: False where nothing may wait: the steady state after it stays unknown.
        """
        self.lease.end()
        with self._lock:
            if self._evidence is None or self.result is not None:
                return
            evidence, self._evidence = self._evidence, None
        elapsed = min(self.duration, self._runtime.clock.monotonic() - self._started)
        self._insertion.take_out()
        evidence.stop()
        showing = Showing(
            self.experiment, self.aim.narrowed(self.injection.places), self.injection, evidence,
            elapsed, self._around,
        )  # fmt: skip
        after = self._look() if look else None
        self._hear_others()
        self.result = self._resulting(status, reason, showing, after)
        self._done(self, self.result)
        self._runtime.bus.emit(
            signals.chaos_finished,
            self.experiment.name,
            self._told(
                {
                    "status": self.result.status,
                    "reason": self.result.reason,
                    "calls": self.result.calls,
                    "injected": self.result.injected,
                    "observations": list(self.result.observations),
                    "recommendations": list(self.result.recommendations),
                }
            ),
        )

    def drop(self) -> None:
        """Take the fault out and say nothing: in a forked child it is the parent's run."""
        self.lease.end()
        if self._evidence is not None:
            self._evidence.stop()
        self._insertion.take_out()

    def _resulting(
        self, status: str, reason: str, showing: Showing, after: SteadyState | None
    ) -> Result:
        try:
            seen, advised = observations(showing), recommendations(showing)
        except Exception as error:
            status, reason = FAILED, f"its evidence cannot be read: {error!r}"
            seen = advised = ()
        return Result(
            self.experiment.name, status, reason, self.experiment.fault.KIND,
            self.experiment.target_name, self.seed, self.started_at, showing.elapsed,
            self.injection.seen + sum(calls for calls, _ in self._others),
            self.injection.hit + sum(hit for _, hit in self._others),
            self._before, self._during, after, seen, advised, 1 + len(self._others),
        )  # fmt: skip

    # -- watching -----------------------------------------------------------------------------

    def _watch(self) -> None:
        if self.claim is not None and not self.claim.holds():
            self.end(ABORTED, "the fleet's lease on it was lost")
            return
        self.lease.renew()
        self._hear_others()
        self._during = found = self._look()
        if not found.holds:
            self.end(ABORTED, f"the steady state broke: {found.broken()}")
        elif self.settings.safe_mode and self._around.level() in DEEP:
            self.end(ABORTED, f"the level of service reached {self._around.level()}")

    def _hear_others(self) -> None:
        self._others = self._around.others(self.id) or self._others

    def _look(self) -> SteadyState:
        return SteadyState(tuple(probe.find(self._view) for probe in self.experiment.probes))

    def _state_of(self, circuit: str) -> str:
        return str(self._around.circuits()[circuit].state)

    def _hear(self, event: Event) -> None:
        """Stop injecting at once where it goes too far; the runner ends it with its next step."""
        reason = gone_too_far(event, self.aim) if self.settings.safe_mode else ""
        if reason:
            self.abort(reason)

    def abort(self, reason: str) -> None:
        """Stop injecting now; the next step ends the run."""
        self._abort = self._abort or reason
        self.lease.end()

    def _told(self, more: dict[str, Any]) -> dict[str, Any]:
        return {
            "fault": self.experiment.fault.KIND,
            "target": self.experiment.target_name,
            "seed": self.seed,
            "actor": self.actor,
            **more,
        }


def gone_too_far(event: Event, aim: Aim) -> str:
    """Return why what was heard ends an experiment on `aim` in safe mode; "": it does not."""
    forced = event.type == "circuit_forced" and event.data.get("state") == "forced_open"
    if (forced or event.type == "circuit_opened") and not aim.concerns(event.component):
        return f"circuit {event.component!r} opened, which is outside of its target"
    if event.type == "degradation_changed" and event.data.get("level") in DEEP:
        return f"the level of service reached {event.data['level']}"
    return ""
