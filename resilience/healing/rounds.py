"""Looking from time to time at what is not well: the healer does not wait for the next failure."""

from __future__ import annotations

from collections.abc import Mapping

from resilience.healing.chronicle import CHECK
from resilience.healing.components import Component, Incident
from resilience.healing.failures import Failure
from resilience.healing.means import Means
from resilience.healing.records import Result
from resilience.healing.recoveries import Recoveries, apart
from resilience.healing.surroundings import Symptom

QUIET = 60.0
"""Seconds without a failure after which an incident is over that no check can end."""


class Rounds:
    """Finds out what has failed, what is well again, and what is due to be recovered.

    Args:
        means: what the healer works with.
        recoveries: its recoveries.
    """

    def __init__(self, means: Means, recoveries: Recoveries) -> None:
        self._means = means
        self._recoveries = recoveries

    def begin(self) -> None:
        """Go round in the background if there is anything to look at; the engine calls it."""
        if not (self._means.settings.enabled and self._means.runtime.active):
            return
        symptoms = {each.component: each for each in self._means.around.symptoms()}
        if symptoms or self._recoveries.open():
            self._means.runtime.engine.aside(apart(lambda: self._go(symptoms)), "healer")

    def _go(self, symptoms: Mapping[str, Symptom]) -> None:
        """Look at all that is not well.

        Args:
            symptoms: `{component: what its health checks last said}` of those that are down.
        """
        for component in self._recoveries.open():
            incident = component.incident
            if incident is not None and not self._recoveries.is_busy(component):
                self._look_at(component, incident, is_down=component.name in symptoms)
        for name, symptom in symptoms.items():
            component = self._recoveries.component(name)
            # Health takes several results to believe that it is well again; one will do here.
            if component.incident is None and not self._means.around.verified(name):
                self._detected(component, symptom)

    def _detected(self, component: Component, symptom: Symptom) -> None:
        clock = self._means.runtime.clock
        failure = Failure.of(
            component.name, symptom.name, symptom.error, symptom.severity, None, clock
        )
        incident, _ = self._recoveries.note(component, failure, symptom.error)
        if self._means.settings.auto_recover:
            self._recoveries.attend_to(component, incident)

    def _look_at(self, component: Component, incident: Incident, *, is_down: bool) -> None:
        well = self._means.around.verified(component.name)
        component.checked = well is not None
        if component.incident is not incident:
            return
        if well and not is_down:
            by_itself = self._means.chronicle.of(incident, Result.SUCCEEDED, "itself")
            self._recoveries.well(component, incident.pending or by_itself, CHECK)
        elif well is None and self._means.now() - incident.last >= QUIET:
            self._end_quietly(component, incident)
        else:
            self._go_on(component, incident)

    def _go_on(self, component: Component, incident: Incident) -> None:
        """Keep the app degraded, and recover what is due and has no proof to wait for."""
        if incident.degraded:
            self._means.degrade(incident)
        if incident.told:
            self._means.alarm.persists(component.name)
        if self._means.settings.auto_recover and incident.pending is None:
            self._recoveries.begin(component)

    def _end_quietly(self, component: Component, incident: Incident) -> None:
        if incident.pending is not None:
            self._means.chronicle.noted(incident.pending)
        self._recoveries.close(component)
