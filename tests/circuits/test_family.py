"""One circuit for each key: bounded, and never forgetting one that has something to say."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from resilience import CircuitFamily, CircuitOpenError, System, circuit_of
from resilience.testing import ManualClock
from tests.circuits.conftest import Calls


@pytest.fixture
def call(system: System) -> Callable[..., str]:
    """Give a call to a tenant's upstream, with at most four circuits that open at two failures."""

    def tenant_of(tenant: str, *, broken: bool = False) -> str:
        return tenant

    @system.circuit("api", key=tenant_of, max_keys=4, failure_threshold=2)
    def call(tenant: str, *, broken: bool = False) -> str:
        if broken:
            raise OSError(tenant)
        return tenant

    return call


@pytest.fixture
def family(call: Callable[..., str]) -> CircuitFamily:
    """Give the circuits of that call."""
    found = circuit_of(call)
    assert isinstance(found, CircuitFamily)
    return found


def use(call: Callable[..., str], clock: ManualClock, tenants: str) -> None:
    """Call for each tenant, a second apart."""
    for tenant in tenants:
        clock.advance(1.0)
        assert call(tenant) == tenant


def break_(call: Callable[..., str], tenant: str, times: int = 2) -> None:
    """Let a tenant's calls fail."""
    for _ in range(times):
        with pytest.raises(OSError, match=f"^{tenant[0]}"):
            call(tenant, broken=True)


def names(family: CircuitFamily) -> list[str]:
    """Return the keys that have a circuit."""
    return [circuit.name.removeprefix("api[").removesuffix("]") for circuit in family]


def test_each_key_has_its_own_circuit(call: Callable[..., str], family: CircuitFamily) -> None:
    """One tenant's open circuit rejects no other tenant."""
    break_(call, "a")

    with pytest.raises(CircuitOpenError, match=r"'api\[a\]' is open"):
        call("a")
    assert call("b") == "b"
    assert (family.of("a").state, family.of("b").state) == ("open", "closed")
    assert len(family) == 2


def test_async_functions_and_generators_go_by_key_too(system: System) -> None:
    """The key picks the circuit, whatever kind of function it is."""

    async def coroutine(tenant: str) -> None:
        raise OSError(tenant)

    def generator(tenant: str) -> Any:
        yield tenant
        raise OSError(tenant)

    async def async_generator(tenant: str) -> Any:
        yield tenant
        raise OSError(tenant)

    guard = system.circuit("api", key=str, failure_threshold=1)
    guarded: list[Any] = [guard(each) for each in (coroutine, generator, async_generator)]
    with pytest.raises(OSError, match="c"):
        guarded[0]("c").send(None)
    with pytest.raises(OSError, match="g"):
        list(guarded[1]("g"))
    items = guarded[2]("a")
    with pytest.raises(StopIteration):
        items.asend(None).send(None)
    with pytest.raises(OSError, match="a"):
        items.asend(None).send(None)

    assert {each.name: each.state for each in system.circuits} == dict.fromkeys(
        ["api[c]", "api[g]", "api[a]"], "open"
    )


def test_the_one_idle_longest_is_forgotten(
    call: Callable[..., str], family: CircuitFamily, clock: ManualClock
) -> None:
    """A full family makes room for a new key."""
    use(call, clock, "abcda")
    use(call, clock, "e")

    assert names(family) == ["a", "c", "d", "e"]


@pytest.mark.parametrize("failures", [1, 2])
def test_one_that_fails_or_is_open_is_never_forgotten(
    call: Callable[..., str], family: CircuitFamily, clock: ManualClock, failures: int
) -> None:
    """The oldest stays when it has failures in its window, or is not closed."""
    break_(call, "a", failures)
    use(call, clock, "bcde")

    assert names(family) == ["a", "c", "d", "e"]
    assert family.of("a").state == ("closed" if failures == 1 else "open")


