"""How a component is recovered: detect, claim, act, verify, and what follows."""

import sys
import threading
from typing import Any

import pytest

from resilience import Event, System
from resilience.healing.healer import Healer
from resilience.healing.records import Recovery, Result
from resilience.healing.settings import HealerSettings
from resilience.healing.surroundings import Symptom
from resilience.testing import ManualClock, reset
from tests.healing.conftest import Database, World, told

DOWN = ConnectionError("connection refused")


def fail(healer: Healer, system: System, severity: str = "medium") -> None:
    """Let the database's failure be heard, and the background catch up."""
    healer.failed("database", "postgres", DOWN, severity)
    system.tick()


def last(healer: Healer) -> Recovery:
    """Return the last recovery."""
    return healer.history()[-1]


# -- success --------------------------------------------------------------------------------------


def test_a_failure_is_detected_recovered_and_verified(
    system: System, healer: Healer, database: Database, events: list[Event]
) -> None:
    """The action brings it up, and the health check shows it."""
    healer.action("database")(database.repair)
    database.up = False

    fail(healer, system)

    assert database.up
    assert told(events) == ["failure_detected", "recovery_started", "recovery_succeeded"]
    assert last(healer).result is Result.SUCCEEDED
    assert last(healer).steps == ("action 'tests.healing.conftest.Database.repair': verified",)
    assert healer.statistics().open == ()


def test_the_events_say_what_failed_and_what_helped(
    system: System, healer: Healer, database: Database, events: list[Event], clock: ManualClock
) -> None:
    """Name, category, severity, strategy, seconds, and what shows it."""

    @healer.action("database", name="reconnect")
    def reconnect() -> None:
        clock.advance(3)
        database.up = True

    database.up = False
    fail(healer, system, "high")

    shared = {"name": "postgres", "category": "network", "severity": "high"}
    assert [event.component for event in events] == ["database"] * 3
    assert events[0].data == {**shared, "error": "ConnectionError: connection refused"}
    assert events[1].data == {**shared, "strategies": ("action", "retry")}
    assert events[2].data == {
        **shared,
        "strategy": "action 'reconnect'",
        "seconds": 3.0,
        "failures": 1,
        "verified_by": "check",
    }


def test_a_recovery_never_runs_in_the_thread_that_failed(database: Database) -> None:
    """On the machine's clock `failed` returns at once, and a thread of the engine does it."""
    system = System()
    done = threading.Event()
    threads: list[str] = []

    @system.healer.action("database")
    def reconnect() -> None:
        threads.append(threading.current_thread().name)
        done.set()

    system.healer.failed("database", "postgres", DOWN)

    assert done.wait(30)
    assert threads != [threading.current_thread().name]


def test_failures_meanwhile_join_the_recovery_that_goes_on(
    system: System, healer: Healer, database: Database, events: list[Event]
) -> None:
    """One recovery for one component, whatever number of failures."""
    healer.action("database")(database.repair)
    database.up = False

    for _ in range(10):
        healer.failed("database", "postgres", DOWN)
    system.tick()

    assert database.repairs == 1
    assert last(healer).failures == 10
    assert told(events).count("failure_detected") == 1


def test_actions_are_tried_in_order_until_one_helps(
    system: System, healer: Healer, database: Database
) -> None:
    """Those that do not apply to the error are left out."""
    tried: list[str] = []

    def useless(name: str, **options: Any) -> None:
        healer.action("database", name=name, **options)(lambda: tried.append(name))

    useless("first")
    useless("for others", on=KeyError)
    useless("second", on=ConnectionError)
    healer.action("database", name="third")(database.repair)
    useless("fourth")
    database.up = False

    fail(healer, system)

    assert tried == ["first", "second"]
    assert [step.partition(":")[0] for step in last(healer).steps] == [
        "action 'first'", "action 'second'", "action 'third'",
    ]  # fmt: skip


def test_what_is_well_again_by_itself_needs_no_action(
    system: System, healer: Healer, world: World
) -> None:
    """Without an action it is looked at a few times; the category says that this may help."""
    looks = iter([False, True])
    world.check = lambda component: next(looks)

    fail(healer, system)

    assert last(healer).result is Result.SUCCEEDED
    assert last(healer).strategy == "retry"


# -- no success -----------------------------------------------------------------------------------


