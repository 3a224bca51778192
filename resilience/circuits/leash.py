"""What ties a circuit to those of the same name in the app's other workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from resilience.circuits.automaton import News
from resilience.circuits.states import Outcome
from resilience.core.window import NOTHING, Counts
from resilience.fleet.verdicts import CLOSED, FAILURE, NEUTRAL, RUNNING, SUCCESS, Report

PATIENCE = 0.25  # seconds for which an opening is held back until the fleet has had its say
USED = 0.8  # of a place's time, within which its trial has to begin; the store's clock may be ahead

OUTCOMES = {Outcome.SUCCESS: SUCCESS, Outcome.FAILURE: FAILURE, Outcome.NEUTRAL: NEUTRAL}


class Place(NamedTuple):
    """A place for one trial call: its name in the store, and the monotonic time it is good for."""

    name: str
    until: float


class Leash:
    """What a circuit knows of the fleet; used with the circuit's lock held.

    Args:
        nudge: called, from any thread, when something is worth an exchange at once.
        is_online: tells whether the store answered last time.
    """

    __slots__ = (
        "eager", "epoch", "held", "held_until", "is_online", "leads", "nudge", "places",
        "reset", "sending", "sent", "state", "trials", "wants",
    )  # fmt: skip

    def __init__(self, nudge: Callable[[], None], is_online: Callable[[], bool]) -> None:
        self.nudge = nudge
        self.is_online = is_online
        self.leads = False  # the fleet decides, not this circuit: it is not closed
        self.epoch = 0
        self.state = CLOSED
        self.places: deque[Place] = deque()
        self.trials: dict[str, str] = {}  # what became of places, until the store knows
        self.wants = False  # a call came that found no place
        self.reset = False
        self.eager = True  # the next failure is worth an exchange
        # Totals, and refused calls, that the store knows.
        self.sent: tuple[Counts, int] = (NOTHING, 0)
        self.sending: tuple[Counts, int] = self.sent  # what it will know when the exchange succeeds
        self.held: News = ()  # an opening that the fleet may tell of instead
        self.held_until = 0.0

    def alarm(self) -> None:
        """Ask for an exchange at once, the first time since the last one."""
        if self.eager:
            self.eager = False
            self.nudge()

    def want(self) -> None:
        """Ask for a place: a call had to be refused for want of one."""
        self.wants = True
        self.alarm()

    def take(self, now: float) -> str:
        """Return a place for a trial that begins now, or ""."""
        while self.places:
            place = self.places.popleft()
            if now < place.until:
                self.trials[place.name] = RUNNING
                self.alarm()  # the place is kept only if the store hears that it is used
                return place.name
            self.trials[place.name] = NEUTRAL
        return ""

    def done(self, place: str, outcome: Outcome) -> None:
        """Report the end of a trial."""
        self.trials[place] = OUTCOMES[outcome]
        self.eager = False
        self.nudge()

    def give_back(self, now: float) -> None:
        """Report places as unused that are too old to begin a trial with."""
        while self.places and self.places[0].until <= now:
            self.trials[self.places.popleft().name] = NEUTRAL

    def heard(self, report: Report) -> None:
        """Take note that the store knows a report."""
        self.sent, self.reset = self.sending, self.reset and not report.reset
        self.wants = self.wants and not report.wants
        for place, outcome in report.trials.items():
            if outcome != RUNNING and self.trials.get(place) == outcome:
                del self.trials[place]

    def enter(self, epoch: int, state: str) -> None:
        """Be in a state of the fleet's; what belongs to earlier ones is void."""
        self.epoch, self.state = epoch, state
        self.places.clear()
        self.trials.clear()
