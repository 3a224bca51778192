"""What the workers of a fleet do together, and without it."""

import random
from contextlib import ExitStack, suppress
from threading import Thread

import pytest

from resilience import CircuitOpenError, ConfigurationError, Event, System
from resilience.fleet.base import Letter, Reply
from resilience.testing import FakeFleet, ManualClock, record_events
from tests.fleet.conftest import Shop, Worker, fail


def test_what_two_workers_find_out_opens_the_circuit_of_all(shop: Shop) -> None:
    """One of them tells of the opening; the others that the fleet changed."""
    shop.break_it()

    assert shop.states() == ["open"] * 8
    opened = [each for worker in shop for each in worker.heard("circuit_opened")]
    assert [each.data["scope"] for each in opened] == ["fleet"]
    assert opened[0].data["failures"] == 10
    assert len([each for worker in shop for each in worker.heard("fleet_changed")]) == 7


def test_one_ill_worker_opens_only_itself(shop: Shop) -> None:
    """It says so, a moment later; no other call is refused."""
    shop[0].fails(5)
    shop.go_on(1.0)

    assert shop.states() == ["open"] + ["closed"] * 7
    opened = [each for worker in shop for each in worker.heard("circuit_opened")]
    assert [each.data["scope"] for each in opened] == ["worker"]


def test_fifty_workers_that_trip_at_once_tell_it_once(clock: ManualClock) -> None:
    """Each had opened its own circuit already when the fleet did."""
    store, workers = FakeFleet(clock), []
    with ExitStack() as stack:
        for number in range(50):
            system = System(clock=clock, random=random.Random(number))
            system.fleet.use(store, worker=f"w{number}")
            events = stack.enter_context(record_events(system))
            workers.append(Worker(f"w{number}", system, events))
            assert workers[-1].circuit
        shop = Shop(workers, store, clock)
        shop.go_on()
        for worker in workers:
            worker.fails(5)
        shop.go_on(1.0)

        assert set(shop.states()) == {"open"}
        opened = [each for worker in workers for each in worker.heard("circuit_opened")]
        assert len(opened) == 1


def test_the_fleet_makes_as_many_trials_as_one_worker_would(shop: Shop) -> None:
    """Three of eight workers that all have calls waiting; two successes close it for all."""
    shop.break_it()
    shop.clock.advance(5.1)
    admitted = 0
    for _ in range(3):
        shop.go_on()
        admitted += sum(worker.tries(fail) for worker in shop)
    shop.go_on()
    assert 2 <= admitted <= 3  # all three had a place before two had failed
    assert shop.states() == ["open"] * 8

    shop.clock.advance(10.2)
    admitted = 0
    while "half_open" in shop.states() or "open" in shop.states():
        admitted += sum(worker.tries() for worker in shop if worker.circuit.state != "closed")
        shop.go_on()
    assert 2 <= admitted <= 3
    closed = [each for worker in shop for each in worker.heard("circuit_closed")]
    assert [each.data["scope"] for each in closed] == ["fleet"]


def test_a_quiet_fleet_leaves_a_circuit_open(shop: Shop) -> None:
    """Without a call nobody tries."""
    shop.break_it()

    shop.go_on(6.0)

    assert shop.store.ledger.records["it"].state == "open"
    assert not any(worker.heard("circuit_half_opened") for worker in shop)


def test_a_new_circuit_and_a_new_worker_know_what_the_fleet_knows(
    shop: Shop, clock: ManualClock
) -> None:
    """From their first exchange on; a circuit made later from its first call on."""
    shop.break_it()
    system = System(clock=clock)
    system.fleet.use(shop.store, worker="late")
    system.tick()

    late = Worker("late", system, [])

    assert late.circuit.state == "open"
    assert late.circuit.snapshot().retry_after == pytest.approx(5.0, abs=0.2)
    assert not late.tries()


def test_a_lost_store_refuses_no_call_and_closes_nothing(shop: Shop) -> None:
    """Each worker goes on with what it knows; one event out, one event back."""
    shop.break_it()
    shop.store.down = True
    shop.go_on(3.0)
    assert shop.states() == ["open"] * 8
    shop.clock.advance(3.0)
    assert all(worker.tries() and worker.tries() for worker in shop)
    assert shop.states() == ["closed"] * 8

    shop.store.down = False
    shop.go_on(1.5)

    assert shop.states() == ["closed"] * 8
    assert shop.store.ledger.records["it"].state == "closed"
    for worker in shop:
        news = [e.data["online"] for e in worker.heard("fleet_changed") if e.component == "fleet"]
        assert news == [False, True]


def test_workers_that_were_cut_off_learn_it_afterwards(shop: Shop) -> None:
    """The others went on without them."""
    shop.store.cut_off = {"w6", "w7"}
    shop.go_on(1.2)
    shop.break_it()
    assert shop.states() == ["open"] * 6 + ["closed"] * 2

    shop.store.cut_off = set()
    shop.go_on(1.2)

    assert shop.states() == ["open"] * 8


def test_a_store_that_lost_its_memory_is_told_again(shop: Shop) -> None:
    """Flushed, or replaced by a replica that was behind: nothing is reset to closed."""
    older = shop.store.saved()
    shop.break_it()
    for forget in (shop.store.flush, lambda: shop.store.restore(older)):
        forget()
        shop.go_on(1.2)

        assert shop.states() == ["open"] * 8
        assert shop.store.ledger.records["it"].state == "open"


