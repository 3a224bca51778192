"""An experiment that one worker runs is in force in all, for as long as that one sees to it."""

from collections.abc import Callable
from itertools import count

import flask
import pytest

import resilience_flask
from resilience import (
    ChaosRefusedError,
    ConfigurationWarning,
    Experiment,
    InjectedFaultError,
    Outage,
    cascade,
)
from resilience.chaos.runs import Run
from tests.fleet.conftest import Shop


@pytest.fixture
def drill(shop: Shop) -> Shop:
    """Give workers in which experiments are allowed."""
    for worker in shop:
        worker.system.configure({"chaos": {"enabled": True}}, source="test")
        worker.system.circuits.get("other", failure_threshold=1000)
    return shop


def begin(shop: Shop, number: int = 0, duration: float = 60.0) -> Run:
    """Begin an outage in one worker."""
    made = Experiment("gone", Outage(), "other", duration=duration)
    run = shop[number].system.chaos.start(made, "ada")
    shop.go_on(0.2)
    return run


def hit(shop: Shop) -> list[bool]:
    """Make a call in each worker; tell in which it met the fault."""
    return [_is_hit(worker.system.circuits["other"].call, int) for worker in shop]


def _is_hit(call: Callable[..., object], *given: object) -> bool:
    try:
        call(*given)
    except ConnectionError:
        return True
    return False


def test_it_is_in_force_in_all_workers_and_counted_together(drill: Shop) -> None:
    """Until its time is up; nothing is left of it."""
    run = begin(drill, duration=10)
    assert hit(drill) == [True] * 8
    drill.go_on(12)

    assert run.result is not None
    assert (run.result.status, run.result.workers) == ("completed", 8)
    assert (run.result.calls, run.result.injected) == (8, 8)
    drill.go_on(1)
    assert hit(drill) == [False] * 8
    assert not any(worker.system.chaos.following() for worker in drill)
    assert len(drill[3].heard("chaos_started")) == 0


def test_a_route_is_hit_in_workers_that_have_served_none_yet(drill: Shop) -> None:
    """Each knows the routes of its app from the start."""
    clients = []
    for worker in drill:
        app = flask.Flask(worker.name)
        app.add_url_rule("/orders", "orders", lambda: "there")
        resilience_flask.Resilience(app, system=worker.system)
        clients.append(app.test_client())

    drill[0].system.chaos.start(Experiment("gone", Outage(), "/orders"), "ada")
    drill.go_on(0.2)

    assert {each.get("/orders").status_code for each in clients} == {500}
    drill[0].system.chaos.halt()
    drill.go_on(2)
    assert {each.get("/orders").status_code for each in clients} == {200}


def test_it_lasts_as_long_as_it_was_meant_to(drill: Shop) -> None:
    """It is told again and again meanwhile, and what is told is small."""
    begin(drill, duration=60)
    drill.go_on(50)

    assert all(worker.system.chaos.following() for worker in drill.workers[1:])
    assert hit(drill) == [True] * 8
    assert drill.store.ledger.change < 20
    drill.go_on(12)
    assert hit(drill) == [False] * 8


@pytest.mark.parametrize("number", [0, 5])
def test_whoever_halts_it_ends_it_for_all(drill: Shop, number: int) -> None:
    """The worker that runs it, or another one."""
    run = begin(drill)

    drill[number].system.chaos.halt("enough", "eve")
    drill.go_on(2)

    assert run.result is not None
    assert run.result.status == "aborted"
    assert hit(drill) == [False] * 8
    drill.go_on(1)
    begin(drill, 3)
    assert hit(drill) == [True] * 8


def test_it_ends_when_its_runner_is_gone(drill: Shop) -> None:
    """Killed: nobody tells of it any more."""
    begin(drill)
    drill.workers.pop(0).system.fleet.use(None)
    gone_on = 0.0
    while any(hit(drill)):
        drill.go_on(1)
        gone_on += 1

    assert gone_on <= 16


