"""What an operator orders in one worker holds in all, is confirmed, and outlives the store."""

import threading
from pathlib import Path

import pytest

from resilience import (
    ChaosRefusedError,
    Event,
    Experiment,
    Feature,
    Outage,
    StoreUnavailableError,
    System,
)
from resilience.fleet.base import Letter, Order
from resilience.testing import FakeFleet, ManualClock
from resilience.web.admin.actions import perform
from tests.fleet.conftest import Shop


def orders_of(shop: Shop) -> set[str]:
    """Return the states of all workers' circuits."""
    return set(shop.states())


def tick(*systems: System) -> None:
    """Let the background work of each be done."""
    for system in systems:
        system.tick()


@pytest.mark.parametrize(
    ("order", "state"),
    [("force_open", "forced_open"), ("force_closed", "forced_closed"), ("disable", "disabled")],
)
def test_an_order_on_a_circuit_holds_in_all_workers(shop: Shop, order: str, state: str) -> None:
    """At once, with its reason, actor and end; its release, too."""
    getattr(shop[2].circuit, order)("the bank is down", "ada", for_=60)
    shop.go_on(0.1)

    assert shop.states() == [state] * 8
    forced = shop[7].circuit.snapshot().forced
    assert forced is not None
    assert (forced["reason"], forced["actor"]) == ("the bank is down", "ada")
    assert forced["ends_in"] == pytest.approx(60, abs=1)

    shop[5].circuit.release("the bank is back", "bob")
    shop.go_on(1.2)
    assert shop.states() == ["closed"] * 8