def test_that_the_action_returned_is_no_success(
    system: System, healer: Healer, database: Database, events: list[Event]
) -> None:
    """The health check does not pass: the recovery has failed, and says what was tried."""
    database.up = database.repair_helps = False
    healer.action("database", name="reconnect")(database.repair)

    fail(healer, system)

    assert told(events) == ["failure_detected", "recovery_started", "recovery_failed"]
    assert last(healer).result is Result.FAILED
    assert events[-1].data["reason"] == "action 'reconnect': unchanged; retry: failed"
    assert healer.statistics().open == ("database",)


def test_an_action_whose_own_check_passes_does_not_make_the_component_well(
    system: System, healer: Healer, database: Database
) -> None:
    """Its own check is about what it did; the component's is about what counts."""
    database.up = False
    healer.action("database", verify=lambda: True)(lambda: None)

    fail(healer, system)

    assert last(healer).result is Result.FAILED


def test_an_action_that_raises_is_a_step_that_failed(
    system: System, healer: Healer, database: Database
) -> None:
    """The next one is tried, and nobody else hears of the error."""
    healer.action("database", name="broken")(lambda: 1 / 0)
    healer.action("database")(database.repair)
    database.up = False

    fail(healer, system)

    assert last(healer).result is Result.SUCCEEDED
    assert last(healer).steps[0] == "action 'broken': failed (ZeroDivisionError: division by zero)"


def test_an_action_that_ends_its_thread_is_a_step_that_failed(
    system: System, healer: Healer, database: Database
) -> None:
    """`sys.exit` in it ends neither the recovery nor what is told of it."""
    healer.action("database")(sys.exit)
    healer.action("database")(database.repair)
    database.up = False

    fail(healer, system)

    (recovery,) = healer.history()
    assert (recovery.result, database.repairs) == (Result.SUCCEEDED, 1)
    assert recovery.steps[0].endswith("failed (SystemExit)")


def test_a_check_that_raises_has_not_passed(
    system: System, healer: Healer, world: World, database: Database
) -> None:
    """What cannot be verified because its check is broken is not well."""
    world.check = lambda component: bool(1 / 0)
    healer.action("database")(database.repair)

    fail(healer, system)

    assert last(healer).result is Result.FAILED


def test_without_a_check_the_proof_is_still_to_come(
    system: System, healer: Healer, world: World, events: list[Event], clock: ManualClock
) -> None:
    """Nobody can tell: it is neither a success nor a failure until something shows it."""
    world.check = lambda component: None
    healer.action("database")(lambda: None)

    fail(healer, system)

    assert told(events) == ["failure_detected", "recovery_started"]
    assert healer.history() == []
    assert healer.statistics().success_rate is None

    clock.advance(60)
    system.tick()

    assert last(healer).result is Result.UNVERIFIED
    assert healer.statistics().success_rate is None
    assert healer.statistics().open == ()


def test_an_unproved_recovery_has_failed_when_it_fails_again(
    system: System, healer: Healer, world: World, clock: ManualClock
) -> None:
    """The next recovery goes on with what was not tried before."""
    world.check = lambda component: None
    tried: list[str] = []
    healer.action("database", name="first")(lambda: tried.append("first"))
    healer.action("database", name="second")(lambda: tried.append("second"))

    fail(healer, system)
    clock.advance(10)
    fail(healer, system)

    assert tried == ["first", "second"]
    assert last(healer).result is Result.FAILED
    assert last(healer).steps == ("action 'first': done", "it failed again")


def test_a_recovery_has_its_time_and_no_more() -> None:
    """What takes longer has failed; it is left to end by itself."""
    system = System({"healer": {"recovery_timeout": 0.05}})
    go_on, ended = threading.Event(), threading.Event()
    system.on_event(lambda event: ended.set() if event.type == "recovery_failed" else None)

    @system.healer.action("database", name="slow")
    def hang() -> None:
        go_on.wait(30)

    try:
        system.healer.failed("database", "postgres", DOWN)
        assert ended.wait(30)
    finally:
        go_on.set()

    assert last(system.healer).steps == ("action 'slow': not done within 0.05 s",)


# -- when it is not done --------------------------------------------------------------------------


def test_after_a_recovery_that_did_not_help_it_cools_down(
    system: System, healer: Healer, database: Database, clock: ManualClock
) -> None:
    """Failures meanwhile begin nothing; then it is recovered again without another one."""
    database.up = database.repair_helps = False
    healer.action("database", cool_down=0)(database.repair)

    fail(healer, system)
    clock.advance(9)
    fail(healer, system)
    assert database.repairs == 1

    clock.advance(6)
    system.tick()

    assert database.repairs == 2