def test_one_under_an_order_is_never_forgotten(
    call: Callable[..., str], family: CircuitFamily, clock: ManualClock
) -> None:
    """What an operator forced stays forced."""
    family.of("a").force_open("maintenance")
    use(call, clock, "bcde")

    assert family.of("a").state == "forced_open"


def test_one_that_has_recovered_is_forgotten_when_all_is_forgiven(
    call: Callable[..., str], family: CircuitFamily, clock: ManualClock
) -> None:
    """A relapse is remembered for `reset_timeout_max` seconds, and so is the circuit."""
    break_(call, "a")
    clock.advance(34.0)
    use(call, clock, "aa")
    assert family.of("a").state == "closed"
    use(call, clock, "bcde")
    assert "a" in names(family)

    clock.advance(301.0)
    use(call, clock, "cdef")

    assert "a" not in names(family)


def test_when_none_can_be_forgotten_new_keys_share_one_circuit(
    call: Callable[..., str], family: CircuitFamily
) -> None:
    """The family never grows beyond its bound; the newcomers are still guarded."""
    for tenant in "abcd":
        break_(call, tenant)

    break_(call, "e", 1)
    break_(call, "f", 1)

    assert names(family) == ["a", "b", "c", "d", "*"]
    assert len(family) == 4
    assert family.of("g").name == "api[*]"
    with pytest.raises(CircuitOpenError, match=r"'api\[\*\]'"):
        call("g")


def test_newcomers_get_their_own_again_when_there_is_room(
    call: Callable[..., str], family: CircuitFamily, calls: Calls, clock: ManualClock
) -> None:
    """Within a second of the first place getting free, a new key has it."""
    for tenant in "abcd":
        break_(call, tenant)
    assert call("e") == "e"

    family.of("b").reset()
    clock.advance(1.0)

    assert call("e") == "e"
    assert family.of("e").name == "api[e]"
    assert len(family) == 4


def test_a_lower_bound_holds_from_the_next_new_key_on(
    call: Callable[..., str], family: CircuitFamily, system: System, clock: ManualClock
) -> None:
    """Settings may shrink the family while it is in use."""
    use(call, clock, "abcd")

    system.configure({"circuits": {"api": {"max_keys": 2}}})
    use(call, clock, "e")

    assert names(family) == ["d", "e"]


def test_settings_reach_every_key(
    call: Callable[..., str], family: CircuitFamily, system: System
) -> None:
    """Those made before and after a reload, and the shared one."""
    for tenant in "abcde":
        break_(call, tenant)

    system.configure({"circuits": {"api": {"reset_timeout": 5}}})
    family.of("a").reset()

    assert {each.settings.reset_timeout for each in family} == {5.0}


def test_names_are_printable_and_short(family: CircuitFamily) -> None:
    """A key from a request puts no line break into a log, nor a megabyte."""
    assert family.of("a\nb\x00").name == "api[a?b?]"
    assert len(family.of("x" * 5000).name) == len("api[]") + 100


def test_threads_share_keys_and_lose_no_count(system: System) -> None:
    """Eight threads over eight keys: one circuit each, every call counted."""
    guarded = system.circuit("api", key=lambda number: number, max_keys=8)(abs)
    barrier = Barrier(8)

    def work(number: int) -> None:
        barrier.wait(10)
        for index in range(800):
            guarded(index % 8)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert [each.snapshot().calls for each in system.circuits] == [800] * 8


def test_a_stream_of_keys_stays_within_the_bound(system: System, clock: ManualClock) -> None:
    """Eight threads with ever new keys never hold more than `max_keys` circuits."""
    guarded = system.circuit("api", key=lambda key: key, max_keys=50)(abs)
    family: Any = circuit_of(guarded)

    def work(number: int) -> int:
        most = 0
        for index in range(500):
            guarded(number * 1000 + index)
            most = max(most, len(family))
        return most

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(work, range(8))) == 50
