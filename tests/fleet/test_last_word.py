"""The last word counts, whatever clocks, stores and other workers do meanwhile."""

import json
from collections.abc import Callable

import pytest

from resilience import Feature, System
from resilience.fleet.base import Letter, Order, Reply
from resilience.testing import FakeFleet, ManualClock
from resilience.web.admin.actions import perform
from tests.fleet.conftest import Shop, Worker


def in_flight(shop: Shop, act: Callable[[], object]) -> None:
    """Let something happen while the next letter's answer is on its way."""
    exchange = shop.store.exchange

    def answer(letter: Letter) -> Reply:
        reply = exchange(letter)
        shop.store.exchange = exchange  # type: ignore[method-assign]
        act()
        return reply

    shop.store.exchange = answer  # type: ignore[method-assign]


def exchange_by(shop: Shop, number: int) -> None:
    """Let one worker exchange, and no other."""
    shop.clock.advance(1.2)
    shop[number].system.tick()


def fresh(shop: Shop, name: str = "fresh") -> Worker:
    """Return a worker that starts now."""
    system = System(clock=shop.clock)
    system.fleet.use(shop.store, worker=name)
    worker = Worker(name, system, [])
    assert worker.circuit.state == "closed"
    system.tick()
    return worker


def test_a_release_holds_while_the_order_is_on_its_way_back(shop: Shop) -> None:
    """The store's answer is older than it."""
    shop[0].circuit.force_open("a drill", "ada")
    in_flight(shop, lambda: shop[0].circuit.release("over", "ada"))
    exchange_by(shop, 0)
    assert shop[0].circuit.state == "closed"

    shop.go_on(1.2)

    assert set(shop.states()) == {"closed"}


def test_an_order_beats_another_workers_that_is_on_its_way_here(shop: Shop) -> None:
    """It was given later; in the end all have it."""
    shop[1].circuit.force_closed("no drill", "bob")
    exchange_by(shop, 1)
    in_flight(shop, lambda: shop[0].circuit.force_open("a drill", "ada"))
    exchange_by(shop, 0)
    assert shop[0].circuit.state == "forced_open"

    shop.go_on(1.2)

    assert set(shop.states()) == {"forced_open"}


def test_two_workers_that_order_at_once_agree(shop: Shop) -> None:
    """On either."""
    shop[0].circuit.force_open("a drill", "ada")
    shop[7].circuit.force_closed("no drill", "bob")

    shop.go_on(0.2)

    assert len(set(shop.states())) == 1


def test_a_release_is_heard_at_once(shop: Shop) -> None:
    """Like the order."""
    shop[0].circuit.force_open("a drill", "ada")
    shop.go_on(0.2)

    shop[3].circuit.release("over", "bob")
    shop.go_on(0.2)

    assert set(shop.states()) == {"closed"}


def test_one_worker_tells_of_an_order_and_the_others_that_it_holds(shop: Shop) -> None:
    """One notification for the fleet, with who ordered it; the same for its end."""
    shop[2].circuit.force_open("a drill", "ada")
    shop.go_on(0.2)

    assert [len(each.heard("circuit_forced")) for each in shop] == [0, 0, 1, 0, 0, 0, 0, 0]
    [told] = shop[5].heard("fleet_changed")
    assert (told.component, told.data["order"], told.data["actor"], told.data["scope"]) == (
        "it", "forced_open", "ada", "fleet",
    )  # fmt: skip

    shop[2].circuit.release("over", "ada")
    shop.go_on(0.2)
    assert [len(each.heard("circuit_closed")) for each in shop] == [0, 0, 1, 0, 0, 0, 0, 0]
    assert shop[5].heard("fleet_changed")[-1].data["order"] is None


def test_an_order_that_a_worker_cannot_follow_stays_for_the_others(shop: Shop) -> None:
    """A newer version of the app may order what this one does not know."""
    shop[0].circuit.force_open("a drill", "ada")
    strange = json.dumps({"value": "sideways", "reason": "", "actor": None})
    key = json.dumps(["level", "app", "order"])
    shop.store.exchange(Letter("newer", orders=(Order(key, strange),)))

    shop.go_on(3)

    assert set(shop.states()) == {"forced_open"}
    assert shop.store.ledger.orders[key][1] == strange


def test_a_worker_that_forgets_a_key_takes_nothing_back(shop: Shop) -> None:
    """There its circuit is idle and gone; elsewhere it is still under the order."""
    for worker in shop:

        @worker.system.circuit("users", key=lambda user: user, max_keys=1)
        def ask(user: str) -> str:
            return user

        ask("ada")
    shop[0].system.circuits["users[ada]"].force_open("a drill", "ada")
    shop.go_on(0.2)
    assert shop[3].system.circuits["users[ada]"].state == "forced_open"

    shop[3].system.circuits.reset()
    shop.go_on(3)

    assert "users[ada]" not in shop[3].system.circuits
    assert shop[5].system.circuits["users[ada]"].state == "forced_open"


