"""What is timed of features: a call of one that is on, in part, or off, and asking for one."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle

from benchmarks import loops
from benchmarks.calls import BARE, CLOSURE, Group, async_closure, async_work, closure, work
from benchmarks.peers import Peer
from benchmarks.rounds import Subject
from resilience import Feature, System

ON = "@feature that is on"
ASKED = "enabled(name) of one that is on"

_KEYS = [f"user {number}" for number in range(1000)]


def sync(_peers: Sequence[Peer]) -> Group:
    """Compare a plain function with a feature around it."""
    system = System()
    whole = system.feature("on", otherwise=None)(work)
    off = system.feature("off", otherwise=None, enabled=False)(work)
    keys = cycle(_KEYS).__next__
    part = system.feature("part", otherwise=None, rollout=50, key=keys)(work)
    subjects = [
        (BARE, work),
        (CLOSURE, closure(work)),
        (ON, whole),
        ("@feature that is off, with a value instead", off),
        ("@feature for half of 1,000 keys", part),
    ]
    return Group(
        "A feature, plain function",
        CLOSURE,
        tuple(Subject(name, loops.plain(call)) for name, call in subjects),
    )


def asynchronous(_peers: Sequence[Peer]) -> Group:
    """Compare a coroutine function with a feature around it."""
    whole = System().feature("on", otherwise=None)(async_work)
    subjects = [(BARE, async_work), (CLOSURE, async_closure(async_work)), (ON, whole)]
    return Group(
        "A feature, coroutine function",
        CLOSURE,
        tuple(Subject(name, loops.awaited(call)) for name, call in subjects),
    )


def asked(_peers: Sequence[Peer]) -> Group:
    """Compare the question alone with the closure."""
    degradation = System().degradation
    degradation.add(Feature("on"))
    degradation.add(Feature("part", rollout=50))
    subjects: list[tuple[str, Callable[[], object]]] = [
        (CLOSURE, closure(work)),
        (ASKED, partial(degradation.enabled, "on")),
        ("enabled(name, key=) of a part", partial(degradation.enabled, "part", key="ada")),
        ("capability(name)", partial(degradation.capability, "part")),
    ]
    return Group(
        "Asking for a feature",
        CLOSURE,
        tuple(Subject(name, loops.plain(call)) for name, call in subjects),
    )


FEATURE_GROUPS: dict[str, Callable[[Sequence[Peer]], Group]] = {
    "feature": sync,
    "feature-async": asynchronous,
    "feature-asked": asked,
}
