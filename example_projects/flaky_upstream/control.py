"""The behaviours in force and the calls counted: what all the server's threads share."""

from collections import Counter
from threading import Condition

from flaky_upstream.behaviour import Applied, Behaviour, Mode, Plan

PATHS = ("/prices", "/recommendations", "/payments")


class Control:
    """Plans each call, counts it, and wakes the waiting ones when the behaviour changes."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._applied = {path: Applied(Behaviour()) for path in PATHS}
        self._counts: dict[str, Counter[Mode]] = {path: Counter() for path in PATHS}

    def apply(self, behaviour: Behaviour, path: str | None = None) -> None:
        """Put a behaviour in force for one path, or for all."""
        with self._changed:
            for each in PATHS if path is None else (path,):
                self._applied[each] = Applied(behaviour)
            self._changed.notify_all()

    def receive(self, path: str) -> Plan:
        """Count a call that has arrived, and return what happens to it."""
        with self._changed:
            plan = self._applied[path].plan()
            self._counts[path][plan.mode] += 1
        return plan

    def plan_again(self, path: str) -> Plan:
        """Return what happens to a call that was already counted, after a change."""
        with self._changed:
            return self._applied[path].plan()

    def wait_for_change(self, path: str, plan: Plan, seconds: float) -> bool:
        """Wait until the plan is out of date; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._applied[path] is not plan.applied, seconds)

    def behaviours(self) -> dict[str, dict[str, object]]:
        """Return the behaviour in force by path, as a JSON document."""
        with self._changed:
            return {path: each.behaviour.document() for path, each in self._applied.items()}

    def counts(self) -> dict[str, object]:
        """Return the calls received so far, as a JSON document."""
        with self._changed:
            modes = sum(self._counts.values(), Counter[Mode]())
            paths = {path: dict(counted) for path, counted in self._counts.items()}
        calls = modes.total()
        return {
            "calls": calls,
            "sick": calls - modes[Mode.ANSWER],
            "modes": {mode: modes[mode] for mode in Mode},
            "paths": paths,
        }

    def reset_counts(self) -> None:
        """Count from zero again."""
        with self._changed:
            for counted in self._counts.values():
                counted.clear()
