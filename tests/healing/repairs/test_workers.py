"""When a worker may end itself, and when it steps out of the rotation."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from resilience import ConfigurationError, System
from resilience.healing import servers
from resilience.healing.actions import Outcome
from resilience.healing.repairs import LeaveRotation, RecycleWorker
from resilience.healing.servers import Worker
from resilience.testing import ManualClock
from resilience.web import reports

GIGABYTE = 2**30


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """Pretend that gunicorn runs this process and another worker, both for a minute."""
    workers = [Worker(os.getpid(), 60.0), Worker(1, 60.0)]
    monkeypatch.setattr(servers, "server", lambda: "gunicorn")
    monkeypatch.setattr(servers, "workers", lambda: workers)
    return workers


@pytest.fixture
def signals_sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Give the list of signals that would have been sent."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


@contextmanager
def one_more_thread() -> Iterator[None]:
    """Have a second thread in this process, for a block."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()


def recycling(system: System, **options: Any) -> RecycleWorker:
    """Return the action, which is due at once and waits for nothing."""
    settings = {"enabled": True, "stuck": lambda: "asked to", "held": 0.0, **options}
    return RecycleWorker(
        "worker", system, pause=lambda _: None, clock=system.runtime.clock, **settings
    )


def test_it_says_farewell_and_ends(
    system: System, served: list[Worker], signals_sent: list[tuple[int, int]]
) -> None:
    """First it is not ready any more, and closes connections; then SIGTERM, to itself only."""
    pauses: list[tuple[float, bool, int]] = []
    action = RecycleWorker(
        "worker",
        system,
        enabled=True,
        pause=lambda seconds: pauses.append((seconds, system.leaving, len(signals_sent))),
        clock=system.runtime.clock,
    )
    assert reports.readiness(system)["status"] == "pass"

    record = action.run()

    assert pauses == [(1.5, True, 0), (0.5, True, 0), (1.5, True, 1)]
    assert signals_sent == [(os.getpid(), signal.SIGTERM)]
    assert reports.readiness(system)["status"] == "fail"
    assert (record.outcome, record.before["threads"] >= 1) == (Outcome.DONE, True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda patch, _: patch.setattr(servers, "server", lambda: None), "no gunicorn or uvicorn"),
        (lambda _, served: served.pop(), "it is the only worker"),
        (lambda _, served: served.append(Worker(2, 4.9)), "younger than 5 s"),
    ],
)
def test_it_is_refused_where_somebody_would_miss_it(
    system: System,
    served: list[Worker],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[pytest.MonkeyPatch, list[Worker]], Any],
    why: str,
) -> None:
    """In words, in its record; and nothing is done."""
    change(monkeypatch, served)

    record = recycling(system).run()

    assert (record.outcome, why in record.detail) == (Outcome.REFUSED, True)
    assert not system.leaving


def test_it_is_off_unless_it_is_enabled(
    system: System, served: list[Worker], signals_sent: list[tuple[int, int]]
) -> None:
    """By a flag, or by a function that is asked each time."""
    enabled = [False]
    assert RecycleWorker("worker", system).refusal() == "recycling workers is not enabled"
    action = recycling(system, enabled=lambda: enabled[0])
    assert action.refusal() == "recycling workers is not enabled"

    enabled[0] = True

    assert action.refusal() is None


def test_one_at_a_time(
    system: System, served: list[Worker], signals_sent: list[tuple[int, int]]
) -> None:
    """While one goes the next is refused; of twenty workers two may go."""
    with servers.one_of(1) as free:
        assert free
        assert recycling(system).refusal() == "another worker is being replaced"

        served.extend(Worker(pid, 60.0) for pid in range(2, 20))
        assert recycling(system).refusal() is None
        with servers.one_of(2) as second:
            assert second
            assert recycling(system).refusal() == "another worker is being replaced"

    assert recycling(system).refusal() is None


