"""What a decorated function is taken for: by inspect, asyncio, asgiref and the frameworks."""

import asyncio
import copy
import functools
import inspect
import pickle
import typing
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import asgiref.sync
import blinker
import pytest
from starlette._utils import is_async_callable

from resilience import (
    CircuitOpenError,
    Source,
    System,
    circuit,
    circuit_of,
    explain,
    fallback,
    guarded,
)
from resilience import system as process_wide

Call = Callable[..., Any]
TESTS = [
    inspect.isfunction,
    inspect.iscoroutinefunction,
    inspect.isgeneratorfunction,
    inspect.isasyncgenfunction,
    asgiref.sync.iscoroutinefunction,
    is_async_callable,
    inspect.isroutine,
    inspect.signature,
    typing.get_type_hints,
    lambda call: (call.__name__, call.__qualname__, call.__module__, call.__doc__),
]


def plain(item: str, /, count: int = 1, *, fast: "bool" = True) -> list[str]:
    """Repeat an item."""
    return [item] * count


async def coroutine(item: str, /, count: int = 1, *, fast: "bool" = True) -> list[str]:
    """Repeat an item, asynchronously."""
    return [item] * count


def generator(item: str, /, count: int = 1, *, fast: "bool" = True) -> Iterator[str]:
    """Give an item again and again."""
    yield from [item] * count


async def async_generator(
    item: str, /, count: int = 1, *, fast: "bool" = True
) -> AsyncIterator[str]:
    """Give an item again and again, asynchronously."""
    for _ in range(count):
        yield item


class Client:
    """Something callable, with methods of all kinds."""

    def __init__(self, base: str = "/") -> None:
        self.base = base

    def __call__(self, path: str) -> str:
        """Join a path to the base."""
        return self.base + path

    @circuit("kinds.get")
    def get(self, path: str) -> str:
        """Join a path to the base."""
        return self.base + path

    @circuit("kinds.fetch")
    async def fetch(self, path: str) -> str:
        """Join a path to the base."""
        return self.base + path


class AsyncClient:
    """Something callable that answers with a coroutine."""

    async def __call__(self, path: str) -> str:
        """Answer the path."""
        return path


@pytest.fixture
def system() -> System:
    """Give a system of its own."""
    return System()


def in_one_order(system: System, call: Call) -> Call:
    """Guard with the circuit outside."""
    return system.circuit("kind")(system.fallback(Source([]))(call))


def in_other_order(system: System, call: Call) -> Call:
    """Guard with the fallback outside."""
    return system.fallback(Source([]))(system.circuit("kind")(call))


@pytest.mark.parametrize("ask", TESTS)
@pytest.mark.parametrize("call", [plain, coroutine, generator, async_generator])
def test_a_guarded_function_is_taken_for_what_it_was(system: System, call: Call, ask: Call) -> None:
    """Every question about the guarded function has the original's answer."""
    assert ask(system.circuit("kind")(call)) == ask(call)


@pytest.mark.parametrize("ask", TESTS)
@pytest.mark.parametrize("call", [plain, coroutine])
@pytest.mark.parametrize("guard", [in_one_order, in_other_order])
def test_two_layers_change_no_answer(system: System, call: Call, guard: Call, ask: Call) -> None:
    """The same with a fallback and a circuit, in either order."""
    assert ask(guard(system, call)) == ask(call)


@pytest.mark.parametrize(
    "call",
    [
        Client(),
        AsyncClient(),
        functools.partial(plain, "a"),
        functools.partial(coroutine, "a"),
        functools.partial(AsyncClient(), "a"),
        functools.partial(generator, "a"),
        Client().get,
        Client().fetch,
        Client.get,
    ],
    ids=lambda call: f"{type(call).__name__} {getattr(call, '__name__', '')}",
)
@pytest.mark.parametrize(
    "ask",
    [
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        asgiref.sync.iscoroutinefunction,
        is_async_callable,
        inspect.signature,
    ],
)
def test_guarded_objects_partials_and_methods_too(system: System, call: Call, ask: Call) -> None:
    """Objects, partials and bound methods are taken for what they were."""
    guard = system.fallback("instead") if guarded(call) else system.circuit("kind")

    assert ask(guard(call)) == ask(call)


def test_the_original_is_left_alone(system: System) -> None:
    """Decorating marks nothing on the function: it is reached by `__wrapped__`, and bare."""
    attributes = dict(vars(coroutine))

    wrapped = system.circuit("kind")(coroutine)

    assert wrapped is not coroutine
    assert inspect.unwrap(wrapped) is coroutine
    assert vars(coroutine) == attributes
    assert (guarded(wrapped), guarded(coroutine)) == (True, False)


def test_attributes_of_the_function_stay_on_the_guarded_one(system: System) -> None:
    """What another decorator noted on the function, such as a route, is still there."""

    def view() -> str:
        return "page"

    view.methods = ["GET"]  # type: ignore[attr-defined]

    assert system.circuit("kind")(view).methods == ["GET"]  # type: ignore[attr-defined]


def test_a_bound_guarded_method_can_get_a_further_layer(system: System) -> None:
    """The object stays bound, the method's own circuit stays in place, the class is untouched."""
    client = Client("base/")

    further = system.fallback("instead")(client.get)

    assert further("a") == "base/a"
    assert circuit_of(further).name == "kinds.get"
    assert client.get("a") == "base/a"
    text = explain(further)
    assert text.index("fallback") < text.index("circuit 'kinds.get'")


