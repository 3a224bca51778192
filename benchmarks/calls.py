"""What is timed: the same call made bare, in a closure, guarded by us and by the peers.

Ours always has its failure-rate window on and times slow calls. The function does nothing, so a
figure is what guarding costs and not what a call does.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial, wraps
from itertools import cycle
from typing import Any

from benchmarks import loops
from benchmarks.peers import RESET_SECONDS, Guard, Peer, opened
from benchmarks.rounds import Subject
from resilience import CircuitOpenError, System, signals
from resilience.core.runtime import Runtime

OURS = "resilience"
BARE = "bare function"
CLOSURE = "closure with try/except"
THREADS = 8
WINDOW_CALLS = (10, 1_000, 100_000)
TIME_WINDOW = "window of 60 s"

_FAILED = ConnectionError("the upstream is down")


@dataclass(frozen=True, slots=True)
class Group:
    """Subjects that are timed in the same rounds.

    `baseline` is the subject the table's ratios are over; each round is the best
    of `passes` passes of `pass_ns` ns.
    """

    title: str
    baseline: str
    subjects: tuple[Subject, ...]
    passes: int = 9
    pass_ns: int = 1_000_000


def work() -> None:
    """Do nothing."""


async def async_work() -> None:
    """Do nothing, in a coroutine."""


def failing_third() -> Callable[[], None]:
    """Return a function that fails on every third call, which no circuit here opens for."""
    fails = cycle((False, False, True)).__next__

    def sometimes() -> None:
        if fails():
            raise _FAILED.with_traceback(None)

    return sometimes


def ours(**settings: Any) -> Guard:
    """Return `@circuit` with a new circuit of a new system; `settings` add to the bench's own."""
    fixed = {"slow_call_duration": 1.0, "reset_timeout": float(RESET_SECONDS)}
    guard: Guard = System().circuit("bench", **(fixed | settings))
    return guard


def closure(call: Callable[[], Any]) -> Callable[[], Any]:
    """Wrap `call` as little as one can and still see how it ends."""

    @wraps(call)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except Exception:
            raise

    return guarded


def async_closure(call: Callable[[], Awaitable[Any]]) -> Callable[[], Any]:
    """Wrap a coroutine function as little as one can and still see how it ends."""

    @wraps(call)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return await call(*args, **kwargs)
        except Exception:
            raise

    return guarded


def sync(peers: Sequence[Peer]) -> Group:
    """Compare a guarded plain function."""
    fixed = [(BARE, work), (CLOSURE, closure(work)), (OURS, ours()(work))]
    theirs = [(peer.name, peer.guard()(work)) for peer in peers]
    subjects = [Subject(name, loops.plain(call)) for name, call in fixed + theirs]
    return Group("Closed circuit, plain function", CLOSURE, tuple(subjects))


def asynchronous(peers: Sequence[Peer]) -> Group:
    """Compare a guarded coroutine function."""
    fixed: list[tuple[str, Any]] = [
        (BARE, async_work),
        (CLOSURE, async_closure(async_work)),
        (OURS, ours()(async_work)),
    ]
    theirs = [(peer.name, peer.async_guard()(async_work)) for peer in peers if peer.async_guard]
    subjects = [Subject(name, loops.awaited(call)) for name, call in fixed + theirs]
    return Group("Closed circuit, coroutine function", CLOSURE, tuple(subjects))


def method(peers: Sequence[Peer]) -> Group:
    """Compare a guarded method, called on an instance."""
    guards: list[tuple[str, Guard]] = [
        (BARE, lambda call: call),
        (CLOSURE, closure),
        (OURS, ours()),
    ]
    guards += [(peer.name, peer.guard()) for peer in peers]
    subjects = [Subject(name, loops.method(_thing(guard))) for name, guard in guards]
    return Group("Closed circuit, method", CLOSURE, tuple(subjects))


def _thing(guard: Guard) -> loops.Thing:
    class Thing:
        @guard
        def work(self) -> None:
            """Do nothing."""

    return Thing()


def rejection(peers: Sequence[Peer]) -> Group:
    """Compare one rejection while open, with the caller's `except`."""

    def raised() -> None:
        raise ConnectionError

    subjects = [
        Subject("raise alone", loops.caught(lambda: raised, ConnectionError)),
        Subject(OURS, loops.caught(partial(opened, ours, CircuitOpenError), CircuitOpenError)),
    ]
    for peer in peers:
        rejects = partial(opened, peer.guard, peer.rejection)
        subjects.append(Subject(peer.name, loops.caught(rejects, peer.rejection)))
    return Group("Rejection while open", OURS, tuple(subjects))


def window(_peers: Sequence[Peer]) -> Group:
    """Compare our windows, each full before it is timed and a third of it failures."""
    windows: list[tuple[str, dict[str, Any]]] = [
        (f"last {calls:,} calls", {"window_calls": calls}) for calls in WINDOW_CALLS
    ]
    windows.append((TIME_WINDOW, {"window": 60.0}))
    subjects = [
        subject for name, settings in windows for subject in _window_subjects(name, settings)
    ]
    return Group(
        "Full windows of several sizes", f"last {WINDOW_CALLS[0]:,} calls", tuple(subjects)
    )


