"""Circuits by name: the same name is the same circuit, and differing ones are refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from resilience import Circuit, ConfigurationError, System, circuit_of
from tests.circuits.conftest import Calls


def fetch(path: str = "") -> str:
    """Answer the path."""
    return path


def post(path: str = "") -> str:
    """Answer the path, differently."""
    return path * 2


def test_the_same_name_is_the_same_circuit_between_functions(system: System, calls: Calls) -> None:
    """Two functions share counts and state; `get` and `[]` give the very circuit."""
    one = system.circuit("api", failure_threshold=3)(fetch)
    two = system.circuit("api", failure_threshold=3)(post)

    assert (
        circuit_of(one) is circuit_of(two) is system.circuits["api"] is system.circuits.get("api")
    )
    one()
    two()
    assert system.circuits["api"].snapshot().calls == 2


def test_defaults_written_out_are_the_same_arguments(system: System) -> None:
    """What counts is what is in force, not how it was written."""
    system.circuit("api")(fetch)
    system.circuit("api", failure_threshold=5, on=Exception)(post)

    assert len(system.circuits) == 1


def test_the_same_name_with_other_arguments_is_refused(system: System) -> None:
    """The error names the circuit, who described it first, and both descriptions."""
    system.circuit("api", reset_timeout=5)(fetch)

    with pytest.raises(ConfigurationError) as raised:
        system.circuit("api", reset_timeout=6)(post)

    text = str(raised.value)
    for part in ["'api'", f"{__name__}.fetch", "reset_timeout=5", "reset_timeout=6"]:
        assert part in text
    assert system.circuits["api"].settings.reset_timeout == 5.0


def test_get_with_other_arguments_is_refused_and_without_is_not(system: System) -> None:
    """`get(name)` finds whatever there is; `get(name, …)` describes it."""
    first = system.circuits.get("api", reset_timeout=5)

    with pytest.raises(ConfigurationError, match="'api' is described with reset_timeout=5"):
        system.circuits.get("api", reset_timeout=6)
    assert system.circuits.get("api") is first
    assert system.circuits.get("api", reset_timeout=5.0) is first


def test_a_decorator_describes_a_circuit_that_was_only_asked_for(
    system: System, calls: Calls
) -> None:
    """`get(name)` says nothing about settings, so the decorator may come after it."""
    circuit = system.circuits.get("api")
    calls.fail(circuit, 2)

    system.circuit("api", failure_threshold=3)(fetch)
    calls.fail(circuit)

    assert circuit.state == "open"


def test_the_same_function_again_takes_new_arguments(system: System, calls: Calls) -> None:
    """A reload or a notebook defines a function twice: the circuit stays, its settings change."""

    def define(**options: Any) -> Callable[..., str]:
        return system.circuit("api", **options)(fetch)

    first = circuit_of(define(reset_timeout=5))
    calls.fail(system.circuits["api"])
    second = circuit_of(define(reset_timeout=6))

    assert first is second
    assert second.settings.reset_timeout == 6.0
    assert system.circuits["api"].snapshot().failures == 1


def test_the_same_function_again_may_become_by_key(system: System) -> None:
    """A notebook cell gets `key=` added: the new function has a circuit for each key."""
    system.circuit("api")(fetch)

    again = system.circuit("api", key=lambda path: path)(fetch)
    again("a")

    assert [circuit.name for circuit in system.circuits] == ["api[a]"]


def test_two_lambdas_are_two_functions(system: System) -> None:
    """Lambdas share a name, so it says nothing about which one it is."""
    system.circuit("api", reset_timeout=5)(lambda: 1)

    with pytest.raises(ConfigurationError, match="'api' is described"):
        system.circuit("api", reset_timeout=6)(lambda: 2)


def test_by_key_and_not_by_key_is_a_conflict(system: System) -> None:
    """One name cannot be one circuit and many."""
    system.circuit("api", key=lambda path: path)(fetch)

    with pytest.raises(ConfigurationError, match="'api'"):
        system.circuit("api")(post)
    with pytest.raises(ConfigurationError, match="made by key"):
        system.circuits.get("api")


def test_a_refused_decorator_leaves_nothing_behind(system: System) -> None:
    """A circuit with impossible settings is not made."""
    with pytest.raises(ConfigurationError):
        system.circuits.get("api", reset_timeout=-1)

    assert "api" not in system.circuits
    assert len(system.circuits) == 0


def test_without_a_name_it_is_the_functions(system: System) -> None:
    """The default name is `module.qualname`."""
    system.circuit(fetch)

    assert [circuit.name for circuit in system.circuits] == [f"{__name__}.fetch"]


def test_the_registry_is_a_collection(system: System) -> None:
    """`in`, `len`, `[]` and iteration see plain circuits and those made by key."""
    plain = system.circuits.get("plain")
    keyed = system.circuit("keyed", key=lambda path: path)(fetch)
    family: Any = circuit_of(keyed)
    assert ("plain" in system.circuits, "keyed[a]" in system.circuits) == (True, False)
    keyed("a")
    keyed("b")

    assert [each.name for each in system.circuits] == ["plain", "keyed[a]", "keyed[b]"]
    assert len(system.circuits) == 3
    assert "keyed[a]" in system.circuits
    assert system.circuits["plain"] is plain
    assert system.circuits["keyed[b]"] is family.of("b")


@pytest.mark.parametrize(
    ("name", "said"),
    [("paymants", "did you mean 'payments'"), ("zzz", "known: payments"), (5, "known: payments")],
)
def test_a_name_that_does_not_exist_is_a_key_error(system: System, name: Any, said: str) -> None:
    """It says near names, else those there are; asking makes no circuit."""
    system.circuits.get("payments")

    with pytest.raises(KeyError, match=said):
        system.circuits[name]
    assert len(system.circuits) == 1


@pytest.mark.parametrize("name", ["tenants", "tenants[a]"])
def test_a_key_nobody_has_used_is_a_key_error(system: System, name: str) -> None:
    """It says where the circuit of a key is to be had."""
    system.circuit("tenants", key=str)(len)

    with pytest.raises(KeyError, match=r"it is made by key, by circuit_of\(fn\)\.of\(key\)"):
        system.circuits[name]


def test_systems_share_no_circuits() -> None:
    """The same name in two systems is two circuits."""
    assert System().circuits.get("api") is not System().circuits.get("api")


def test_sixteen_threads_that_ask_at_once_get_one_circuit(system: System) -> None:
    """The first use makes it, however many come first."""
    barrier = Barrier(16)

    def ask(number: int) -> list[Circuit]:
        barrier.wait(10)
        return [system.circuits.get(f"api {index}", failure_threshold=4) for index in range(50)]

    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(ask, range(16)))

    assert len(system.circuits) == 50
    assert all(each == found[0] for each in found)
