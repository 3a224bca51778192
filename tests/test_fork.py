"""What a forked worker inherits: no lock that another thread held, and a name of its own."""

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from resilience import Feature, System, bulkhead_of, circuit_of
from resilience.events import Worker

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
PATIENCE = 20  # seconds after which a child that hangs is ended, and the test fails


def in_child(act: Callable[[], str]) -> str:
    """Return what `act` returns in a forked child; a child that hangs is ended by an alarm."""
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12: fork with threads
        pid = os.fork()
    if pid == 0:
        import signal

        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        try:
            os.write(write, act().encode())
        except BaseException as error:
            os.write(write, repr(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode()
    _, status = os.waitpid(pid, 0)
    assert os.WIFEXITED(status), f"the child was ended by signal {os.WTERMSIG(status)}"
    return said


@contextmanager
def held(*locks: Any) -> Iterator[None]:
    """Hold locks in another thread."""
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            holding.set()
            assert release.wait(PATIENCE)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert holding.wait(PATIENCE)
    yield
    release.set()
    thread.join(PATIENCE)


def fail() -> None:
    """Fail."""
    raise OSError


def test_locks_held_at_the_fork_do_not_hang_the_child(system: System) -> None:
    """Circuits, those by key, registries, kept answers, budgets: all of them work in the child."""
    circuit: Any = system.circuits.get("it", failure_threshold=1)
    with circuit:  # makes what keeps blocks
        pass
    family: Any = circuit_of(system.circuit("keyed", key=len)(len))
    of_three = family.of(3)
    kept = system.fallback("instead", stale_for=60)(str.upper)
    limited: Any = system.retry(system.timeout(5)(system.bulkhead(1)(len)))
    retries, bulkheads, timeouts = system.retries, system.bulkheads, system.timeouts
    budget, bulkhead = retries.budgets.of("builtins.len"), bulkhead_of(limited)
    answers: Any = kept.__resilience__.layer("fallback").answers.kept  # type: ignore[attr-defined]

    def act() -> str:
        assert kept("a") == "A"
        with pytest.raises(OSError), circuit:  # noqa: PT011 - it has no text
            fail()
        with of_three:
            pass
        system.configure({"retries": {"builtins.len": {"attempts": 2}}})
        assert limited("abc") == 3
        assert budget.take(0.0, 1, 0.0)
        assert system.timeout(5)(len)("a") == 1
        family.of(4)
        system.circuits.get("new")
        system.tick()
        return f"{circuit.snapshot().state}, {of_three.snapshot().calls}, {len(system.circuits)}"

    circuits: Any = (circuit, circuit._entered, family, of_three, system.circuits)
    limits: Any = (retries, budget, bulkheads, bulkhead, timeouts, timeouts.workers)
    locks = [each._lock for each in (*circuits, *limits, answers)]
    with held(*locks):
        assert in_child(act) == "open, 1, 4"

    assert circuit.state == "closed"


def test_a_child_inherits_state_and_goes_its_own_way(system: System) -> None:
    """What was open is open; what happens in the child, the parent does not see."""
    opened, closed = (system.circuits.get(name, failure_threshold=1) for name in "ab")
    with pytest.raises(OSError), opened:  # noqa: PT011 - it has no text
        fail()

    def act() -> str:
        opened.reset()
        closed.force_open()
        return f"{opened.state} {closed.state}"

    assert in_child(act) == "closed forced_open"
    assert (opened.state, closed.state) == ("open", "closed")


def test_a_block_around_the_fork_is_left_in_both(system: System) -> None:
    """Each process counts its own end of the call."""
    circuit = system.circuits.get("it")

    def act() -> str:
        circuit.__exit__(None, None, None)
        return str(circuit.snapshot().calls)

    with circuit:
        assert in_child(act) == "1"
        assert circuit.snapshot().calls == 0
    assert circuit.snapshot().calls == 1


def test_a_child_has_a_name_of_its_own() -> None:
    """With its own pid, and a random part that no sibling shares."""
    parent = Worker.name()

    one, two = in_child(Worker.name), in_child(Worker.name)

    assert len({parent, one, two}) == 3
    assert len({name.rsplit("-", 1)[1] for name in (parent, one, two)}) == 3
    assert Worker.name() == parent


def test_a_transition_is_told_by_the_process_that_made_it(system: System) -> None:
    """An event that the parent was about to tell at the fork is not told by the child."""
    circuit = system.circuits.get("it")
    told: list[str] = []
    system.on_event(lambda event: told.append(event.type))
    circuit._order("forced_open", "between deciding and telling", None, 60.0, 0.0)

    def act() -> str:
        circuit.release()
        return " ".join(told)

    assert in_child(act) == "circuit_closed"


def test_a_level_goes_on_in_the_child_and_the_parents_stays() -> None:
    """Levels and orders are inherited, the lock is not."""
    system = System()
    system.degradation.add(Feature("extras", off_at="minimal"))
    system.degradation.degrade("reduced", "drill")

    def deeper() -> str:
        before = system.degradation.level
        system.degradation.degrade("minimal", "drill")
        return f"{before} {system.degradation.level} {system.degradation.enabled('extras')}"

    with held(system.degradation._lock):
        said = in_child(deeper)

    assert said == "reduced minimal False"
    assert (system.degradation.level, system.degradation.enabled("extras")) == ("reduced", True)


def test_a_child_counts_events_though_one_was_being_counted_at_the_fork(system: System) -> None:
    """Its first event is told within a guarded call, which would wait for ever."""

    def act() -> str:
        system.healer.failed("database", "it", OSError("no"), "low")
        system.circuits.get("payments").call(int)
        return str(
            sum(each.metric.name == "resilience_events" for each in system.metrics.collect())
        )

    metrics = system.metrics
    with held(metrics._lock, metrics._calls.lock):
        assert int(in_child(act)) >= 1