def test_it_ends_in_a_worker_that_hears_nothing(drill: Shop) -> None:
    """It cannot be told that the experiment is over."""
    begin(drill)
    drill.store.cut_off.add("w6")
    drill.go_on(16)

    assert hit(drill) == [True] * 6 + [False, True]


def test_a_worker_in_which_it_goes_too_far_ends_it_for_all(drill: Shop) -> None:
    """A circuit that it is not about opens there."""
    run = begin(drill)
    drill[4].fails(5)
    drill.go_on(3)

    assert run.result is not None
    assert run.result.reason == "another worker of the fleet stopped it"
    assert hit(drill) == [False] * 8


def test_a_worker_that_may_not_or_cannot_goes_on_without_it(drill: Shop) -> None:
    """Its settings, or that it has no such target, end nothing elsewhere."""
    drill[2].system.configure({"chaos": {"enabled": False}}, source="test")
    drill[3].system.circuits.forget_passing(frozenset({"it"}))
    drill[3].system.circuits.get("it")
    begin(drill)
    drill.go_on(20)
    drill[3].system.circuits.get("other")

    assert hit(drill) == [True, True, False, False, True, True, True, True]


def test_a_worker_that_leaves_ends_it_for_nobody_else(drill: Shop) -> None:
    """As when it is recycled."""
    begin(drill)
    drill.workers.pop(4).system.stop()
    drill.go_on(3)

    assert hit(drill) == [True] * 7


def test_no_second_one_begins_where_one_is_in_force(drill: Shop) -> None:
    """Whatever its own worker allows."""
    for worker in drill:
        worker.system.configure({"chaos": {"enabled": True, "max_concurrent": 3}}, source="test")
    begin(drill)

    with pytest.raises(ChaosRefusedError, match="another worker of the fleet runs 'gone' here"):
        begin(drill, 1)


def test_one_with_functions_in_it_stays_in_its_worker(drill: Shop) -> None:
    """They cannot be told to another process; whoever runs it hears so, and which they are."""
    made = Experiment("gone", Outage(), "other", duration=60, match=lambda *_: True)
    with pytest.warns(ConfigurationWarning, match="in this worker only: its match") as warned:
        drill[0].system.chaos.start(made)
    drill.go_on(2)

    assert warned[0].filename == __file__

    assert hit(drill) == [True] + [False] * 7


def test_what_its_runner_alone_needs_may_be_a_function(drill: Shop) -> None:
    """What has to hold; and a guarded function as target has a name."""
    calls = []
    for worker in drill:

        @worker.system.circuit("of a function")
        def guarded() -> None:
            """Do nothing."""

        calls.append(guarded)
    looked = count()
    made = Experiment(
        "gone", Outage(), calls[0], duration=60, steady_state=[lambda: next(looked) >= 0]
    )
    drill[0].system.chaos.start(made)
    drill.go_on(2)

    assert [_is_hit(each) for each in calls] == [True] * 8
    assert next(looked) > 1


def test_a_route_stays_a_route_in_all_workers(drill: Shop) -> None:
    """Calls that serve no request of it are hit nowhere."""
    for worker in drill:
        worker.system.traffic.record("/orders", 0.1, failed=False)
    drill[0].system.chaos.start(Experiment("gone", Outage(), "calls:/orders", duration=60))
    drill.go_on(1.2)

    assert [len(worker.system.chaos.following()) for worker in drill] == [0] + [1] * 7
    assert [worker.circuit.call(int) for worker in drill] == [0] * 8


def test_a_cascade_takes_its_time_in_all_workers(drill: Shop) -> None:
    """The second target fails half of the duration later, wherever it is called."""
    for worker in drill:
        worker.system.circuits.get("second")
    drill[0].system.chaos.start(cascade("it", "second", duration=60))
    drill.go_on(1.2)

    seconds = [worker.system.circuits["second"] for worker in drill]
    assert [each.call(int) for each in seconds] == [0] * 8
    drill.go_on(30)
    for each in seconds:
        with pytest.raises(InjectedFaultError):
            each.call(int)