def test_methods_are_methods(system: System) -> None:
    """Bound, a guarded method knows its object and function; documentation tools see it."""
    client = Client("base/")

    assert client.get("a") == "base/a"
    assert inspect.ismethod(client.get)
    assert client.get.__self__ is client
    assert client.get == client.get
    assert list(inspect.signature(client.get).parameters) == ["path"]
    assert Client.get.__doc__ == Client.__call__.__doc__
    assert asyncio.run(client.fetch("a")) == "base/a"


@pytest.mark.parametrize("name", ["get", "fetch"])
def test_weak_references_and_signals_take_bound_methods(name: str) -> None:
    """WeakMethod and blinker hold a guarded bound method as they hold any other."""
    client = Client()
    reference = weakref.WeakMethod(getattr(client, name))
    assert reference() == getattr(client, name)

    del client
    assert reference() is None


def test_blinker_calls_and_forgets_a_guarded_bound_method() -> None:
    """A receiver that is a guarded method is called, and gone with its object."""
    signal, heard = blinker.Signal(), []

    class Receiver:
        @circuit("kinds.receive")
        def receive(self, sender: str) -> None:
            heard.append(sender)

    receiver = Receiver()
    signal.connect(receiver.receive)
    signal.send("first")
    del receiver
    signal.send("second")

    assert heard == ["first"]


@circuit("kinds.module")
@fallback("instead")
def module_level(item: str) -> str:
    """Answer in capitals."""
    return item.upper()


def test_pickle_finds_a_guarded_function_by_its_name() -> None:
    """A guarded function of a module pickles as any function does, and comes back as itself."""
    again = pickle.loads(pickle.dumps(module_level))

    assert again is module_level
    assert again("a") == "A"


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_of_guarded_functions_are_the_functions(duplicate: Call) -> None:
    """Like a bare function, a guarded one is atomic for `copy`, also inside other things."""
    assert duplicate(module_level) is module_level
    assert duplicate({"default": module_level})["default"] is module_level


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_of_guarded_objects_are_still_guarded(system: System, duplicate: Call) -> None:
    """A callable object's guard survives a copy, and counts in the same circuit."""
    wrapped = system.circuit("kind")(Client("base/"))

    twin = duplicate(wrapped)

    assert twin("a") == "base/a"
    assert guarded(twin)
    assert circuit_of(twin) is circuit_of(wrapped)
    assert system.circuits["kind"].snapshot().calls == 1


@pytest.mark.parametrize(
    "error",
    [CircuitOpenError("it", 3.0), CircuitOpenError(name="it", retry_after=3.0)],
)
def test_rejections_come_back_from_other_processes(error: CircuitOpenError) -> None:
    """However they were made."""
    error.add_note("of the pool")
    again = pickle.loads(pickle.dumps(error))

    assert repr(again) == repr(error) == "CircuitOpenError('it', 3.0)"
    assert (again.name, again.retry_after, again.__notes__) == ("it", 3.0, ["of the pool"])


def test_the_process_wide_system_pickles_by_its_name() -> None:
    """What holds it may be sent to another process; a system of one's own cannot."""
    assert pickle.loads(pickle.dumps(process_wide)) is process_wide
    with pytest.raises(pickle.PicklingError, match="has no name that another process knows"):
        pickle.dumps(System())


def test_bound_methods_pickle() -> None:
    """`client.get` goes through pickle with its object."""
    again = pickle.loads(pickle.dumps(Client("base/").get))

    assert again("a") == "base/a"


MODULE = """
from resilience import circuit

class Shop:
    @circuit("worker.total")
    def total(self, price):
        return price * 2

    @classmethod
    @circuit("worker.name")
    def name(cls, suffix):
        return cls.__name__ + suffix

@circuit("worker.double")
def double(number):
    return number * 2
"""


def test_a_process_pool_runs_guarded_functions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Functions, bound methods and class methods reach a freshly started process."""
    (tmp_path / "kinds_worker.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    worker: Any = __import__("kinds_worker")

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(worker.double, [1, 2])) == [2, 4]
        assert pool.submit(worker.Shop().total, 4).result() == 8
        assert pool.submit(worker.Shop.name, "!").result() == "Shop!"


def test_explain_shows_the_layers_in_their_order() -> None:
    """However the decorators stand, the chain reads from the outside in."""
    text = explain(module_level)

    assert text.index("fallback") < text.index("circuit")
    assert "kinds.module" in text


class Anything:
    """Has whatever attribute it is asked for, as clients of remote procedures do."""

    def __call__(self, *_: Any) -> int:
        """Answer."""
        return 3

    def __getattr__(self, name: str) -> "Anything":
        """Go on without end."""
        return Anything()


@pytest.mark.parametrize("make", [Mock, MagicMock, Anything])
def test_objects_that_have_every_attribute_are_guarded(system: System, make: Any) -> None:
    """Neither their name nor their guard is looked for without end."""
    double = make()
    double.return_value = 3

    call = system.retry(system.circuit(double))

    assert call("it") == 3
    assert circuit_of(call).name == f"{make.__module__}.{make.__qualname__}"
    assert not guarded(double)


def test_an_async_mock_is_awaited_inside_its_circuit(system: System) -> None:
    """And its failures count."""
    double = AsyncMock(side_effect=OSError)
    call = system.circuit("it")(double)

    with pytest.raises(OSError):  # noqa: PT011 - it has no text
        asyncio.run(call())

    double.assert_awaited_once_with()
    assert circuit_of(call).snapshot().failures == 1
