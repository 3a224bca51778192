"""What the other workers of a fleet run, in force in this one while they say so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from threading import RLock
from typing import Any

from resilience.chaos.following import Following
from resilience.chaos.settings import ChaosSettings
from resilience.chaos.surroundings import Surroundings
from resilience.chaos.targets import Aim
from resilience.core.runtime import Runtime
from resilience.errors import ChaosRefusedError

MOST_STOPPED = 50


class Elsewhere:
    """The experiments of other workers, by name.

    Args:
        runtime: the system's ground.
        around: its parts.
        settings: gives how careful to be.
        see_to_it: called when there is something to sweep.
    """

    def __init__(
        self,
        runtime: Runtime,
        around: Surroundings,
        settings: Callable[[], ChaosSettings],
        see_to_it: Callable[[], None],
    ) -> None:
        self._runtime, self._around = runtime, around
        self._settings, self._see_to_it = settings, see_to_it
        self._following: dict[str, Following] = {}
        self._stopped: deque[str] = deque(maxlen=MOST_STOPPED)  # here, for all workers
        self._lock = RLock()

    def __iter__(self) -> Iterator[Following]:
        return iter(list(self._following.values()))

    def follow(self, plain: dict[str, Any], left: float) -> None:
        """Let the fault of another worker's experiment be in force here, too.

        Args:
            plain: the experiment, as its runner told it.
            left: seconds, > 0, until it ends here unless it is told again.
        """
        name = str(plain["value"]["experiment"]["name"])
        known = self._following.get(name)
        if plain["value"]["id"] in self._stopped:
            return  # that it is over is told again
        if known is not None and known.id == plain["value"]["id"]:
            known.renew(plain, left)
            return
        self.unfollow(name)
        with self._lock:
            self._following[name] = Following(
                plain, left, self._runtime, self._around, self._settings()
            )
        self._see_to_it()

    def unfollow(self, name: str) -> None:
        """Take the fault of another worker's experiment out."""
        with self._lock:
            known = self._following.pop(name, None)
        if known is not None:
            known.end()

    def stop(self) -> None:
        """End all of them for all: the fleet is told that they are over here."""
        for each in self:
            self._stop(each)

    def sweep(self) -> None:
        """End what is over, or was not told again in time."""
        for each in self:
            if each.is_over:
                self._stop(each)
            elif each.remaining <= 0.0:
                self.unfollow(each.experiment.name)

    def leave(self) -> None:
        """Take all faults out of this worker; the others go on."""
        for each in self:
            each.end()

    def after_fork(self) -> None:
        """Follow nothing: what the parent follows is the parent's."""
        self._lock = RLock()
        self.leave()
        self._following = {}

    def check_apart(self, name: str, aim: Aim) -> None:
        """Refuse an experiment where one of another worker is in force.

        Raises:
            ChaosRefusedError: it has that name, or a call in common.
        """
        for each in self:
            if each.experiment.name == name or (each.aim is not None and each.aim.overlaps(aim)):
                raise ChaosRefusedError(
                    f"another worker of the fleet runs {each.experiment.name!r} here already"
                )

    def counts(self) -> dict[str, list[int]]:
        """Return `{run: [calls, injected]}` of those that are in force in this worker."""
        return {
            each.id: [each.injection.seen, each.injection.hit]
            for each in self
            if each.aim is not None
        }

    def _stop(self, each: Following) -> None:
        self._stopped.append(each.id)
        self.unfollow(each.experiment.name)
