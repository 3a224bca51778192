"""Events: one frozen record each, to listeners and signals, none of which can break a call."""

import gc
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import FrozenInstanceError, asdict
from typing import Any

import pytest
from blinker import NamedSignal

from resilience import Circuit, Event, System, signals
from resilience.events import Worker
from resilience.testing import ManualClock

NAMES = [name for name, each in vars(signals).items() if isinstance(each, NamedSignal)]


@pytest.fixture
def circuit(system: System) -> Circuit:
    """Give a circuit."""
    return system.circuits.get("it")


@contextmanager
def connected(signal: NamedSignal, receiver: Any, **options: Any) -> Iterator[None]:
    """Connect a receiver for a while."""
    signal.connect(receiver, weak=False, **options)
    try:
        yield
    finally:
        signal.disconnect(receiver)


@pytest.mark.parametrize("name", NAMES)
def test_each_signal_is_named_as_its_module_says(name: str) -> None:
    """`event.type` is the name that one connects to."""
    assert getattr(signals, name).name == name


def test_a_signals_receiver_gets_component_and_event(circuit: Circuit, clock: ManualClock) -> None:
    """The sender is the component's name, the payload the keyword `event`."""
    heard: list[tuple[str, Event]] = []
    clock.advance(5.0)

    with connected(signals.circuit_forced, lambda name, event: heard.append((name, event))):
        circuit.force_open("test")

    [(name, event)] = heard
    assert (name, event.component, event.type) == ("it", "it", "circuit_forced")
    assert (event.at, event.monotonic) == (clock.time(), 5.0)
    assert event.worker == Worker.name()
    assert event.data["reason"] == "test"


def test_a_receiver_may_ask_for_one_component(system: System) -> None:
    """By its name, made anew: senders are compared by value."""
    heard = []

    with connected(signals.circuit_forced, lambda name, event: heard.append(name), sender="it"):
        for name in ("it", "other"):
            system.circuits.get(name).force_open()

    assert heard == ["it"]


def test_a_receiver_is_held_weakly(circuit: Circuit) -> None:
    """As Blinker does; nobody is kept alive for an event."""
    heard = []

    def receiver(name: str, event: Event) -> None:
        heard.append(name)

    signals.circuit_forced.connect(receiver)
    circuit.force_open()
    del receiver
    gc.collect()
    circuit.force_closed()

    assert heard == ["it"]
    assert not signals.circuit_forced.receivers


def test_listeners_hear_their_own_system_only(system: System, circuit: Circuit) -> None:
    """Signals hear all systems, `on_event` one."""
    heard: list[str] = []
    everyone: list[str] = []
    system.on_event(lambda event: heard.append(event.component))

    with connected(signals.circuit_forced, lambda name, event: everyone.append(name)):
        System().circuits.get("elsewhere").force_open()
        circuit.force_open()

    assert (heard, everyone) == (["it"], ["elsewhere", "it"])


def test_a_subscription_ends_by_itself_only(system: System, circuit: Circuit) -> None:
    """Twice the same listener is two subscriptions; ending one twice changes nothing."""
    heard: list[Event] = []
    end_first, end_second = system.on_event(heard.append), system.on_event(heard.append)
    circuit.force_open()
    assert len(heard) == 2

    end_first()
    end_first()
    circuit.force_closed()
    assert len(heard) == 3

    end_second()
    circuit.disable()
    assert len(heard) == 3


def test_a_listener_may_end_its_subscription_while_it_is_told(
    system: System, circuit: Circuit
) -> None:
    """The others are told all the same."""
    heard = []

    def once(event: Event) -> None:
        heard.append("once")
        end()

    end = system.on_event(once)
    system.on_event(lambda event: heard.append("always"))
    circuit.force_open()
    circuit.force_closed()

    assert heard == ["once", "always", "always"]


def test_a_failing_receiver_is_logged_and_breaks_nothing(
    system: System, circuit: Circuit, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the call, nor the receivers after it."""
    heard = []

    def failing(*_: Any, **__: Any) -> None:
        raise LookupError("the receiver's own")

    system.on_event(failing)
    system.on_event(lambda event: heard.append(event.type))
    with connected(signals.circuit_opened, failing):
        for _ in range(5):
            with pytest.raises(ZeroDivisionError):
                circuit.call(divmod, 1, 0)

    assert circuit.state == "open"
    assert heard == ["circuit_opened"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "circuit_opened failed" in caplog.text
    assert "the receiver's own" in caplog.text


def test_a_receiver_may_use_the_circuit(system: System, circuit: Circuit) -> None:
    """Events are told with no lock held; what it causes is told as well."""
    heard = []

    def receiver(event: Event) -> None:
        heard.append(event.type)
        if event.type == "circuit_opened":
            assert circuit.snapshot().state == "open"
            circuit.reset()

    system.on_event(receiver)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            circuit.call(divmod, 1, 0)

    assert heard == ["circuit_opened", "circuit_closed"]
    assert circuit.call(int) == 0


def test_an_event_is_a_frozen_record_of_plain_values(events: list[Event], circuit: Circuit) -> None:
    """It can be kept, sent and stored as it is."""
    circuit.force_open("test")
    [event] = events

    with pytest.raises(FrozenInstanceError):
        event.type = "another"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(event)) == event
    assert list(asdict(event)) == ["type", "component", "at", "monotonic", "worker", "data"]


def test_rejections_are_told(events: list[Event], circuit: Circuit) -> None:
    """With the reason, and how long to wait."""
    circuit.force_open(for_=60)
    with pytest.raises(Exception, match="is open"):
        circuit.call(int)

    assert events[-1].type == "call_rejected"
    assert dict(events[-1].data) == {
        "reason": "circuit_open",
        "retry_after": 60.0,
        "shadow": False,
    }


def test_a_workers_name_is_host_pid_and_chance() -> None:
    """The same for the life of the process, and another one for each process."""
    first = Worker.name()
    assert first == Worker.name()
    assert first.rsplit("-", 2)[1] == str(os.getpid())

    Worker.forget()

    assert Worker.name() != first


def test_threads_that_ask_for_the_workers_name_at_once_hear_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else the fleet counts two workers in one process, and one of them never confirms an order."""
    names: list[str] = []

    def node() -> str:
        if not names:
            names.append("")  # another thread comes first, while this one finds out where it is
            names[0] = Worker.name()
        return "host"

    monkeypatch.setattr("platform.node", node)
    Worker.forget()
    try:
        names.append(Worker.name())

        assert names[0] == names[1] == Worker.name()
    finally:
        Worker.forget()
