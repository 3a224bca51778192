"""Peers' flaws with what a decorator may stand on: methods, partials, objects, coroutines."""

import asyncio
import functools
import gc
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from resilience import System, circuit_of, fallback

Call = Callable[..., Any]


def fail(*_: Any, **__: Any) -> Any:
    """Fail as a broken upstream does."""
    raise OSError("down")


async def fail_async(*_: Any, **__: Any) -> Any:
    """Fail as a broken upstream does."""
    raise OSError("down")


def sees_failures(system: System, name: str, call: Call) -> None:
    """Check that three failing calls are three failures and open the circuit."""
    for count in range(3):
        assert count == system.circuits[name].snapshot().failures
        with pytest.raises(OSError, match="down"):
            call()
    assert system.circuits[name].state == "open"


def shop_class(system: System) -> Any:
    """Make a class with class and static methods, the guard above and below each."""
    guard = functools.partial(system.circuit, failure_threshold=3)

    class Shop:
        @guard("class below")
        @classmethod
        def above_class(cls, item: str, *, price: int = 1) -> tuple[type, str, int]:
            return (cls, item, price) if price else fail()

        @classmethod
        @guard("class above")
        def below_class(cls, item: str, *, price: int = 1) -> tuple[type, str, int]:
            return (cls, item, price) if price else fail()

        @guard("static below")
        @staticmethod
        def above_static(item: str, *, price: int = 1) -> tuple[str, int]:
            return (item, price) if price else fail()

        @staticmethod
        @guard("static above")
        def below_static(item: str, *, price: int = 1) -> tuple[str, int]:
            return (item, price) if price else fail()

        @guard("method")
        def method(self, item: str, *, price: int = 1) -> tuple[object, str, int]:
            return (self, item, price) if price else fail()

    return Shop


@pytest.mark.parametrize("name", ["above_class", "below_class"])
@pytest.mark.parametrize("through", ["class", "instance", "subclass"])
def test_class_methods_work_in_either_order(system: System, name: str, through: str) -> None:
    """The class that was asked arrives as `cls`, and failures are seen."""
    shop = shop_class(system)
    owner = type("Branch", (shop,), {}) if through == "subclass" else shop
    method = getattr(owner() if through == "instance" else owner, name)

    assert (owner, "tea", 3) == method("tea", price=3)
    circuit = "class below" if name == "above_class" else "class above"
    assert circuit == circuit_of(method).name
    sees_failures(system, circuit, lambda: method("tea", price=0))


@pytest.mark.parametrize("name", ["above_static", "below_static"])
@pytest.mark.parametrize("through", ["class", "instance"])
def test_static_methods_work_in_either_order(system: System, name: str, through: str) -> None:
    """No argument is added or lost, and failures are seen."""
    shop = shop_class(system)
    method = getattr(shop() if through == "instance" else shop, name)

    assert method("tea", price=3) == ("tea", 3)
    circuit = "static below" if name == "above_static" else "static above"
    assert circuit == circuit_of(method).name
    sees_failures(system, circuit, lambda: method("tea", price=0))


def test_methods_work_bound_and_through_the_class(system: System) -> None:
    """`shop.method` and `Shop.method(shop)` are the same guarded call."""
    shop_type = shop_class(system)
    shop = shop_type()

    assert (shop, "tea", 1) == shop.method("tea") == shop_type.method(shop, "tea")
    assert "method" == circuit_of(shop.method).name == circuit_of(shop_type.method).name
    sees_failures(system, "method", lambda: shop.method("tea", price=0))


def test_async_class_and_static_methods_work_in_either_order(system: System) -> None:
    """The four combinations again, as coroutines."""

    class Shop:
        @system.circuit("a", failure_threshold=3)
        @classmethod
        async def one(cls) -> Any:
            return await fail_async(cls)

        @classmethod
        @system.circuit("b", failure_threshold=3)
        async def two(cls) -> Any:
            return await fail_async(cls)

        @system.circuit("c", failure_threshold=3)
        @staticmethod
        async def three() -> Any:
            return await fail_async()

        @staticmethod
        @system.circuit("d", failure_threshold=3)
        async def four() -> Any:
            return await fail_async()

    methods: list[Call] = [Shop.one, Shop.two, Shop().three, Shop().four]
    for name, method in zip("abcd", methods, strict=True):
        sees_failures(system, name, lambda method=method: asyncio.run(method()))


