"""All decorators on one function: in any order, bare and with arguments, on any kind of it."""

import inspect
import itertools
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from resilience import (
    BulkheadFullError,
    System,
    bulkhead_of,
    circuit_of,
    explain,
    protect,
)
from resilience.testing import ManualClock, force_open
from tests.strategies.retried import KINDS, Call
from tests.strategies.retried import run as begun

Decorators = dict[str, Callable[[Any], Any]]

ROLES = ["fallback", "heal", "retry", "circuit", "bulkhead", "timeout"]
ORDERS = list(itertools.permutations(ROLES))[::5]  # 144 of 720: each role at each place
SOME_ORDERS = [*ORDERS[:: len(ORDERS) // 5], tuple(reversed(ROLES))]


class Upstream:
    """Something that refuses its first caller, is too slow for its second, and then answers."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked = 0

    def ask(self, item: str) -> str:
        """Answer, or not."""
        self.asked += 1
        if self.asked == 1:
            raise ConnectionError("refused")
        self.clock.advance(3 if self.asked == 2 else 1)
        return item


@pytest.fixture
def upstream(clock: ManualClock) -> Upstream:
    """Give something on the system's clock."""
    return Upstream(clock)


@pytest.fixture
def decorators(system: System) -> Decorators:
    """Give each of them, with arguments."""
    return {
        "fallback": system.fallback("instead"),
        "heal": system.heal("it"),
        "retry": system.retry(attempts=3),
        "circuit": system.circuit("it", min_calls=9),
        "bulkhead": system.bulkhead(5),
        "timeout": system.timeout(2.0),
    }


def run(call: Call, item: str) -> Any:
    """Call, await where that is due, and take what a generator gives to its end."""
    if inspect.isgeneratorfunction(call):
        (only,) = call(item)
        return only
    return begun(call, item)


def decorated(call: Call, decorators: Decorators, order: tuple[str, ...]) -> Any:
    """Put them on a function, the first of the order innermost."""
    for role in order:
        call = decorators[role](call)
    return call


def all_given_back(guarded: Any) -> None:
    """Wait for the bulkhead to be empty: what was too slow keeps its place until it has ended."""
    patient = threading.Event()
    while bulkhead_of(guarded).snapshot().in_use:
        patient.wait(0.001)


def roles(guarded: Any) -> list[str]:
    """Return the layers that `explain` shows, outermost first."""
    lines = [line.strip() for line in explain(guarded).splitlines()]
    return [line.split()[1] for line in lines if line.startswith("→")][:-1]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_every_order_is_the_same_guard(
    system: System, decorators: Decorators, upstream: Upstream, order: tuple[str, ...]
) -> None:
    """The chain is the same, and so is what it does: three attempts, each counted and timed."""
    guarded = decorated(upstream.ask, decorators, order)

    assert roles(guarded) == ROLES
    assert guarded("answer") == "answer"
    assert upstream.asked == 3
    snapshot = system.circuits["it"].snapshot()
    assert (snapshot.calls, snapshot.failures) == (3, 2)
    all_given_back(guarded)


@pytest.mark.parametrize("order", SOME_ORDERS, ids="-".join)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_function_takes_all_of_them(
    system: System, decorators: Decorators, upstream: Upstream, kind: Call, order: tuple[str, ...]
) -> None:
    """Coroutine functions, makers of coroutines, and generators of both kinds."""
    guarded = decorated(kind(upstream.ask), decorators, order)

    assert run(guarded, "answer") == "answer"
    assert upstream.asked == 3
    snapshot = system.circuits["it"].snapshot()
    assert (snapshot.calls, snapshot.failures) == (3, 2)
    all_given_back(guarded)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rejection_is_answered_and_not_tried_again(
    system: System, decorators: Decorators, upstream: Upstream, kind: Call
) -> None:
    """An open circuit, and a full bulkhead that the circuit does not count."""
    del decorators["fallback"]
    guarded = decorated(kind(upstream.ask), decorators, tuple(decorators))
    answered = system.fallback(["instead"])(guarded)
    bulkhead = bulkhead_of(guarded)
    bulkhead.resize(1)

    with bulkhead, pytest.raises(BulkheadFullError):
        run(guarded, "item")
    assert system.circuits["it"].snapshot().calls == 0
    with force_open("it", system=system):
        assert run(answered, "item") in ("instead", ["instead"])
    assert upstream.asked == 0


def test_all_of_them_work_bare(system: System) -> None:
    """Those that have defaults; the timeout needs its seconds."""
    bare: Any = system.bulkhead(system.circuit(system.retry(system.heal(len))))

    assert bare("abc") == 3
    assert roles(bare) == ["heal", "retry", "circuit", "bulkhead"]
    assert circuit_of(bare).name == "builtins.len"
    called = system.bulkhead()(system.circuit()(system.retry()(system.heal()(len))))
    assert roles(called) == roles(bare)


def test_other_peoples_code_takes_all_of_them(
    system: System, decorators: Decorators, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method of a class, for all its objects, until the guard is taken off again."""

    class Client:
        def send(self, item: str) -> str:
            return upstream.ask(item)

    library: Any = ModuleType("library")
    library.Client = Client
    monkeypatch.setitem(sys.modules, "library", library)

    undo = protect("library:Client.send", *decorators.values())
    assert Client().send("answer") == "answer"
    assert (upstream.asked, roles(Client.send)) == (3, ROLES)
    with force_open("it", system=system):
        assert Client().send("answer") == "instead"
    undo()

    assert Client().send("bare") == "bare"
    assert system.circuits["it"].snapshot().calls == 3
