"""One guard for one function: its layers, their order, what it says of itself, what it refuses."""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from resilience import (
    CircuitOpenError,
    ConfigurationError,
    DecorationError,
    System,
    circuit_of,
    explain,
    guarded,
)
from resilience.core.guard import ORDER, bypassed, decorate, guard_of

Call = Callable[..., Any]


class Traced:
    """A layer that writes down that a call went through it."""

    def __init__(self, role: str, log: list[str]) -> None:
        self.role = role
        self._log = log

    def attach(self, guard: Any) -> None:
        """Take any guard."""

    def wrap(self, call: Call, guard: Any) -> Call:
        """Run the call between two lines of the log."""

        def inside(*args: Any) -> Any:
            self._log.append(self.role)
            return call(*args)

        return inside

    def describe(self) -> list[str]:
        """Say what it is."""
        return [self.role]


def answer(item: Any = "") -> Any:
    """Answer."""
    return item


def down(item: str = "") -> str:
    """Fail."""
    raise OSError(item)


def lines(call: Any) -> list[str]:
    """Return what `explain` says, line by line."""
    return [line.strip() for line in explain(call).splitlines()]


def test_eight_layers_run_in_the_canonical_order_however_they_are_given() -> None:
    """Every layer twice in every place that matters: forwards, backwards, and turned."""
    orders = [ORDER, ORDER[::-1], *(ORDER[turn:] + ORDER[:turn] for turn in range(1, 8))]
    for order in orders:
        log: list[str] = []
        call: Any = answer
        for role in order:
            call = decorate(call, Traced(role, log))

        assert call("a") == "a"
        assert log == list(ORDER)
        assert [line.removeprefix("→ ") for line in lines(call)[1:-1]] == list(ORDER)


def test_the_order_of_decorators_changes_no_behaviour(system: System) -> None:
    """A rejection is answered, whichever line stands first."""
    for number, order in enumerate(itertools.permutations([0, 1])):
        guards = [system.fallback("instead"), system.circuit(f"{number}", failure_threshold=1)]
        call: Any = down
        for index in order:
            call = guards[index](call)

        assert (call(), call()) == ("instead", "instead")
        assert system.circuits[f"{number}"].snapshot().rejected == 1


def test_a_further_layer_makes_another_guard(system: System) -> None:
    """What was decorated before is still what it was."""
    first = system.circuit("it", failure_threshold=1)(down)
    second = system.fallback("instead")(first)

    assert second() == "instead"
    with pytest.raises(CircuitOpenError):
        first()
    assert circuit_of(first) is circuit_of(second)


@pytest.mark.parametrize("role", ["circuit", "fallback"])
def test_a_layer_twice_is_refused(system: System, role: str) -> None:
    """Also with other layers between; the error says what to do instead."""
    guards = {"circuit": system.circuit("it"), "fallback": system.fallback("a")}
    other = guards["fallback" if role == "circuit" else "circuit"]
    again = system.circuit("other") if role == "circuit" else system.fallback("b")

    for call in (guards[role](answer), other(guards[role](answer))):
        with pytest.raises(DecorationError, match=rf"answer has a {role} layer already.*once"):
            again(call)
    assert isinstance(DecorationError(""), TypeError)


def test_a_layer_twice_is_refused_on_methods_objects_and_class_methods(system: System) -> None:
    """Whatever the guard is on."""
    guard, again = system.circuit("it"), system.circuit("other")
    call: Any = answer
    targets: list[Any] = [classmethod(call), staticmethod(call), "".join]
    for target in map(guard, targets):
        with pytest.raises(DecorationError, match="circuit layer already"):
            again(target)


def test_other_peoples_wrapper_between_is_a_function_of_its_own(system: System) -> None:
    """What calls a guarded function can be guarded itself; both layers count."""

    def wrapper(call: Call) -> Call:
        def inner(*args: Any) -> Any:
            return call(*args)

        inner.__wrapped__ = call  # type: ignore[attr-defined]
        return inner

    outer = system.circuit("outer")(wrapper(system.circuit("inner")(answer)))

    assert outer("a") == "a"
    assert [each.snapshot().calls for each in system.circuits] == [1, 1]
    assert circuit_of(outer).name == "outer"
    assert lines(outer).index("→ circuit 'outer'") < lines(outer).index("→ circuit 'inner'")


class Shop:
    """A class, a property, and things that cannot be called."""

    @property
    def price(self) -> int:
        """Be a property."""
        return 1


@pytest.mark.parametrize("role", ["circuit", "bare circuit", "fallback"])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Shop, "on the class Shop: decorate its methods"),
        (vars(Shop)["price"], "on a property: put it below @property, on the getter"),
    ],
)
def test_what_cannot_be_guarded_is_refused(
    system: System, role: str, target: Any, said: str
) -> None:
    """A TypeError at decoration that says what to do instead, bare or with arguments."""
    bare: Any = system.circuit
    guards = {
        "circuit": system.circuit("it"),
        "bare circuit": bare,
        "fallback": system.fallback(1),
    }

    with pytest.raises(DecorationError, match=f"@.* {said}") as raised:
        guards[role](target)

    assert isinstance(raised.value, TypeError)
    assert len(system.circuits) == 0


@pytest.mark.parametrize("target", [5, None, "name", [len]])
def test_what_is_no_call_is_refused(system: System, target: Any) -> None:
    """The error shows what was given."""
    with pytest.raises(DecorationError, match="give a function, a method or a callable object"):
        system.circuit("it")(target)


def test_guarded_and_circuit_of_look_behind_other_decorators(system: System) -> None:
    """What has no guard is not taken for one that has."""
    call: Any = system.circuit("it")(answer)
    method: Any = classmethod(call)

    assert [guarded(each) for each in (call, method, answer, Shop, 5)] == [
        True, True, False, False, False,
    ]  # fmt: skip
    for target in (answer, system.fallback(1)(answer)):
        with pytest.raises(ConfigurationError, match="has no circuit"):
            circuit_of(target)
    with pytest.raises(ConfigurationError, match="has no guard"):
        explain(answer)
    assert guard_of(answer) is None


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (len, "builtins.len"),
        (str.upper, "builtins.str.upper"),
        ("".join, "builtins.str.join"),
        (partial(answer, "a"), f"{__name__}.answer"),
        (Shop.__init__, "builtins.object.__init__"),
    ],
)
def test_a_circuit_without_a_name_is_called_after_its_function(
    system: System, call: Call, name: str
) -> None:
    """Whatever it is that is called, also where Python gives it no module."""
    system.circuit(call)

    assert [circuit.name for circuit in system.circuits] == [name]


def test_who_holds_the_bare_function_bypasses_its_guard(system: System) -> None:
    """It is told from guarded ones, from those around it, and from functions without a guard."""

    def bare() -> None:
        """Do nothing."""

    def other() -> None:
        """Do nothing, and have no guard."""

    inner = system.circuit("inner")(bare)
    outer = system.fallback(None)(inner)
    callables = [bare, inner, outer, other, partial(bare), [], None]

    assert [bypassed(each) for each in callables] == [True] + [False] * 6