def test_what_was_taken_back_stays_so_in_an_older_store(shop: Shop) -> None:
    """Also for workers that start after it took over."""
    shop[0].circuit.force_open("a drill", "ada")
    shop.go_on(0.2)
    older = shop.store.saved()
    shop[0].circuit.release("over", "ada")
    shop.go_on(1.2)

    shop.store.restore(older)
    shop.go_on(3)

    assert set(shop.states()) == {"closed"}
    assert fresh(shop).circuit.state == "closed"


def test_the_first_order_in_an_emptied_store_is_heard(shop: Shop) -> None:
    """Its number is no smaller than those of the orders before."""
    for _ in range(5):
        shop[0].circuit.force_open("a drill", "ada")
        shop.go_on(0.2)
        shop[0].circuit.release("over", "ada")
        shop.go_on(0.2)
    shop.store.flush()

    shop[4].circuit.force_open("no drill", "bob")
    shop.go_on(3)

    assert set(shop.states()) == {"forced_open"}


class Wrong(ManualClock):
    """A clock whose wall time is wrong.

    Args:
        right: the clock that it goes with.
    """

    def __init__(self, right: ManualClock) -> None:
        super().__init__()
        self._right = right
        self.off = 0.0

    def monotonic(self) -> float:
        """Return the right one's seconds."""
        return self._right.monotonic()

    def time(self) -> float:
        """Return a wrong time."""
        return self._right.time() + self.off


@pytest.mark.parametrize("off", [30.0, -30.0, 7200.0])
def test_a_wall_clock_that_is_wrong_or_jumps_changes_nothing(
    clock: ManualClock, off: float
) -> None:
    """Orders last as long as was said, are told once, and outlive an emptied store."""
    store, wrong = FakeFleet(clock), Wrong(clock)
    wrong.off = off
    right, other = System(clock=clock), System(clock=wrong)
    for name, system in (("right", right), ("other", other)):
        system.fleet.use(store, worker=name)
        system.circuits.get("it")
        system.degradation.add(Feature("offers"))

    def go_on(seconds: int) -> None:
        for _ in range(seconds):
            clock.advance(1.0)
            right.tick()
            other.tick()

    go_on(2)
    other.circuits["it"].force_open("a drill", "ada", for_=60)
    other.degradation.degrade("reduced", "a sale", actor="ada", for_=60)
    other.degradation.disable("offers", reason="a sale", actor="ada", for_=60)
    go_on(5)
    change = store.ledger.change
    wrong.off = -off
    go_on(5)
    assert store.ledger.change == change
    store.flush()
    go_on(5)

    def state(system: System) -> tuple[str, str, bool]:
        offers = system.degradation.enabled("offers")
        return str(system.circuits["it"].state), str(system.degradation.level), offers

    assert state(right) == state(other) == ("forced_open", "reduced", False)
    go_on(47)
    assert state(right) == state(other) == ("closed", "normal", True)
    assert len(store.ledger.orders) == 0 or all(
        not text for _, text, _ in store.ledger.orders.values()
    )


def test_a_forked_worker_hears_its_siblings_commands(shop: Shop) -> None:
    """They came from one process, and were one worker until then."""
    one, two = shop[0].system, shop[1].system
    vars(two.fleet._board).update(_me=vars(one.fleet._board)["_me"])
    two.fleet.after_fork()
    shop.go_on(1.2)
    two.degradation.degrade("minimal", "rules say so", trigger="automatic", for_=600)

    perform(one, {"action": "level.recover", "reason": "all is well"}, "ada")
    shop.go_on(0.2)

    assert two.degradation.level == "normal"


def test_a_lease_is_not_given_twice_while_its_worker_cannot_be_heard(shop: Shop) -> None:
    """It relies on it for as long as it was told; afterwards another one may have it."""
    lease = shop[0].system.fleet.claim("heal db")
    assert lease is not None
    shop.store.cut_off.add("w0")
    both = 0
    for _ in range(20):
        shop.go_on(1.0)
        other = shop[1].system.fleet.claim("heal db")
        both += other is not None and lease.holds()
        if other is not None:
            break

    assert other is not None
    assert both == 0


@pytest.mark.parametrize("emptied", [True, False])
def test_a_lease_outlives_the_store_that_gave_it(shop: Shop, emptied: bool) -> None:
    """Its holder tells the next store of it, and tokens go on growing."""
    older = shop.store.saved()
    lease = shop[0].system.fleet.claim("heal db")
    assert lease is not None
    shop[0].circuit.force_open("a drill", "ada")
    shop.go_on(0.2)
    shop.store.flush() if emptied else shop.store.restore(older)
    shop.go_on(1.2)

    assert shop[1].system.fleet.claim("heal db") is None
    shop.go_on(30)
    assert lease.holds()
    other = shop[1].system.fleet.claim("heal x")
    assert other is not None
    assert other.token > lease.token
