"""The recoveries of one healer: which component, when, and what follows from how they end.

A recovery is claimed (one at a time for each component), runs in the background within its time,
and is a success only when a check, or the call itself, shows it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context
from functools import partial
from threading import Lock

from resilience.circuits.memory import bare_copy
from resilience.core.rescue import promise
from resilience.errors import DeadlineExceededError
from resilience.healing.chronicle import CALL, CHECK
from resilience.healing.components import Component, Components, Incident
from resilience.healing.failures import Failure
from resilience.healing.means import Means
from resilience.healing.records import Recovery, Result
from resilience.healing.settings import Strategies
from resilience.healing.surroundings import Release
from resilience.healing.treatment import Treatment
from resilience.limits.allowance import TimeLimit
from resilience.limits.timed import timed_sync
from resilience.limits.workers import Workers

log = logging.getLogger("resilience")

LOST = 3.0
"""So many times the time of a recovery after which it is taken for lost."""


class Recoveries:
    """Begins recoveries and hears of their ends.

    Args:
        means: what they share.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self._chronicle = means.chronicle
        self.components = Components()
        self.after_fork()

    def after_fork(self) -> None:
        """Begin with nothing going on: what the parent recovers, the parent does."""
        self._lock = Lock()
        self._running = 0
        self._workers = Workers()
        for each in self.components:
            each.recovery = each.turn = None

    def reset(self) -> None:
        """Forget all incidents, and how often what was recovered."""
        for each in self.components:
            self._closed(each)
            with self._lock:
                each.resume()

    def component(self, name: str, *, pinned: bool = False) -> Component:
        """Return what is known of a component."""
        with self._lock:
            found = self.components.of(name)
            found.pinned = found.pinned or pinned
            return found

    def open(self) -> tuple[Component, ...]:
        """Return the components that are not well."""
        with self._lock:
            return self.components.open()

    # -- failures -----------------------------------------------------------------------------

    def note(
        self,
        component: Component,
        failure: Failure,
        error: BaseException | str,
        own: Strategies | None = None,
    ) -> tuple[Incident, bool]:
        """Hear of a failure; return its incident, and whether that begins with it.

        Args:
            component: what failed.
            failure: its record.
            error: what was raised, or is wrong.
            own: what its function asks for, instead of what the settings say.
        """
        raised = error if isinstance(error, BaseException) else None
        cause = RuntimeError(error) if raised is None else _bare(raised)
        actions = self._means.actions_for(component.name, raised, in_caller=False)
        with self._lock:
            incident, fresh = component.failed(failure, cause)
            incident.actions = actions
            incident.strategies = own or incident.strategies
        self._chronicle.detected(failure, fresh=fresh)
        return incident, fresh

    def attend_to(self, component: Component, incident: Incident) -> None:
        """Recover a component that failed; where there is nothing to try, go up one rung."""
        treatment = Treatment(self._means, component, incident)
        if treatment.has_work():
            self.begin(component)
        else:
            treatment.run()  # it degrades and tells, where strategies say so
            self.unrecovered(component, incident)

    def unrecovered(
        self, component: Component, incident: Incident, since: float | None = None
    ) -> None:
        """Hear that nothing helped: the next rung is to degrade, and then to tell people.

        Args:
            component: what failed.
            incident: what is wrong with it.
            since: monotonic seconds of the failure that nothing helped with. Those who were at it
                together count once: a burst of callers is not one recovery after another.
        """
        with self._lock:
            if since is not None and since < incident.counted_at:
                return
            incident.counted_at = self._means.now()
            incident.unrecovered += 1
        self._means.climb(component, incident)

    # -- beginning ----------------------------------------------------------------------------

    def begin(
        self, component: Component, *, urgent: bool = False, looks: bool = True
    ) -> Future[Result] | None:
        """Recover a component in the background, or join the recovery that goes on.

        Args:
            component: which.
            urgent: whatever the cool-down says; an operator asks for it.
            looks: whether it is worth it where there is nothing to do but to look again.

        Returns:
            What will have the result, now or when it has had its turn; None: it is not to be
            recovered now.
        """
        with self._lock:
            incident = component.incident
            if incident is None or self._is_busy(component):
                return component.recovery
            treatment = Treatment(self._means, component, incident)
            is_due = urgent or component.is_due(self._means.now())
            if not (is_due and treatment.has_work(looks=looks)):
                return None
            future = component.turn or promise()
            if self._running >= self._means.settings.max_concurrent_recoveries:
                component.turn = future
                return future
            component.recovery, component.turn = future, None
            component.recovering_since = self._means.now()
            self._running += 1
        attend = partial(self._attend, component, incident, treatment, future)
        self._means.runtime.engine.aside(apart(attend), f"recovery of {component.name}")
        return future

    def is_busy(self, component: Component) -> bool:
        """Tell whether a recovery of it goes on."""
        with self._lock:
            return self._is_busy(component)

    def _is_busy(self, component: Component) -> bool:
        """Tell whether a recovery goes on; one that the machine had no thread for is given up."""
        if component.recovery is None:
            return False
        longest = LOST * self._means.settings.recovery_timeout
        if self._means.now() - component.recovering_since < longest:
            return True
        log.error("the recovery of %r never came to an end: there may be another", component.name)
        component.recovery = None
        self._running -= 1
        return False

    def resume(self, component: Component) -> None:
        """Let a component be recovered again that was stopped; somebody has looked at it."""
        with self._lock:
            component.resume()
        self._means.alarm.resolve(component.name)

    # -- one recovery, in the background --------------------------------------------------------

    def _attend(
        self, component: Component, incident: Incident, treatment: Treatment, future: Future[Result]
    ) -> None:
        result = Result.FAILED
        try:
            result = self._attended(component, incident, treatment)
        except Exception:
            log.exception("the recovery of %r failed by itself", component.name)
        finally:
            with self._lock:
                if component.recovery is future:
                    component.recovery = None
                    self._running -= 1
            future.set_result(result)
            self._begin_waiting()

    def _attended(self, component: Component, incident: Incident, treatment: Treatment) -> Result:
        release = self._claimed(component, incident)
        if release is None:
            return Result.DEFERRED
        treatment.holds = getattr(release, "holds", treatment.holds)
        try:
            self._refute(incident)
            if not self._admitted(component):
                return self._stop(component, incident)
            self._chronicle.started(incident.failure, treatment.strategies)
            result = self._within(component.name, treatment)
        finally:
            release()
        self._finish(component, incident, treatment, result)
        return result

    def _claimed(self, component: Component, incident: Incident) -> Release | None:
        """Return what gives the claim back; None where it is not to be recovered now, or here."""
        around, settings = self._means.around, self._means.settings
        wait, release = settings.health_check_interval, None
        if around.flaps(component.name):
            log.debug("%r flaps: it is not recovered while it does", component.name)
            self._means.degrade(incident)
        elif around.is_everywhere(component.name):
            self._means.degrade(incident)
            wait = max(wait, settings.cool_down)
        else:
            release = around.leased(component.name)
        if release is None:
            with self._lock:
                component.ready_at = self._means.now() + wait
        return release

    def _admitted(self, component: Component) -> bool:
        settings = self._means.settings
        with self._lock:
            return component.intensity.admits(
                self._means.now(), settings.intensity, settings.intensity_period
            )

    def _stop(self, component: Component, incident: Incident) -> Result:
        """Recover it no more for a while, and tell people."""
        limit, period = self._means.settings.intensity, self._means.settings.intensity_period
        with self._lock:
            now = self._means.now()
            component.stopped_until = now + component.intensity.wait(now, limit, period)
        reason = f"recovered {limit} times in {period:g} s, and failed again"
        self._chronicle.failed(self._chronicle.of(incident, Result.STOPPED, steps=(reason,)))
        self._means.escalate(component, incident, reason)
        return Result.STOPPED

    def _within(self, name: str, treatment: Treatment) -> Result:
        """Run a treatment within its time."""
        seconds = self._means.settings.recovery_timeout
        limit = TimeLimit(f"recovery of {name}", seconds, self._means.runtime)
        try:
            result: Result = timed_sync(limit, self._workers, treatment.run)()
        except DeadlineExceededError:
            treatment.steps.append(f"{treatment.strategy}: not done within {seconds:g} s")
            return Result.FAILED
        return result

    def _refute(self, incident: Incident) -> None:
        """Take a recovery for a failure whose proof was still to come: it failed again."""
        with self._lock:
            pending, incident.pending = incident.pending, None
            if pending is None or incident.failures <= pending.failures:
                return
            incident.unrecovered += 1
        steps = (*pending.steps, "it failed again")
        self._chronicle.failed(self._chronicle.of(incident, Result.FAILED, pending.strategy, steps))

    def _begin_waiting(self) -> None:
        most = self._means.settings.max_concurrent_recoveries
        for component in self.open():
            if self._running >= most:
                return
            if component.turn is not None:
                self.begin(component)

    # -- its end --------------------------------------------------------------------------------

    def _finish(
        self, component: Component, incident: Incident, treatment: Treatment, result: Result
    ) -> None:
        recovery = self._chronicle.of(incident, result, treatment.strategy, treatment.steps)
        if result is Result.SUCCEEDED:
            self.well(component, recovery, CHECK)
            return
        with self._lock:
            component.ready_at = self._means.now() + self._means.settings.cool_down
            component.condition.ill = not component.checked
            if result is Result.UNVERIFIED:
                incident.pending = recovery
                return
            incident.unrecovered += 1
        self._chronicle.failed(recovery)
        self._means.climb(component, incident)

    def returned(self, component: Component) -> None:
        """Hear that a call of an ill component returned, which shows that it is well."""
        with self._lock:
            incident = component.incident
            if incident is None or component.checked:
                component.condition.ill = False
                return
            if component.recovery is not None:
                return
        if incident.pending is None:
            self.close(component)
        else:
            self.well(component, incident.pending, CALL)

    def succeeded(
        self, component: Component, incident: Incident, recovery: Recovery, *, told: bool
    ) -> None:
        """Hear that a caller's own strategy made its call again, and it returned."""
        with self._lock:
            is_judge = not component.checked and component.recovery is None
            is_over = component.incident is not incident
        if is_judge and not is_over:
            self.close(component)
        self._chronicle.succeeded(recovery, CALL, told=told)

    def proved(self, component: Component, incident: Incident, *, helped: bool) -> None:
        """Hear whether a call returned after a recovery that no check could verify."""
        with self._lock:
            pending, incident.pending = incident.pending, None
        if pending is None:
            return  # another caller was first
        if helped:
            self.well(component, pending, CALL)
        else:
            steps = (*pending.steps, "the call failed again")
            failed = self._chronicle.of(incident, Result.FAILED, pending.strategy, steps)
            self._chronicle.failed(failed)
            self.unrecovered(component, incident)

    def well(self, component: Component, recovery: Recovery, by: str) -> None:
        """End an incident by a recovery that is verified now."""
        self.close(component)
        self._chronicle.succeeded(recovery, by)

    def close(self, component: Component) -> None:
        """End an incident, if there is one."""
        if self._closed(component) is not None:
            self._means.well(component)

    def _closed(self, component: Component) -> Incident | None:
        """End an incident, and let those who wait for its turn make their calls again."""
        with self._lock:
            component.give_up_turn(Result.SUCCEEDED)
            return component.close()


def apart(act: Callable[[], None]) -> Callable[[], None]:
    """Return `act` without the context it is asked for in: that request's deadline and marks."""
    return lambda: Context().run(act)


def _bare(error: BaseException) -> Exception:
    copy = bare_copy(error)
    return copy if isinstance(copy, Exception) else RuntimeError(str(copy))
