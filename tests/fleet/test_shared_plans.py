"""An experiment that is asked for in one worker can be approved in another, and run in a third."""

from typing import Any

import pytest

from resilience import ChaosRefusedError, ConfigurationWarning, Error, Experiment, Latency, Outage
from resilience.chaos.telling import table_of
from resilience.web.admin.actions import UnknownTargetError, perform
from tests.fleet.conftest import Shop

GONE = {"name": "gone", "fault": "outage", "target": "it", "duration": 300}


@pytest.fixture
def drill(shop: Shop) -> Shop:
    """Give workers in which experiments have to be approved."""
    chaos = {"enabled": True, "require_approval": True, "max_concurrent": 2}
    for worker in shop:
        worker.system.configure({"chaos": chaos}, source="test")
    return shop


def order(shop: Shop, number: int, actor: str, action: str, **more: Any) -> None:
    """Order something in one worker, and let the others hear of it."""
    perform(shop[number].system, {"action": action, "reason": "a drill", **more}, actor)
    shop.go_on(0.2)


def test_plan_approval_and_run_may_reach_different_workers(drill: Shop) -> None:
    """As the requests of one person do; all of them show the same, and the plan is used up."""
    order(drill, 0, "ada", "chaos.plan", experiment=GONE)
    assert [each.asked_by for worker in drill for each in worker.system.chaos.plans()] == [
        "ada"
    ] * 8
    with pytest.raises(ChaosRefusedError, match="somebody else has to approve"):
        order(drill, 3, "ada", "chaos.approve", name="gone")
    with pytest.raises(ChaosRefusedError, match="waits for approval"):
        order(drill, 5, "ada", "chaos.run", name="gone")

    order(drill, 3, "bob", "chaos.approve", name="gone")
    assert {each.approved_by for worker in drill for each in worker.system.chaos.plans()} == {"bob"}
    order(drill, 5, "ada", "chaos.run", name="gone")

    [run] = drill[5].system.chaos.running()
    assert (run.experiment.name, run.actor) == ("gone", "ada")
    assert not any(worker.system.chaos.plans() for worker in drill)
    with pytest.raises(UnknownTargetError, match="no experiment 'gone' waits"):
        order(drill, 6, "ada", "chaos.run", name="gone")


def test_an_approval_lets_one_worker_begin(drill: Shop) -> None:
    """Also where two are told to before either has heard of the other."""
    order(drill, 0, "ada", "chaos.plan", experiment=GONE)
    order(drill, 1, "bob", "chaos.approve", name="gone")

    drill[2].system.chaos.start(drill[2].system.chaos.planned("gone").experiment, "ada")
    with pytest.raises(ChaosRefusedError, match="has run it by this approval"):
        drill[3].system.chaos.start(Experiment.of(GONE), "ada")

    drill.go_on(0.2)
    assert not any(worker.system.chaos.plans() for worker in drill)


def test_a_run_that_was_refused_leaves_the_approval(drill: Shop) -> None:
    """Nothing was injected, so that it may be tried again, in any worker."""
    table = {**GONE, "steady_state": ["circuit it is closed"]}
    order(drill, 0, "ada", "chaos.plan", experiment=table)
    order(drill, 1, "bob", "chaos.approve", name="gone")
    drill[2].circuit.force_open("ill", "eve")
    drill.go_on(0.2)
    with pytest.raises(ChaosRefusedError, match="not steady"):
        order(drill, 2, "ada", "chaos.run", name="gone")
    drill[2].circuit.release("well", "eve")
    drill.go_on(1.2)

    order(drill, 4, "ada", "chaos.run", name="gone")

    assert len(drill[4].system.chaos.running()) == 1


def test_an_approval_ends_everywhere_within_the_hour(drill: Shop) -> None:
    """The plan stays, and can be approved again."""
    order(drill, 0, "ada", "chaos.plan", experiment=GONE)
    order(drill, 1, "bob", "chaos.approve", name="gone")
    for _ in range(3600 // 3 + 2):
        drill.clock.advance(3)
        for worker in drill:
            worker.system.tick()

    assert [len(worker.system.chaos.plans()) for worker in drill] == [1] * 8
    with pytest.raises(ChaosRefusedError, match="waits for approval"):
        order(drill, 5, "ada", "chaos.run", name="gone")
    order(drill, 6, "bob", "chaos.approve", name="gone")
    order(drill, 5, "ada", "chaos.run", name="gone")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Experiment("a", Outage(), "it", duration=5), True),
        (Experiment("a", Latency(0.2, jitter=0.1), "circuit:it", None, 0.5, seed=7), True),
        (Experiment("a", Error(TimeoutError), "it", match={"header": {"X-Try": "1"}}), True),
        (Experiment("a", Error(ConnectionError("so")), "it"), False),
        (Experiment("a", Outage(), "it", match=lambda *_: True), False),
        (Experiment("a", Outage(), "it", steady_state=[lambda: True]), False),
        (Experiment("a", Outage(), "it", steady_state=["error_rate <= 0.05"]), True),
        (Experiment("a", Outage(), lambda: None), False),
    ],
)
def test_what_can_be_said_is_told_whole(made: Experiment, told: bool) -> None:
    """What has functions of the program in it stays in its worker."""
    table = table_of(made)

    assert (table is not None) == told
    if table is not None:
        assert Experiment.of(table) == made


def test_who_asks_for_what_cannot_be_told_is_warned(drill: Shop) -> None:
    """It waits in this worker alone."""
    made = Experiment("gone", Outage(), "it", duration=5, steady_state=[lambda: True])

    with pytest.warns(ConfigurationWarning, match="in this worker only: its steady_state"):
        drill[0].system.chaos.plan(made, "ada")
    drill.go_on(1)

    assert [len(worker.system.chaos.plans()) for worker in drill] == [1] + [0] * 7