def test_a_reply_that_is_lost_loses_nothing(shop: Shop) -> None:
    """What was told is told again; trials count once."""
    shop.break_it()
    shop.clock.advance(5.1)
    assert not shop[0].tries()
    shop.go_on()
    assert shop[0].tries()
    shop.store.deaf = True
    shop.go_on(0.3)

    assert shop.store.ledger.records["it"].state == "half_open"
    assert shop.store.ledger.records["it"].successes == 1
    while not shop[0].tries():
        shop.go_on()
    shop.go_on(0.1)
    assert shop.states() == ["closed"] * 8


def test_an_operators_order_beats_the_fleet(shop: Shop) -> None:
    """Forced closed all stay when the fleet opens; afterwards they go with the fleet."""
    shop[7].circuit.force_closed(reason="test", for_=2.0)
    shop.break_it()
    assert shop.states() == ["forced_closed"] * 8
    assert shop[7].tries()

    shop.go_on(3.5)

    assert shop.states() == ["open"] * 8


def test_a_reset_reaches_the_whole_fleet(shop: Shop) -> None:
    """It closes the circuit of all."""
    shop.break_it()

    shop[3].circuit.reset(reason="fixed", actor="ops")
    shop.go_on(1.2)

    assert shop.states() == ["closed"] * 8


def test_circuits_by_key_are_shared_by_key(shop: Shop) -> None:
    """A tenant's circuit opens in all workers, the others' in none."""
    calls = []
    for worker in shop:

        @worker.system.circuit("tenants", key=lambda tenant: tenant, failure_threshold=5)
        def call(tenant: str) -> None:
            if tenant == "bad":
                raise OSError("no")

        calls.append(call)
    for call in calls[:2]:
        for _ in range(5):
            with pytest.raises(OSError, match="no"):
                call("bad")
    shop.go_on(1.2)

    for call in calls:
        call("good")
        with pytest.raises(CircuitOpenError):
            call("bad")


def test_a_quiet_worker_exchanges_once_a_second(shop: Shop) -> None:
    """And its letter holds no report."""
    shop.store.letters.clear()

    shop.go_on(10.0)

    mine = [each for each in shop.store.letters if each.worker == "w0"]
    assert 8 <= len(mine) <= 12
    assert not any(each.reports for each in mine)


def test_steady_errors_do_not_flood_the_store(shop: Shop) -> None:
    """One call in ten fails, all the time."""
    for _ in range(2000):
        for _ in range(9):
            assert shop[0].tries()
        assert shop[0].tries(fail)
        shop.go_on()
    sent = [each for each in shop.store.letters if each.worker == "w0"]

    assert len(sent) < 60 * 4 + 60


def test_a_worker_that_stops_leaves_the_fleet(shop: Shop) -> None:
    """It is counted no more, and its own circuits go on alone."""
    shop.break_it()
    gone = shop.workers.pop(0)
    gone.system.fleet.leave()
    shop.go_on(1.2)

    assert shop[0].system.fleet.snapshot().workers == 7
    shop.clock.advance(10.0)
    assert gone.tries()


@pytest.mark.usefixtures("fast_switching")
def test_no_count_is_lost_or_told_twice_while_threads_call(clock: ManualClock) -> None:
    """Failures ask for exchanges from any thread, in the middle of one."""
    store, system = FakeFleet(clock), System(clock=clock)
    system.fleet.use(store, worker="w")
    never = {"failure_threshold": 10**6, "window": 10.0}
    circuits = [system.circuits.get(f"it[{number}]", **never) for number in range(50)]

    def call() -> None:
        for _ in range(20):
            for circuit in circuits:
                with suppress(OSError):
                    circuit.call(fail)

    threads = [Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        system.fleet.exchange()
    clock.advance(2.0)
    system.fleet.exchange()

    told = [report for letter in store.letters for report in letter.reports]
    assert sum(report.calls for report in told) == 50 * 20 * 4
    assert sum(report.failures for report in told) == 50 * 20 * 4


def test_without_a_store_nothing_changes(system: System, events: list[Event]) -> None:
    """A system that is told of no fleet is one."""
    worker = Worker("alone", system, events)
    worker.fails(5)

    assert [each.type for each in worker.heard("circuit_opened")] == ["circuit_opened"]
    assert "scope" not in events[0].data
    seen = system.fleet.snapshot()
    assert (seen.address, seen.online, seen.workers) == (None, False, 1)


@pytest.mark.parametrize("url", ["http://x", "redis", "mysql://u:secret@h/db"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """By name, and without its password."""
    with pytest.raises(ConfigurationError, match="fleet: url begins with") as caught:
        System({"fleet": {"url": url}})

    assert "secret" not in str(caught.value)


def test_news_that_comes_while_the_store_is_tried_again_is_told_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came after the letter was written, and does not wait for the usual one."""
    shop.store.down = True
    shop.go_on(1.1)
    shop.store.down = False
    answer = shop.store.exchange

    def while_it_fails(letter: Letter) -> Reply:
        shop[0].fails(5)
        return answer(letter)

    shop[1].fails(5)
    shop[1].system.fleet.exchange()
    with monkeypatch.context() as patch:
        patch.setattr(shop.store, "exchange", while_it_fails)
        shop.clock.advance(0.2)
        shop[0].system.tick()
    shop.clock.advance(0.03)
    shop[0].system.tick()
    shop[2].system.fleet.exchange()

    assert shop[2].circuit.state == "open"


def test_an_open_circuit_that_nobody_calls_costs_the_store_nothing(shop: Shop) -> None:
    """Its time is up, and there is no call to try with; the first one that comes is tried soon."""
    shop.break_it()
    shop.go_on(6.0)
    before = len(shop.store.letters)
    shop.go_on(5.0)

    assert len(shop.store.letters) - before <= 8 * 5 * 1.25
    assert not shop[3].tries()
    shop.go_on(0.06)
    assert shop[3].tries()