class Client:
    """A callable object."""

    timeout = 3

    def __call__(self, path: str) -> str:
        """Answer the path, or fail."""
        return path if path != "broken" else fail()

    def get(self, path: str) -> str:
        """Call the object by a method."""
        return self(path)


class AsyncClient:
    """A callable object whose call is a coroutine function."""

    async def __call__(self, path: str) -> str:
        """Answer the path, or fail."""
        return path if path != "broken" else await fail_async()


def returns_coroutine(path: str) -> Coroutine[Any, Any, str]:
    """Make a coroutine without being a coroutine function."""
    return AsyncClient()(path)


@pytest.mark.parametrize(
    "call",
    [
        functools.partial(Client(), "broken"),
        functools.partial(fail, 1, 2, key=3),
        functools.partial(functools.partial(fail, 1), 2),
        functools.partial(Client().get, "broken"),
    ],
    ids=["partial of object", "partial of function", "partial of partial", "partial of method"],
)
def test_failures_of_partials_are_seen(system: System, call: Call) -> None:
    """A partial is guarded like the function that it prepares."""
    sees_failures(system, "it", system.circuit("it", failure_threshold=3)(call))


@pytest.mark.parametrize(
    "call",
    [
        functools.partial(fail_async, 1),
        functools.partial(AsyncClient(), "broken"),
        functools.partial(returns_coroutine, "broken"),
        lambda: AsyncClient()("broken"),
    ],
    ids=["partial", "partial of object", "partial of coroutine maker", "lambda"],
)
def test_failures_of_what_makes_coroutines_are_seen(system: System, call: Call) -> None:
    """What fails is the coroutine, not the call that made it."""
    guarded = system.circuit("it", failure_threshold=3)(call)

    sees_failures(system, "it", lambda: asyncio.run(guarded()))


@pytest.mark.parametrize("call", [AsyncClient(), returns_coroutine], ids=["object", "function"])
def test_the_call_is_over_when_the_coroutine_is_over(
    system: System, clock: Any, call: Call
) -> None:
    """The time of a call that returns a coroutine includes the coroutine's run."""
    guarded = system.circuit("it", slow_call_duration=1.0)(call)

    coroutine = guarded("path")
    clock.advance(2.0)
    assert asyncio.run(coroutine) == "path"
    before = system.circuits["it"].snapshot()
    with pytest.raises(OSError, match="down"):
        asyncio.run(guarded("broken"))

    assert (before.calls, before.failures) == (1, 0)
    assert system.circuits["it"].snapshot().failures == 1


def test_callable_objects_keep_their_attributes(system: System) -> None:
    """A guarded object answers for its attributes and is still an instance of its class."""
    client = Client()
    guarded = system.circuit("it", failure_threshold=3)(client)

    assert guarded("path") == "path"
    assert guarded.timeout == 3
    assert isinstance(guarded, Client)
    sees_failures(system, "it", lambda: guarded("broken"))


def test_a_bound_method_can_be_guarded_by_itself(system: System) -> None:
    """Decorating `client.get` guards this one bound method and leaves the class alone."""
    client = Client()
    guarded = system.circuit("it", failure_threshold=3)(client.get)

    assert "path" == guarded("path") == client.get("path")
    sees_failures(system, "it", lambda: guarded("broken"))


def test_every_guard_calls_its_own_function_after_garbage_collection(system: System) -> None:
    """No cache by `id()`: new functions at old addresses are not taken for the old ones."""
    for number in range(300):
        guarded: Call = system.circuit(f"number {number}")(functools.partial(int, number))
        assert number == fallback("lost")(guarded)()
        del guarded
        if number % 50 == 0:
            gc.collect()


def test_a_sync_guard_works_inside_a_running_loop(system: System) -> None:
    """A guarded `def` called from a coroutine runs, fails and is counted as anywhere else."""
    guarded = system.circuit("it", failure_threshold=3)(Client())

    async def main() -> str:
        return guarded("path")

    async def broken() -> str:
        return guarded("broken")

    assert asyncio.run(main()) == "path"
    sees_failures(system, "it", lambda: asyncio.run(broken()))