def test_more_recoveries_than_the_intensity_allows_are_not_made(
    system: System, healer: Healer, database: Database, clock: ManualClock, events: list[Event]
) -> None:
    """Three in 300 s, as Erlang's supervisors: the fourth time people are told instead."""
    healer.action("database", limit=100, cool_down=0)(database.repair)

    for _ in range(4):
        database.up = False
        fail(healer, system)
        clock.advance(10)

    assert database.repairs == 3
    assert last(healer).result is Result.STOPPED
    (escalated,) = [event for event in events if event.type == "escalated"]
    assert escalated.data["reason"] == "recovered 3 times in 300 s, and failed again"


def test_after_the_period_it_is_recovered_again(
    system: System, healer: Healer, database: Database, clock: ManualClock
) -> None:
    """As soon as the oldest recovery is out of the period."""
    healer.action("database", limit=100, cool_down=0)(database.repair)
    for _ in range(4):
        database.up = False
        fail(healer, system)
        clock.advance(10)

    clock.advance(259)
    system.tick()
    assert database.repairs == 3

    clock.advance(6)
    system.tick()
    assert database.repairs == 4
    assert database.up


def test_an_operator_may_recover_it_at_once(
    system: System, healer: Healer, database: Database
) -> None:
    """Whatever the cool-down says; what is well is left alone."""
    database.up = database.repair_helps = False
    healer.action("database", limit=1, cool_down=1000)(database.repair)
    fail(healer, system)
    for _ in range(3):
        healer.recover("database")
        system.tick()
    assert database.repairs == 4

    database.repair_helps = True
    assert healer.recover("database")
    system.tick()

    assert database.up
    assert not healer.recover("database")


def test_an_action_that_helped_nothing_is_off_until_it_is_well_again(
    system: System, healer: Healer, database: Database, clock: ManualClock
) -> None:
    """Two runs while the database is gone; when it was back and fails anew, it is tried again."""
    healer.configure(HealerSettings(intensity=100))
    healer.action("database", cool_down=0, limit=100)(database.repair)
    database.up = database.repair_helps = False
    for _ in range(5):
        fail(healer, system)
        clock.advance(11)
    assert database.repairs == 2

    database.up = True
    clock.advance(11)
    system.tick()
    database.up, database.repair_helps = False, True
    fail(healer, system)

    assert database.up
    assert database.repairs == 3


def test_reset_makes_it_as_new(
    system: System, healer: Healer, database: Database, events: list[Event]
) -> None:
    """For tests of the app: no incident, no count, nobody told; actions stay."""
    healer.action("database", limit=1)(database.repair)
    healer.configure(HealerSettings(intensity=1))
    for _ in range(2):
        database.up = False
        fail(healer, system, "critical")
    assert told(events)[-1] == "escalated"

    reset(system)
    assert (healer.history(), healer.statistics().failures) == ([], 0)
    fail(healer, system, "critical")

    assert database.up
    assert database.repairs == 2


def test_what_flaps_is_not_recovered(
    system: System, healer: Healer, world: World, database: Database, clock: ManualClock
) -> None:
    """Until it has come to rest, in whatever state; the app is degraded instead."""
    healer.action("database")(database.repair)
    database.up, world.flaps = False, True

    fail(healer, system)
    assert (database.repairs, healer.history(), world.levels) == (0, [], ["reduced"])

    world.flaps = False
    clock.advance(5.5)
    system.tick()

    assert database.repairs == 1


@pytest.mark.parametrize(("spread", "repairs"), [(0.3, 1), (1 / 3, 0), (1.0, 0)])
def test_where_a_third_of_the_fleet_is_ill_it_is_the_dependency(
    healer: Healer, world: World, database: Database, spread: float, repairs: int
) -> None:
    """Then the app is degraded, and nothing here is repaired."""
    healer.action("database")(database.repair)
    database.up, world.spread = False, spread

    healer.failed("database", "postgres", DOWN)
    world.catch_up()

    assert database.repairs == repairs
    assert world.levels == ([] if repairs else ["reduced"])


def test_only_the_one_who_has_the_claim_recovers(
    system: System, healer: Healer, world: World, database: Database, clock: ManualClock
) -> None:
    """Another worker is at it: here it is only looked at; the claim is given back after use."""
    healer.action("database")(database.repair)
    database.up, world.is_claimed = False, True

    fail(healer, system)
    assert (database.repairs, world.released) == (0, [])

    world.is_claimed = False
    clock.advance(5.5)
    system.tick()

    assert (database.repairs, world.released) == (1, ["database"])