def test_another_that_is_quicker_takes_the_place(
    system: System,
    served: list[Worker],
    signals_sent: list[tuple[int, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the look and the run: nothing is done, and it is no useless run."""
    action = recycling(system)
    monkeypatch.setattr(action, "_obstacle", lambda: None)
    with servers.one_of(1):
        record = action.run()

    assert (record.outcome, signals_sent, system.leaving) == (Outcome.DONE, [], False)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"memory": 1.0}, "1 MB"),
        ({"memory": 64 * GIGABYTE}, None),
        ({"threads": 1}, "threads"),
        ({"threads": 10_000}, None),
        ({"descriptors": 0.0}, "of all descriptors"),
        ({"descriptors": 1.0}, None),
        ({"stuck": lambda: "the engine is silent"}, "the engine is silent"),
        ({}, None),
    ],
)
def test_what_wears_a_worker_out(
    system: System, limits: dict[str, Any], reason: str | None
) -> None:
    """Memory, threads, descriptors, or something stuck, as the process itself has them now."""
    if limits.get("memory") == 1.0:
        limits = {"memory": 2**20}
    options = {"stuck": None, **limits}

    with one_more_thread():
        due = recycling(system, **options).due()

    assert (due is not None) == (reason is not None)
    assert reason is None or reason in str(due)


def test_a_limit_has_to_be_passed_for_a_while(system: System, clock: ManualClock) -> None:
    """A peak is no wear; and the time begins anew after it."""
    stuck = ["silent"]
    action = recycling(system, stuck=lambda: stuck[0] or None, held=10.0)
    assert action.due() is None
    clock.advance(9.9)
    assert action.due() is None
    stuck[0] = ""
    assert action.due() is None
    stuck[0] = "silent"
    clock.advance(5)
    assert action.due() is None

    clock.advance(10.1)

    assert action.due() == "silent"


def test_here_no_server_would_start_another_worker() -> None:
    """Pytest is neither gunicorn nor uvicorn."""
    assert servers.server() is None
    assert os.getpid() in {each.pid for each in servers.workers()}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"enabled": "yes"}, "enabled='yes'"),
        ({"memory": 0}, "memory=0"),
        ({"threads": 0}, "threads=0"),
        ({"descriptors": 1.5}, "descriptors=1.5"),
        ({"held": -1}, "held=-1"),
        ({"settled": -1}, "settled=-1"),
        ({"lame_duck": -1}, "lame_duck=-1"),
        ({"stuck": 7}, "stuck=7"),
    ],
)
def test_wrong_arguments_are_refused(system: System, options: dict[str, Any], said: str) -> None:
    """By name."""
    with pytest.raises(ConfigurationError, match=said):
        RecycleWorker("worker", system, **options)


# -- the rotation ---------------------------------------------------------------------------------


class Fleet:
    """What the worker and the others are like."""

    def __init__(self) -> None:
        self.failing: float | None = 0.5
        self.well: bool | None = True
        self.room = True


@pytest.fixture
def fleet() -> Fleet:
    """Give a worker that fails half of its requests, among others that are well."""
    return Fleet()


@pytest.fixture
def leaving(system: System, fleet: Fleet) -> LeaveRotation:
    """Give the action."""
    return LeaveRotation(
        "worker",
        system.rotation,
        failures=lambda: fleet.failing,
        fleet_is_well=lambda: fleet.well,
        may_leave=lambda: fleet.room,
        clock=system.runtime.clock,
    )


def test_an_ill_worker_steps_out_and_comes_back(
    system: System, leaving: LeaveRotation, clock: ManualClock
) -> None:
    """Not ready for 30 s; then it shows whether it is well."""
    leaving.look()

    assert reports.readiness(system)["status"] == "fail"
    assert system.rotation.reason == "50% of the requests fail here, and not elsewhere"
    (record,) = leaving.history()
    assert (record.before, record.after, record.outcome) == ("in", "out", Outcome.VERIFIED)
    clock.advance(29.9)
    assert system.rotation.is_out
    clock.advance(0.1)
    assert reports.readiness(system)["status"] == "pass"


@pytest.mark.parametrize(
    "change",
    [
        {"failing": 0.49},
        {"failing": None},
        {"well": False},
        {"well": None},
        {"room": False},
    ],
)
def test_it_stays_where_the_fault_is_not_its_own(
    system: System, leaving: LeaveRotation, fleet: Fleet, change: dict[str, Any]
) -> None:
    """Too few failures or requests, others that fail too or are unknown, a third of all out."""
    for name, value in change.items():
        setattr(fleet, name, value)

    leaving.look()

    assert not system.rotation.is_out
    assert leaving.history() == []


def test_an_operator_can_bring_it_back(system: System, leaving: LeaveRotation) -> None:
    """At once."""
    leaving.look()

    system.rotation.come_back()

    assert reports.readiness(system)["status"] == "pass"


def test_wrong_arguments_of_leaving_are_refused(system: System) -> None:
    """By name."""
    given: dict[str, Any] = {
        "failures": lambda: 0.0,
        "fleet_is_well": lambda: True,
        "may_leave": lambda: True,
    }
    for wrong, said in (
        ({"failures": 0.5}, "failures=0.5"),
        ({"limit_of_failures": 0}, "limit_of_failures=0"),
        ({"for_": 0}, "for_=0"),
    ):
        with pytest.raises(ConfigurationError, match=said):
            LeaveRotation("worker", system.rotation, **{**given, **wrong})
