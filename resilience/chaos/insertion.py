"""A fault's way into the calls that it is aimed at, and out of them again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import CellType
from typing import Any

from resilience.chaos import skew
from resilience.chaos.experiments import Experiment
from resilience.chaos.faults import ClockSkew, Corrupt, Exhaustion
from resilience.chaos.injection import Injection, Later, Placed, Striking, struck
from resilience.chaos.openings import openings
from resilience.chaos.surroundings import Surroundings
from resilience.chaos.targets import CALLS, COMPONENT, Aim
from resilience.circuits.blocks import begin, begin_async
from resilience.core.kinds import Kind, kind_of
from resilience.core.runtime import Runtime
from resilience.core.views import View
from resilience.errors import ChaosRefusedError
from resilience.limits.bulkheads import Bulkhead


class Insertion:
    """Puts one fault into the calls of its target: exchanges the functions inside of their guards.

    Args:
        injection: decides which calls it hits.
        experiment: has the fault.
        aim: the calls.
        runtime: the system's ground.
        around: its parts.
        duration: seconds in all; of several targets each begins one part of it later.
    """

    def __init__(  # noqa: PLR0917 - what goes in, where, and for how long
        self,
        injection: Injection,
        experiment: Experiment,
        aim: Aim,
        runtime: Runtime,
        around: Surroundings,
        duration: float = 0.0,
    ) -> None:
        injection.route = aim.route
        self._injection, self._experiment, self._aim = injection, experiment, aim
        self._runtime, self._around = runtime, around
        self._step = duration / max(1, len(aim.parts))
        self._undo: list[Callable[[], object]] = []

    def put_in(self) -> None:
        """Let calls meet the fault from now on; all of them, or on an error none.

        Raises:
            ChaosRefusedError: a target that cannot be reached, or that another fault hits.
        """
        try:
            self._put_in()
        except BaseException:
            self.take_out()
            raise

    def _put_in(self) -> None:
        fault = self._experiment.fault
        if isinstance(fault, Exhaustion):
            self._fill(fault)
            return
        self._open()
        if isinstance(fault, ClockSkew):
            skew.begin()
            self._undo.append(skew.end)

    def _open(self) -> None:
        now = self._runtime.clock.monotonic()
        for place, part in enumerate(self._aim.parts or (self._aim,)):
            late = Later(self._injection, now + place * self._step, self._runtime.clock)
            self._open_one(part, late if place else self._injection)

    def _open_one(self, aim: Aim, injection: Injection | Later) -> None:
        for run, guard in aim.runs:
            cells = openings(run, guard.call)
            if not cells and aim.kind == CALLS:
                continue  # it may well be about none of the route's calls
            if not cells:
                raise ChaosRefusedError(f"{guard.name} cannot be reached, or is hit already")
            made = struck(Placed(injection, guard), guard.call, guard.kind)
            for cell in cells:
                self._put(cell, made)
        for view in aim.views:
            self._exchange(view, injection)
        for circuit in aim.circuits:
            circuit.inside = partial(self._inside, Placed(injection, circuit))
            self._undo.append(partial(setattr, circuit, "inside", None))
        if aim.kind == COMPONENT and self._hits_anything:
            apart = injection.apart()
            self._undo.append(
                self._around.inside_checks(
                    aim.name, lambda call: struck(apart, call, kind_of(call))
                )
            )

    def _exchange(self, view: View, injection: Striking) -> None:
        if isinstance(self._experiment.fault, Corrupt):
            raise ChaosRefusedError(
                f"what the view of {view.route} returns is the framework's, and cannot be "
                "corrupted: aim at what it calls"
            )
        try:
            self._undo.append(view.exchange(lambda call: struck(injection, call, _kind(call))))
        except ValueError as error:
            raise ChaosRefusedError(str(error)) from None

    def _inside(self, injection: Striking, call: Callable[..., Any]) -> Callable[..., Any]:
        if (call is begin or call is begin_async) and not self._hits_anything:
            return call
        return struck(injection, call, kind_of(call))

    @property
    def _hits_anything(self) -> bool:
        """Whether the fault is one for what has no arguments, and returns nothing to callers."""
        fault, match = self._experiment.fault, self._experiment.match
        return not isinstance(fault, (Corrupt, ClockSkew)) and not callable(match)

    def _put(self, cell: CellType, made: Any) -> None:
        before, cell.cell_contents = cell.cell_contents, made
        self._undo.append(lambda: setattr(cell, "cell_contents", before))

    def _fill(self, fault: Exhaustion) -> None:
        for bulkhead in self._bulkheads(fault):
            while bulkhead.try_take():
                self._undo.append(bulkhead.give_back)

    def _bulkheads(self, fault: Exhaustion) -> list[Bulkhead]:
        if fault.bulkhead is not None:
            try:
                return [self._around.bulkheads()[fault.bulkhead]]
            except KeyError as error:
                raise ChaosRefusedError(str(error.args[0])) from None
        layers = (guard.layer("bulkhead") for guard in self._aim.guards)
        found = {id(each): each for each in (getattr(layer, "entry", None) for layer in layers)}
        bulkheads = [each for each in found.values() if isinstance(each, Bulkhead)]
        if not bulkheads:
            raise ChaosRefusedError(f"{self._aim.name!r} has no bulkhead: name one")
        return bulkheads

    def take_out(self) -> None:
        """Leave calls as they were; a second time does nothing."""
        while self._undo:
            self._undo.pop()()


def _kind(view: Callable[..., Any]) -> Kind:
    """Return how a view is called: what it returns, such as a generator, the framework reads."""
    return Kind.ASYNC if kind_of(view) is Kind.ASYNC else Kind.SYNC