def test_an_order_that_nobody_can_read_keeps_nobody_from_the_others(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """A later version may give such, and a worker that starts then has to start."""
    unread = (Order("level", "reduced"), Order('["circuit", "it", ""]', "open"))
    shop.store.exchange(Letter("later", orders=unread))
    shop[0].circuit.disable("a drill", "ada")
    shop.go_on(0.1)
    late = System(clock=shop.clock)
    late.circuits.get("it")
    late.fleet.use(shop.store, worker="late")
    late.start()

    assert shop.states() == ["disabled"] * 8
    assert late.circuits.get("it").state == "disabled"
    assert "order level cannot be followed" in caplog.text
    late.stop()


def test_a_shadow_is_shared_too(shop: Shop) -> None:
    """It rejects nothing, anywhere."""
    shop[0].circuit.shadow("watch it", "ada")
    shop.go_on(0.1)

    assert all(worker.circuit.snapshot().shadow for worker in shop)


def test_an_order_ends_everywhere_at_its_time(shop: Shop) -> None:
    """Nobody has to say so."""
    shop[0].circuit.force_open("a drill", "ada", for_=3)
    shop.go_on(0.1)
    assert orders_of(shop) == {"forced_open"}

    shop.go_on(4)

    assert orders_of(shop) == {"closed"}


def test_the_last_word_counts(shop: Shop) -> None:
    """An order takes another's place."""
    shop[0].circuit.force_open("a drill", "ada")
    shop.go_on(0.1)
    shop[1].circuit.force_closed("no drill", "bob")
    shop.go_on(0.1)

    assert orders_of(shop) == {"forced_closed"}


def test_circuits_that_come_later_are_under_the_order_too(shop: Shop) -> None:
    """Those by key, and those of workers that start afterwards."""
    shop[0].system.circuits.get("later").force_open("a drill", "ada")
    shop.go_on(0.1)

    late = shop[3].system.circuits.get("later")
    shop.go_on(1.2)
    assert late.state == "forced_open"

    with System(clock=shop.clock) as fresh:
        fresh.fleet.use(shop.store, worker="fresh")
        circuit = fresh.circuits.get("later")
        fresh.tick()
        assert circuit.state == "forced_open"
        assert orders_of(shop) == {"closed"}


def test_a_worker_without_the_circuit_takes_back_nothing(shop: Shop) -> None:
    """That it has none is no release."""
    shop[0].system.circuits.get("mine").force_open("a drill", "ada")
    shop.go_on(5)

    assert shop[0].system.circuits["mine"].state == "forced_open"


def test_levels_and_features_are_shared(shop: Shop) -> None:
    """Forced levels, switches, shares, and kills; each released by itself."""
    for worker in shop:
        worker.system.degradation.add(Feature("offers", priority=90))
    first, last = shop[0].system.degradation, shop[7].system.degradation
    shop.go_on(0.1)

    first.degrade("reduced", "a sale", actor="ada")
    first.kill("offers", reason="leaks", actor="ada")
    shop.go_on(0.1)
    assert (last.level, last.enabled("offers")) == ("reduced", False)

    last.release("offers", reason="mended")
    last.set_rollout("offers", 0, reason="slowly")
    shop.go_on(1.2)
    assert not first.enabled("offers", key="somebody")
    assert "kill" not in first.orders()["features"]["offers"]

    last.recover("over", "bob")
    shop.go_on(1.2)
    assert first.level == "normal"


def test_orders_hold_without_the_store_and_are_told_to_an_empty_one(shop: Shop) -> None:
    """It was flushed: whoever knows them tells them again."""
    shop[0].circuit.force_open("a drill", "ada")
    shop.go_on(0.1)

    shop.store.down = True
    shop.go_on(3)
    assert orders_of(shop) == {"forced_open"}
    shop.store.flush()
    shop.store.down = False
    shop.go_on(3)

    assert orders_of(shop) == {"forced_open"}
    assert [text for _, text, _ in shop.store.ledger.orders.values()] != []


def test_an_older_store_learns_what_was_ordered_since(shop: Shop) -> None:
    """Also that something was taken back."""
    shop[0].circuit.force_open("a drill", "ada")
    shop.go_on(0.1)
    older = shop.store.saved()
    shop[0].circuit.release("over", "ada")
    shop[0].system.degradation.degrade("reduced", "a sale", actor="ada")
    shop.go_on(1.2)

    shop.store.restore(older)
    shop.go_on(3)

    assert shop[7].system.degradation.level == "reduced"


def test_what_is_ordered_during_an_outage_is_told_afterwards(shop: Shop) -> None:
    """By the worker that was told."""
    shop.store.down = True
    shop.go_on(0.5)
    shop[4].circuit.force_open("a drill", "ada")
    shop.go_on(0.5)
    assert shop.states().count("forced_open") == 1

    shop.store.down = False
    shop.go_on(3)

    assert orders_of(shop) == {"forced_open"}


def test_a_restart_brings_nothing_back_that_was_taken_back(
    clock: ManualClock, tmp_path: Path
) -> None:
    """Its journal has an order that the fleet has ended meanwhile: the fleet is right."""
    journal = {"journal": {"enabled": True, "url": f"sqlite:///{tmp_path}/journal.db"}}
    store = FakeFleet(clock)
    one, two = System(journal, clock=clock), System(clock=clock)
    one.fleet.use(store, worker="one")
    two.fleet.use(store, worker="two")
    for each in (one, two):
        each.circuits.get("it")
    tick(one, two)
    one.circuits["it"].force_open("a drill", "ada", for_=600)
    for _ in range(3):
        clock.advance(6)
        tick(one, two)
    assert two.circuits["it"].state == "forced_open"
    one.stop()

    two.circuits["it"].release("over", "bob")
    clock.advance(2)
    two.tick()
    again = System(journal, clock=clock)
    again.fleet.use(store, worker="again")
    again.circuits.get("it")
    again.journal.start()
    for _ in range(3):
        clock.advance(2)
        tick(again, two)

    assert (again.circuits["it"].state, two.circuits["it"].state) == ("closed", "closed")
    again.stop()
    two.stop()


def test_an_order_is_confirmed_by_who_has_heard_it(shop: Shop) -> None:
    """So many of so many; who has not is named."""
    shop[0].circuit.force_open("a drill", "ada")
    early = shop[0].system.fleet.confirm()
    assert (early.confirmed, early.live) == (1, 8)
    assert "w3" in early.waiting

    shop.go_on(0.2)

    late = shop[0].system.fleet.confirm()
    assert (late.confirmed, late.live, late.waiting) == (8, 8, ())


def test_a_store_that_does_not_acknowledge_is_said(shop: Shop) -> None:
    """The order holds here all the same."""
    shop.store.down = True
    shop[0].circuit.force_open("a drill", "ada")

    with pytest.raises(StoreUnavailableError, match="only this worker has it"):
        shop[0].system.fleet.confirm()

    assert shop[0].circuit.state == "forced_open"


def test_without_a_fleet_this_worker_is_all(system: System) -> None:
    """It confirms by itself, and every lease is granted."""
    assert system.fleet.confirm() == (system.fleet.confirm())
    assert system.fleet.confirm().live == 1
    lease = system.fleet.claim("heal x")
    assert lease is not None
    assert lease.holds()
    lease.release()


def test_the_roll_says_how_each_worker_is(shop: Shop) -> None:
    """Its host, level, and what is open there."""
    shop[3].fails(5)
    shop.go_on(1.2)

    roll = {each.worker: each for each in shop[0].system.fleet.roll()}

    assert len(roll) == 8
    assert roll["w3"].about["open"] == ["it"]
    assert roll["w0"].about["level"] == "normal"
    assert roll["w0"].about["pid"] > 0


def test_a_lease_is_held_while_its_worker_lives(shop: Shop) -> None:
    """Renewed in the background; free soon after the worker has gone, or given it back."""
    lease = shop[0].system.fleet.claim("heal db")
    assert lease is not None
    assert shop[1].system.fleet.claim("heal db") is None
    assert shop[0].system.fleet.claim("heal db") is None

    shop.go_on(60)
    assert lease.holds()
    assert shop[1].system.fleet.claim("heal db") is None
    lease.release()
    assert not lease.holds()
    shop.go_on(0.1)
    other = shop[1].system.fleet.claim("heal db")
    assert other is not None
    assert other.token > lease.token


def test_a_lease_ends_without_the_store(shop: Shop) -> None:
    """It cannot be renewed, so it is not relied on; none is given."""
    lease = shop[0].system.fleet.claim("heal db")
    assert lease is not None

    shop.store.down = True
    assert shop[1].system.fleet.claim("heal x") is None
    shop.go_on(16)

    assert not lease.holds()


def test_a_call_is_never_held_up_by_an_order(shop: Shop) -> None:
    """While an exchange hangs, orders are taken and calls are made."""
    entered, go_on = threading.Event(), threading.Event()
    exchange = shop.store.exchange

    def hang(letter: object) -> object:
        entered.set()
        go_on.wait(20)
        return exchange(letter)  # type: ignore[arg-type]

    shop.store.exchange = hang  # type: ignore[method-assign,assignment]
    shop.clock.advance(2)
    ticking = threading.Thread(target=shop[0].system.tick)
    ticking.start()
    assert entered.wait(20)

    shop[0].circuit.force_open("a drill", "ada")
    assert not shop[0].tries()
    assert shop[1].tries()

    go_on.set()
    ticking.join()


def test_a_recovery_is_made_by_one_worker(shop: Shop) -> None:
    """The others leave it to that one; when it is over they may."""
    claims = [worker.system._surroundings().claim("db") for worker in shop]

    assert [each is not None for each in claims] == [True] + [False] * 7
    first = claims[0]
    assert first is not None
    first()
    shop.go_on(0.1)
    assert shop[5].system._surroundings().claim("db") is not None


def test_a_worker_recovers_its_own_while_the_store_is_gone(shop: Shop) -> None:
    """As it would alone; and tells people rather twice than never."""
    shop.store.down = True
    shop.go_on(2)

    for worker in (shop[0], shop[1]):
        around = worker.system._surroundings()
        assert around.claim("db") is not None
        assert around.announce("db")
        assert around.spread("db") == 0.0


def test_people_are_told_by_one_worker(shop: Shop) -> None:
    """Of one component, once in five minutes."""

    def told() -> int:
        return sum(bool(worker.system._surroundings().announce("db")) for worker in shop)

    assert told() == 1
    assert told() == 0
    shop.go_on(301)
    assert told() == 1


def test_a_symptom_that_all_have_is_the_dependencys(shop: Shop) -> None:
    """A third of the fleet, and it is not this worker that is ill."""
    for worker in (shop[0], shop[1], shop[2]):
        worker.system.healer.failed("db", "ping", ConnectionError("gone"), severity="low")
    shop.go_on(1.2)

    assert shop[0].system._surroundings().spread("db") == pytest.approx(3 / 8)
    assert shop[0].system._surroundings().spread("disk") == 0.0


def test_one_experiment_runs_in_the_fleet(shop: Shop) -> None:
    """Another worker's is refused; a halt in any worker stops it."""
    for worker in shop:
        worker.system.configure({"chaos": {"enabled": True}}, source="test")
    run = shop[0].system.chaos.start(Experiment("gone", Outage(), "it", duration=300))

    with pytest.raises(ChaosRefusedError, match="other workers of the fleet run"):
        shop[1].system.chaos.start(Experiment("gone", Outage(), "it", duration=300))

    perform(shop[7].system, {"action": "chaos.halt", "reason": "enough"}, "ada")
    shop.go_on(0.2)
    assert run.result is not None
    assert (run.result.status, run.result.reason) == ("aborted", "enough (ada)")
    shop.go_on(0.1)
    shop[1].system.chaos.start(Experiment("gone", Outage(), "it", duration=300))


def test_an_experiment_ends_that_has_lost_its_lease(shop: Shop) -> None:
    """The store is gone: nobody knows whether it is the only one any more."""
    shop[0].system.configure({"chaos": {"enabled": True}}, source="test")
    run = shop[0].system.chaos.start(Experiment("gone", Outage(), "it", duration=300))
    shop.store.down = True
    shop.go_on(13)
    assert run.step()

    assert run.result is not None
    assert "the fleet's lease on it was lost" in run.result.reason


def test_a_recovered_level_is_recovered_everywhere(shop: Shop) -> None:
    """Also where rules, and no order, had led away from normal."""
    shop[3].system.degradation.degrade("minimal", "rules say so", trigger="automatic", for_=600)
    assert shop[3].system.degradation.level == "minimal"

    perform(shop[0].system, {"action": "level.recover", "reason": "all is well"}, "ada")
    shop.go_on(0.2)

    assert shop[3].system.degradation.level == "normal"


def test_one_ill_worker_leaves_the_rotation(shop: Shop) -> None:
    """Where it is switched on; it comes back when it is well, and no more than a third leave."""
    for worker in shop:
        worker.system.configure({"fleet": {"quarantine": True}}, source="test")
    shop[0].fails(5)
    shop.go_on(4.0)

    assert [worker.system.rotation.is_out for worker in shop] == [True] + [False] * 7
    reason = shop[0].system.rotation.reason
    assert reason == "open in this worker alone: it"

    shop[0].circuit.reset("mended")
    shop.go_on(3)
    assert not shop[0].system.rotation.is_out


def test_without_quarantine_an_open_circuit_takes_nobody_out(shop: Shop) -> None:
    """An open circuit alone is no reason: the others may just not have called yet."""
    shop[0].fails(5)
    shop.go_on(4.0)

    assert not shop[0].system.rotation.is_out


@pytest.mark.timeout(20)
def test_who_hears_an_event_may_claim_a_lease(shop: Shop) -> None:
    """Events are told while an exchange is under way: it is no reason to wait for ever."""
    claimed = []

    def claim(event: Event) -> None:
        if event.type == "fleet_changed":
            claimed.append(shop[3].system.fleet.claim("tell people"))

    shop[3].system.on_event(claim)
    shop[0].circuit.force_open("a drill", "ada")
    shop.go_on(0.2)

    assert claimed
    assert claimed[0] is not None