def test_only_so_many_components_are_recovered_at_once() -> None:
    """The others wait for their turn, and have it as soon as one is done."""
    system = System({"healer": {"max_concurrent_recoveries": 2}})
    begun, go_on = threading.Semaphore(0), threading.Event()
    running, most = [0], [0]
    lock = threading.Lock()

    def repair() -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        begun.release()
        go_on.wait(30)
        with lock:
            running[0] -= 1

    names = [f"database {number}" for number in range(5)]
    for name in names:
        system.healer.action(name)(repair)
        system.healer.failed(name, "postgres", DOWN)
    assert begun.acquire(timeout=30)
    assert begun.acquire(timeout=30)
    assert not begun.acquire(timeout=0.05)
    go_on.set()
    for _ in range(3):
        assert begun.acquire(timeout=30)

    assert most == [2]


def test_a_recovery_that_no_thread_was_there_for_does_not_stop_all_others(
    system: System, healer: Healer, database: Database, clock: ManualClock
) -> None:
    """After three times its time it is taken for lost."""
    healer.configure(HealerSettings(max_concurrent_recoveries=1))
    healer.action("database")(database.repair)
    database.up = False
    healer.failed("database", "postgres", DOWN)
    system.runtime.engine._asides.clear()

    clock.advance(89)
    fail(healer, system)
    assert database.repairs == 0

    clock.advance(1)
    fail(healer, system)

    assert database.repairs == 1
    assert database.up


@pytest.mark.parametrize("off", ["enabled", "auto_recover"])
def test_it_can_be_switched_off(
    system: System, healer: Healer, database: Database, off: str
) -> None:
    """`auto_recover=False` still records failures; `enabled=False` does not."""
    healer.configure(HealerSettings.of({off: False}))
    healer.action("database")(database.repair)
    database.up = False

    fail(healer, system)

    assert database.repairs == 0
    assert healer.statistics().failures == (0 if off == "enabled" else 1)
    assert healer.recover("database") is (off == "auto_recover")


# -- the last rungs -------------------------------------------------------------------------------


def test_what_cannot_be_recovered_degrades_the_app_and_is_escalated(
    system: System, healer: Healer, world: World, clock: ManualClock, events: list[Event]
) -> None:
    """First it cools down, then the app steps down, and then people are told, once."""
    world.check = lambda component: False
    healer.configure(HealerSettings(intensity=100))
    rungs = []

    for _ in range(5):
        fail(healer, system)
        rungs.append((bool(world.levels), told(events).count("escalated")))
        clock.advance(11)

    assert rungs == [(False, 0), (True, 0), (True, 1), (True, 1), (True, 1)]
    assert set(world.levels) == {"reduced"}


def test_a_critical_failure_goes_up_at_once(
    system: System, healer: Healer, world: World, database: Database, events: list[Event]
) -> None:
    """One recovery that did not help is enough."""
    database.up = False

    fail(healer, system, "critical")

    assert world.levels == ["minimal"]
    (escalated,) = [event for event in events if event.type == "escalated"]
    assert escalated.data["level"] == "critical"


def test_a_low_one_degrades_nothing(
    system: System, healer: Healer, world: World, database: Database, clock: ManualClock
) -> None:
    """It is told after so many recoveries, as any other."""
    database.up = False
    for _ in range(4):
        fail(healer, system, "low")
        clock.advance(11)

    assert world.levels == []
    assert healer.statistics().total.escalated == 1


def test_what_there_is_nothing_to_try_for_goes_up_by_itself(
    system: System, healer: Healer, world: World, events: list[Event]
) -> None:
    """Neither an action nor a check: each failure is one that was not recovered."""
    world.check = lambda component: None
    healer.configure(HealerSettings(default_strategy="action"))

    for _ in range(3):
        fail(healer, system)

    assert told(events) == ["failure_detected", "escalated"]
    assert world.levels == ["reduced"]


def test_the_app_stays_degraded_while_it_is_ill(
    system: System, healer: Healer, world: World, database: Database, clock: ManualClock
) -> None:
    """The demand is renewed, as it ends by itself."""
    database.up = False
    fail(healer, system, "critical")
    before = len(world.levels)

    for _ in range(3):
        clock.advance(6)
        system.tick()

    assert len(world.levels) == before + 3


