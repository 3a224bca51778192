"""Chaos of one system: runs experiments, at most so many at once, and ends them."""

from __future__ import annotations

import asyncio
import os
import warnings
import weakref
from collections import deque
from threading import RLock

from resilience.chaos.elsewhere import Elsewhere
from resilience.chaos.experiments import Experiment
from resilience.chaos.following import Following
from resilience.chaos.results import ABORTED, FAILED, Result
from resilience.chaos.runs import Run
from resilience.chaos.safety import Plan, Plans, check_allowed, needs_approval
from resilience.chaos.settings import ChaosSettings
from resilience.chaos.surroundings import Surroundings
from resilience.chaos.targets import Aim, aim_at
from resilience.chaos.telling import as_others_follow, untold
from resilience.core.checks import seconds, text
from resilience.core.copies import copied
from resilience.core.runtime import Homed, Runtime
from resilience.errors import ChaosRefusedError, ConfigurationError, ConfigurationWarning
from resilience.fleet.leases import Lease

MOST_RESULTS = 50
SWEEP = 1.0
"""Seconds between two looks for runs that nobody sees to any more."""


class Chaos(Homed):
    """Experiments on one system.

    Args:
        runtime: the system's ground.
        around: its parts.
    """

    def __init__(self, runtime: Runtime, around: Surroundings) -> None:
        super().__init__()
        self._runtime = runtime
        self.around = around
        self.settings = ChaosSettings()
        self._plans = Plans(runtime.clock.monotonic)
        self._running: list[Run] = []
        self._results: deque[Result] = deque(maxlen=MOST_RESULTS)
        self.elsewhere = Elsewhere(runtime, around, lambda: self.settings, self._see_to_it)
        self._lock = RLock()
        self._swept = False
        _all.add(self)

    def configure(self, settings: ChaosSettings) -> None:
        """Put settings in force; experiments that run go on, unless chaos is no longer enabled."""
        self.settings = settings
        if not settings.enabled:
            self.halt("chaos was disabled")

    # -- running ------------------------------------------------------------------------------

    def run(self, experiment: Experiment, actor: str | None = None) -> Result:
        """Run an experiment, and return what came of it; it takes as long as the experiment.

        Args:
            experiment: an `Experiment`, or a table of its arguments.
            actor: who asks for it.

        Raises:
            ConfigurationError: the table does not describe an experiment.
        """
        made = Experiment.of(experiment)
        try:
            run = self._begin(made, actor)
        except (ChaosRefusedError, ConfigurationError) as error:
            return self._refusal(made, error)
        clock = self._runtime.clock
        try:
            while not run.step():
                clock.sleep(min(run.settings.check_interval, max(run.remaining, 1e-3)))
        except Exception as error:
            run.end(FAILED, f"the run broke: {error!r}"[:500])
        finally:
            run.end(ABORTED, "its runner was interrupted")
        return _ended(run)

    async def run_async(self, experiment: Experiment, actor: str | None = None) -> Result:
        """Run an experiment as `run` does, while other tasks run."""
        made = Experiment.of(experiment)
        try:
            run = await asyncio.to_thread(self._begin, made, actor)
        except (ChaosRefusedError, ConfigurationError) as error:
            return self._refusal(made, error)
        clock = self._runtime.clock
        try:
            while not await asyncio.to_thread(run.step):
                await clock.sleep_async(min(run.settings.check_interval, max(run.remaining, 1e-3)))
        except Exception as error:
            run.end(FAILED, f"the run broke: {error!r}"[:500])
        finally:
            # Cancelled: nothing may wait here, so nobody looks how all is after it.
            run.end(ABORTED, "its runner was cancelled", look=False)
        return _ended(run)

    def start(self, experiment: Experiment, actor: str | None = None) -> Run:
        """Begin an experiment, and let the background engine see to it.

        Raises:
            ChaosRefusedError: it may not run here and now; nothing was injected.
            ConfigurationError: it is none, or its target is unknown.
        """
        made = Experiment.of(experiment)
        try:
            run = self._begin(made, actor)
        except (ChaosRefusedError, ConfigurationError) as error:
            self._refusal(made, error)
            raise
        self._runtime.engine.ensure()
        duty = self._runtime.engine.every(
            run.settings.check_interval, lambda: duty.cancel() if run.step() else None,
            name=f"chaos {made.name}"[:100], jitter=0.0, blocking=True,
        )  # fmt: skip
        return run

    def halt(self, reason: str = "halted by an operator", actor: str | None = None) -> int:
        """Stop all experiments at once; returns how many ran.

        Args:
            reason: why.
            actor: who orders it.
        """
        running = self.running()
        self.elsewhere.stop()
        for run in running:
            run.lease.end()  # all of them, before any takes its time to end
        for run in running:
            run.end(ABORTED, reason if actor is None else f"{reason} ({actor})", look=False)
        return len(running)

    # -- plans --------------------------------------------------------------------------------

    def plan(self, experiment: Experiment, actor: str | None = None) -> Plan:
        """Ask for an experiment that somebody else is to approve; nothing is injected.

        Raises:
            ChaosRefusedError: the settings do not allow it.
            ConfigurationError: it is none, or its target is unknown.
        """
        made = Experiment.of(experiment)
        if actor is not None:
            text("actor", actor)
        check_allowed(made, self._duration(made), self.settings)
        aim_at(made.target, self._runtime, self.around)
        self._warn_of_untold(made, "can be approved and run in this worker only", 3)
        return self._plans.add(made, actor, self._runtime.clock.time())

    def approve(self, name: str, actor: str) -> Plan:
        """Approve one run, within an hour, of what somebody else asked for.

        Args:
            name: the experiment's.
            actor: who approves it.

        Raises:
            ChaosRefusedError: nobody asked for it, or the actor did.
        """
        return self._plans.approve(name, actor)

    def planned(self, name: str) -> Plan:
        """Return the plan of that name.

        Raises:
            ChaosRefusedError: nobody did.
        """
        return self._plans.get(name)

    def take_plan(self, plan: Plan) -> None:
        """Keep a plan that was made or approved in another worker of the fleet.

        Raises:
            ChaosRefusedError: too many wait already.
        """
        self._plans.put(plan)

    def drop_plan(self, name: str) -> None:
        """Forget a plan that ran in another worker."""
        self._plans.discard(name)

    # -- reading ------------------------------------------------------------------------------

    def plans(self) -> list[Plan]:
        """Return what was asked for and did not run yet."""
        return list(self._plans)

    def running(self) -> list[Run]:
        """Return what runs now in this process."""
        with self._lock:
            return list(self._running)

    def following(self) -> list[Following]:
        """Return what other workers of the fleet run in this one."""
        return list(self.elsewhere)

    def results(self) -> list[Result]:
        """Return what came of the last 50 experiments of this process, oldest first."""
        return copied(self._results)

    # -- inside -------------------------------------------------------------------------------

    def _begin(self, experiment: Experiment, actor: str | None) -> Run:
        settings, duration = self.settings, self._duration(experiment)
        check_allowed(experiment, duration, settings)
        aim = aim_at(experiment.target, self._runtime, self.around)
        approval = ""
        if needs_approval(settings):
            self._plans.add(experiment, actor, self._runtime.clock.time())
            approval = self._plans.check(experiment, actor)
        if settings.safe_mode and self.around.level() != "normal":
            raise ChaosRefusedError(f"not steady: the level of service is {self.around.level()}")
        run = self._made(experiment, aim, duration, actor)
        self._admit(run)
        use: Lease | None = None
        try:
            use = self._used(approval) if approval else None
            run.claim = self._claimed()
            self._warn_of_untold(as_others_follow(experiment), "is in this worker only", 4)
            run.begin()
        except BaseException:
            self._forget(run)
            if use is not None:
                use.release()
            raise
        self._plans.discard(experiment.name)
        return run

    def _warn_of_untold(self, told: Experiment, so: str, level: int) -> None:
        """Warn of what keeps an experiment from the fleet's other workers, `level` callers up."""
        if self.around.shares() and (parts := untold(told)):
            warnings.warn(
                f"experiment {told.name!r} {so}: its {' and '.join(parts)} cannot be told to the "
                "fleet's others. Give names, conditions and types instead of functions and objects",
                ConfigurationWarning,
                stacklevel=level,
            )

    def _made(self, experiment: Experiment, aim: Aim, duration: float, actor: str | None) -> Run:
        seed = experiment.seed
        return Run(
            experiment, aim, duration=duration, actor=actor,
            seed=self._runtime.random.getrandbits(32) if seed is None else seed,
            runtime=self._runtime, around=self.around, settings=self.settings, done=self._keep,
        )  # fmt: skip

    def _duration(self, experiment: Experiment) -> float:
        given = experiment.duration
        return self.settings.usual_duration if given is None else seconds("duration", given)

    def _admit(self, run: Run) -> None:
        with self._lock:
            for other in self._running:
                if other.aim.overlaps(run.aim):
                    raise ChaosRefusedError(
                        f"{other.experiment.name!r} runs on {run.aim.name!r} already"
                    )
            if len(self._running) >= self.settings.max_concurrent:
                raise ChaosRefusedError(
                    f"{len(self._running)} experiments run already, and chaos.max_concurrent is "
                    f"{self.settings.max_concurrent}"
                )
            self.elsewhere.check_apart(run.experiment.name, run.aim)
            self._running.append(run)
        self._see_to_it()

    def _see_to_it(self) -> None:
        with self._lock:
            swept, self._swept = self._swept, True
        if not swept:
            self._runtime.engine.every(SWEEP, self._sweep, name="chaos", jitter=0.0)
            self._runtime.engine.at_stop(self._stop)

    def _claimed(self) -> Lease:
        found = self.around.claim(self.settings.max_concurrent)
        if found is None:
            raise ChaosRefusedError(
                "other workers of the fleet run as many experiments as chaos.max_concurrent, "
                f"{self.settings.max_concurrent}, allows, or its store does not answer"
            )
        return found

    def _used(self, approval: str) -> Lease:
        """Return what lets no other worker of the fleet begin a run by the same approval."""
        found = self.around.use(approval)
        if found is None:
            raise ChaosRefusedError(
                "another worker of the fleet has run it by this approval, or the fleet's store "
                "does not answer"
            )
        return found

    def _sweep(self) -> None:
        """End runs that nobody sees to any more: their faults have ended by themselves."""
        for run in self.running():
            if not run.lease.holds():
                run.step()
        self.elsewhere.sweep()

    def _stop(self) -> None:
        self.elsewhere.leave()
        for run in self.running():
            run.end(ABORTED, "the system stopped", look=False)

    def _keep(self, run: Run, result: Result) -> None:
        self._results.append(result)
        self._forget(run)

    def _forget(self, run: Run) -> None:
        if run.claim is not None:
            run.claim.release()
        with self._lock:
            if run in self._running:
                self._running.remove(run)

    def _refusal(self, experiment: Experiment, error: Exception) -> Result:
        result = Result(
            experiment.name, "refused", str(error), experiment.fault.KIND,
            experiment.target_name, experiment.seed or 0, self._runtime.clock.time(),
        )  # fmt: skip
        self._results.append(result)
        return result

    def after_fork(self) -> None:
        """Run nothing: the parent's experiments are the parent's."""
        self._lock = RLock()
        for run in self._running:
            run.drop()
        self._running = []
        self.elsewhere.after_fork()


def _ended(run: Run) -> Result:
    assert run.result is not None
    return run.result


_all: weakref.WeakSet[Chaos] = weakref.WeakSet()


def _after_fork() -> None:
    for chaos in list(_all):
        chaos.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
