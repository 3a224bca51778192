"""What the service was told to do, and what that means for one call; no I/O, no clock."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random

from flaky_upstream.validation import a_number, an_integer, an_object, one_of

HANG_LIMIT = (
    300.0  # seconds after which a hanging call is dropped, so that no thread stays for ever
)


class Mode(StrEnum):
    """What happens to a call that the mode hits."""

    ANSWER = "answer"
    FAIL = "fail"
    HANG = "hang"
    DRIP = "drip"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the calls of one path are treated.

    Attributes:
        mode: What happens to the calls that are hit; the others are answered.
        latency: Seconds before anything is sent, 0 to 300.
        jitter: Up to so many seconds more, evenly drawn, 0 to 300.
        share: Share of the calls that the mode hits, 0 to 1.
        status: The status that `fail` answers with, 400 to 599.
        interval: Seconds between two bytes of `drip`, 0.001 to 60.
        seed: What share and jitter are drawn from; the same seed gives the same sequence.
    """

    mode: Mode = Mode.ANSWER
    latency: float = 0.0
    jitter: float = 0.0
    share: float = 1.0
    status: int = 500
    interval: float = 0.2
    seed: int = 0

    def document(self) -> dict[str, object]:
        """Return this behaviour as a JSON document."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one call.

    Attributes:
        mode: The mode that applies to it: `answer` where the share spared it.
        delay: Seconds to wait first; for `hang`, after which it is dropped.
        applied: The behaviour it comes from; another one in force means: plan again.
    """

    mode: Mode
    delay: float
    applied: "Applied"


class Applied:
    """A behaviour in force, with the sequence of its random draws; not thread-safe."""

    __slots__ = ("_random", "behaviour")

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self._random = Random(behaviour.seed)

    def plan(self) -> Plan:
        """Return what happens to the next call."""
        told = self.behaviour
        # Both are always drawn: a call takes two numbers of the sequence whatever the mode is.
        hit = self._random.random() < told.share
        delay = told.latency + told.jitter * self._random.random()
        mode = told.mode if hit else Mode.ANSWER
        return Plan(mode, HANG_LIMIT if mode is Mode.HANG else delay, self)


_CHECKS: Mapping[str, Callable[[str, object], object]] = {
    "mode": lambda field, value: Mode(one_of(field, value, Mode)),
    "latency": lambda field, value: a_number(field, value, 0, 300),
    "jitter": lambda field, value: a_number(field, value, 0, 300),
    "share": lambda field, value: a_number(field, value, 0, 1),
    "status": lambda field, value: an_integer(field, value, 400, 599),
    "interval": lambda field, value: a_number(field, value, 0.001, 60),
    "seed": lambda field, value: an_integer(field, value, 0, 2**32 - 1),
}


def read_behaviour(document: object, paths: tuple[str, ...]) -> tuple[str | None, Behaviour]:
    """Return which path a client's JSON document is about, None for all, and what it tells.

    Args:
        document: The parsed body: an object with `mode` and any other field of `Behaviour`.
        paths: The paths that can be told apart.

    Raises:
        InvalidFieldError: A field is missing, unknown or out of its range.
    """
    given = dict(an_object(document, ("mode", "path", *list(_CHECKS)[1:])))
    path = one_of("path", given.pop("path"), paths) if "path" in given else None
    given.setdefault("mode", None)  # so that a missing mode is refused in the same words
    checked = {field: _CHECKS[field](field, value) for field, value in given.items()}
    return path, Behaviour(**checked)  # type: ignore[arg-type]