def test_what_is_well_and_fails_in_turn_is_one_incident_to_people(
    system: System, healer: Healer, database: Database, clock: ManualClock, events: list[Event]
) -> None:
    """They are told again after five quiet minutes, or when somebody has looked at it."""
    database.up = False
    fail(healer, system, "critical")
    database.up = True
    clock.advance(6)
    system.tick()
    assert last(healer).strategy == "itself"
    assert last(healer).result is Result.SUCCEEDED

    database.up = False
    clock.advance(6)
    fail(healer, system, "critical")
    assert told(events).count("failure_detected") == 2
    assert told(events).count("escalated") == 1

    healer.resume("database")
    fail(healer, system, "critical")
    assert told(events).count("escalated") == 1

    database.up = True
    clock.advance(6)
    system.tick()
    clock.advance(300)
    database.up = False
    fail(healer, system, "critical")
    assert told(events).count("escalated") == 2


def test_people_are_told_once_of_what_stays_broken_for_an_hour(
    system: System, healer: Healer, world: World, clock: ManualClock, events: list[Event]
) -> None:
    """Recoveries go on to be tried, and to fail: it is the same incident."""
    world.check = lambda component: False
    healer.action("database", cool_down=0, limit=1000)(lambda: None)
    fail(healer, system, "high")

    for _ in range(720):
        clock.advance(5)
        system.tick()

    assert told(events).count("recovery_started") > 10
    assert told(events).count("escalated") == 1


def test_health_that_lags_behind_ends_no_incident_and_begins_none(
    system: System, healer: Healer, world: World, database: Database, clock: ManualClock
) -> None:
    """It believes in several results only; here one is enough not to act, and not to be done."""
    world.down = [Symptom("database", "ping", "no answer", "high")]
    clock.advance(6)
    system.tick()
    assert healer.statistics().failures == 0

    database.up = False
    clock.advance(6)
    system.tick()
    assert healer.statistics().open == ("database",)

    database.up = True
    clock.advance(6)
    system.tick()
    assert healer.statistics().open == ("database",)

    world.down = []
    clock.advance(6)
    system.tick()
    assert healer.statistics().open == ()


def test_what_gets_worse_counts_as_what_it_is_now(
    system: System, healer: Healer, world: World
) -> None:
    """A critical failure in an incident that began as a minor one goes up at once."""
    world.check = lambda component: False
    fail(healer, system, "low")
    assert healer.statistics().total.escalated == 0

    fail(healer, system, "critical")
    healer.recover("database")
    system.tick()

    assert healer.statistics().total.escalated == 1
    assert world.levels == ["minimal"]


def test_who_has_looked_at_it_is_told_when_it_fails_again(
    system: System, healer: Healer, database: Database, clock: ManualClock, events: list[Event]
) -> None:
    """`resume` says that somebody has."""
    for _ in range(2):
        database.up = False
        fail(healer, system, "critical")
        database.up = True
        clock.advance(6)
        system.tick()
        healer.resume("database")
        clock.advance(6)

    assert told(events).count("escalated") == 2


def test_health_has_the_last_word_on_what_is_well(
    system: System, clock: ManualClock, events: list[Event]
) -> None:
    """One result that passes ends no incident, and health that lags behind begins no other."""
    system.healer.configure(HealerSettings(default_strategy="action"))
    state = {"up": True}

    @system.health.check("ping", component="database", interval=20.0)
    def ping() -> bool:
        return state["up"]

    def pass_time(seconds: int) -> None:
        for _ in range(seconds):
            clock.advance(1)
            system.tick()

    pass_time(30)
    state["up"] = False
    pass_time(90)
    assert system.healer.statistics().open == ("database",)

    state["up"] = True
    pass_time(120)

    assert system.healer.statistics().open == ()
    assert [event.type for event in events].count("failure_detected") == 1


def test_components_that_health_says_are_down_are_heard_of(
    system: System, clock: ManualClock
) -> None:
    """Nobody has to report them: the system's own health checks do."""
    state = {"up": True}

    @system.health.check("ping", component="database", criticality="high", interval=1.0)
    def ping() -> bool:
        return state["up"]

    @system.healer.action("database")
    def reconnect() -> None:
        state["up"] = True

    system.tick()
    state["up"] = False
    for _ in range(15):
        clock.advance(1)
        system.tick()

    assert state["up"]
    (recovery,) = system.healer.history()
    assert recovery.result is Result.SUCCEEDED
    assert (recovery.failure.component, recovery.failure.name) == ("database", "ping")
    assert recovery.failure.severity == "high"


def test_the_app_is_degraded_by_the_systems_own_levels(system: System) -> None:
    """The healer of a system asks its degradation."""
    system.healer.failed("database", "postgres", DOWN, "critical")
    system.tick()

    assert str(system.degradation.level) == "minimal"