def _window_subjects(name: str, settings: dict[str, Any]) -> list[Subject]:
    """Return a subject that only succeeds and one that fails on every third call."""
    guard = ours(**settings)
    fails, succeeds = guard(failing_third()), guard(work)
    mixed = loops.caught(lambda: fails, ConnectionError)
    mixed(settings.get("window_calls", 10_000) * 2)
    return [Subject(name, loops.plain(succeeds)), Subject(f"{name}, 1 in 3 fails", mixed)]


FIVE_LAYERS = "and a feature: five layers"


def layers(_peers: Sequence[Peer]) -> Group:
    """Compare guards of several layers with the circuit alone.

    The limit in time is left out: it takes sync code to another thread, whatever is around it.
    """
    subjects = [Subject(name, loops.plain(call)) for name, call in _layered(work)]
    return Group("Layers of one guard", OURS, tuple(subjects))


def layers_async(_peers: Sequence[Peer]) -> Group:
    """Compare the same for coroutine functions, and all of it with a limit in time."""
    calls = _layered(async_work)
    calls.append(("and a timeout", System().timeout(60)(calls[-1][1])))
    subjects = [Subject(name, loops.awaited(call)) for name, call in calls]
    return Group("Layers of one guard, coroutine function", OURS, tuple(subjects))


def _layered(call: Callable[[], Any]) -> list[tuple[str, Callable[[], Any]]]:
    """Return `call` in a circuit, then with one layer more each time."""
    system = System()
    further: list[tuple[str, Guard]] = [
        ("and a fallback", system.fallback(None)),
        ("and a retry", system.retry(3)),
        ("and a bulkhead", system.bulkhead(25)),
        (FIVE_LAYERS, system.feature("bench")),
        ("and what heals it: six layers", system.heal("bench")),
    ]
    calls = [(OURS, ours()(call))]
    for name, decorator in further:
        calls.append((name, decorator(calls[-1][1])))
    return calls


def heal(_peers: Sequence[Peer]) -> Group:
    """Compare a healed function, alone and with a circuit in it, with the circuit alone."""
    system = System()
    subjects = (
        Subject(OURS, loops.plain(ours()(work))),
        Subject("heal", loops.plain(system.heal("alone")(work))),
        Subject("heal + circuit", loops.plain(system.heal(system.circuit(
            "healed", slow_call_duration=1.0)(work)))),
    )  # fmt: skip
    return Group("Healed, and well: plain function", OURS, subjects)


def heal_async(_peers: Sequence[Peer]) -> Group:
    """Compare the same for a coroutine function."""
    system = System()
    subjects = (
        Subject(OURS, loops.awaited(ours()(async_work))),
        Subject("heal", loops.awaited(system.heal("alone")(async_work))),
        Subject("heal + circuit", loops.awaited(system.heal(system.circuit(
            "healed", slow_call_duration=1.0)(async_work)))),
    )  # fmt: skip
    return Group("Healed, and well: coroutine function", OURS, subjects)


def keyed(_peers: Sequence[Peer]) -> Group:
    """Compare one circuit per key with one circuit; every call has the key of 1 or of 1,000."""
    keys = cycle(range(1000))
    subjects = (
        Subject(OURS, loops.plain(ours()(work))),
        Subject("key=, always the same", loops.plain(ours(key=lambda: "tenant")(work))),
        Subject("key=, 1,000 in turn", loops.plain(ours(key=lambda: next(keys))(work))),
    )
    return Group("One circuit per key", OURS, subjects)


def block(peers: Sequence[Peer]) -> Group:
    """Compare `with circuit:`."""
    circuit = System().circuits.get("bench", slow_call_duration=1.0)
    subjects = [
        Subject("with nullcontext()", loops.block(nullcontext())),
        Subject(OURS, loops.block(circuit)),
    ]
    subjects += [Subject(peer.name, loops.block(peer.block())) for peer in peers if peer.block]
    return Group("with circuit:", OURS, tuple(subjects))


def threads(peers: Sequence[Peer]) -> Group:
    """Compare the time per call when eight threads share the calls out."""
    calls = [(CLOSURE, closure(work)), (OURS, ours()(work))]
    calls += [(peer.name, peer.guard()(work)) for peer in peers]
    subjects = [Subject(name, loops.threaded(call, THREADS)) for name, call in calls]
    # A pass must span many turns of the interpreter lock, which take 5 ms each.
    return Group(
        f"Closed circuit, {THREADS} threads (time per call of all)",
        OURS,
        tuple(subjects),
        passes=3,
        pass_ns=30_000_000,
    )


def event(_peers: Sequence[Peer]) -> Group:
    """Time an event that nobody listens to, and the same with one listener."""
    silent, heard = Runtime().bus, Runtime().bus
    heard.subscribe(lambda _event: None)
    sends: list[tuple[str, Callable[..., object]]] = [
        ("a function that does nothing", lambda *_: None),
        ("no receiver", silent.emit),
        ("one listener", heard.emit),
    ]
    subjects = [
        Subject(name, loops.plain(partial(send, signals.circuit_opened, "bench", {})))
        for name, send in sends
    ]
    return Group("An event", "no receiver", tuple(subjects))


GROUPS: dict[str, Callable[[Sequence[Peer]], Group]] = {
    "sync": sync,
    "async": asynchronous,
    "method": method,
    "rejection": rejection,
    "window": window,
    "layers": layers,
    "layers-async": layers_async,
    "heal": heal,
    "heal-async": heal_async,
    "keyed": keyed,
    "block": block,
    "threads": threads,
    "event": event,
}
