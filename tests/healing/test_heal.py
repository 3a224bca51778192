"""What `@heal` and `healer.run` do for a caller whose call has failed."""

import asyncio
import inspect
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from werkzeug.exceptions import NotFound

from resilience import (
    CircuitOpenError,
    ConfigurationError,
    DecorationError,
    Event,
    Level,
    MemoryCheckpoint,
    Restore,
    System,
    UnknownSettingError,
    explain,
    remaining,
)
from resilience.core import deadline
from resilience.healing.healer import Healer
from resilience.healing.records import Result
from resilience.healing.settings import HealerSettings
from resilience.strategies.escalation import Escalation
from resilience.strategies.retries import Retry
from resilience.testing import ManualClock, inactive
from tests.healing.conftest import Database, World, told
from tests.strategies.conftest import as_coroutine, as_maker, as_plain, run

Call = Callable[..., Any]


@pytest.fixture(params=[as_plain, as_coroutine, as_maker])
def kind(request: pytest.FixtureRequest) -> Call:
    """Give each kind of function in turn."""
    made: Call = request.param
    return made


def use(healer: Healer, call: Call, *args: Any, **options: Any) -> Any:
    """Run a call of the database, awaited where that is due."""
    if inspect.iscoroutinefunction(call):
        return asyncio.run(healer.run_async("database", call, *args, **options))
    return run(healer.run, "database", call, *args, **options)


# -- recovered ------------------------------------------------------------------------------------


def test_the_component_is_recovered_and_the_call_made_again(
    healer: Healer, database: Database, kind: Call, events: list[Event]
) -> None:
    """Once; the caller gets the answer as if nothing had been."""
    healer.action("database")(database.repair)
    database.up = False

    assert use(healer, kind(database.query), 1, 2) == (1, 2)
    assert (database.calls, database.repairs) == (2, 1)
    assert "recovery_succeeded" in told(events)


def test_a_call_that_works_costs_nothing_and_tells_nothing(
    healer: Healer, database: Database, kind: Call, events: list[Event]
) -> None:
    """It is made once."""
    assert use(healer, kind(database.query), 7) == (7,)
    assert database.calls == 1
    assert events == []
    assert healer.statistics().failures == 0


def test_the_decorator_does_the_same_in_any_order_of_lines(
    system: System, healer: Healer, database: Database, kind: Call
) -> None:
    """With a circuit inside, whose name it takes where it has none of its own."""
    healer.action("database")(database.repair)
    database.up = False
    guarded = system.circuit("database")(system.heal(kind(database.query)))

    assert run(guarded, 1) == (1,)
    assert healer.history("database")[-1].result is Result.SUCCEEDED


def test_passing_trouble_is_tried_again(
    healer: Healer, world: World, database: Database, kind: Call
) -> None:
    """Without any action: network, database and service trouble may be over at once."""
    world.check = lambda component: None

    def flaky() -> str:
        database.calls += 1
        if database.calls < 3:
            raise ConnectionError
        return "answer"

    assert use(healer, kind(flaky)) == "answer"
    (recovery,) = healer.history()
    assert (recovery.result, recovery.strategy) == (Result.SUCCEEDED, "retry")


def test_lasting_trouble_is_not_tried_again(healer: Healer, database: Database, kind: Call) -> None:
    """A `KeyError` is there again at the next attempt; a category of one's own decides."""

    def wrong() -> None:
        database.calls += 1
        raise KeyError("tea")

    with pytest.raises(KeyError):
        use(healer, kind(wrong))
    assert database.calls == 1

    with pytest.raises(KeyError):
        use(healer, kind(wrong), category="network")
    assert database.calls == 4


def test_a_function_with_retries_of_its_own_is_not_tried_again(
    system: System, database: Database
) -> None:
    """Three attempts around three would be nine."""
    database.up = False
    guarded = system.heal("database")(system.retry(attempts=3)(database.query))

    with pytest.raises(ConnectionError):
        guarded()
    assert database.calls == 3


def test_generators_are_healed_up_to_their_first_item(healer: Healer, system: System) -> None:
    """Plain and async ones; from then on a failure is the reader's."""
    healer.action("database")(lambda: None)
    begun: list[str] = []

    @system.heal("database")
    def rows() -> Iterator[int]:
        begun.append("plain")
        if begun.count("plain") == 1:
            raise ConnectionError
        yield 1
        yield 2

    @system.heal("database")
    async def rows_async() -> AsyncIterator[int]:
        begun.append("async")
        if begun.count("async") == 1:
            raise ConnectionError
        yield 3
        raise ConnectionError

    items: list[int] = []

    async def read() -> None:
        async for item in rows_async():
            items.append(item)  # noqa: PERF401 - it raises after the first

    assert list(rows()) == [1, 2]
    with pytest.raises(ConnectionError):
        asyncio.run(read())
    assert items == [3]
    assert begun.count("async") == 2


def test_a_strategy_may_answer_a_generator_with_items_of_its_own(system: System) -> None:
    """Plain and async ones."""
    store = MemoryCheckpoint()
    store.save([7, 8])
    last_known = Restore(store, system=system)

    @system.heal("database", strategy=last_known)
    def rows() -> Iterator[int]:
        raise ConnectionError
        yield

    @system.heal("database", strategy=last_known)
    async def rows_async() -> AsyncIterator[int]:
        raise ConnectionError
        yield

    async def read() -> list[int]:
        return [item async for item in rows_async()]

    assert list(rows()) == [7, 8]
    assert asyncio.run(read()) == [7, 8]


def test_methods_of_all_kinds_are_healed(system: System, healer: Healer) -> None:
    """Bound to what they are called on."""
    healer.action("database")(lambda: None)

    class Orders:
        asked = 0

        @classmethod
        def _fail_first(cls) -> None:
            cls.asked += 1
            if cls.asked % 2:
                raise ConnectionError

        @system.heal("database")
        def own(self) -> object:
            self._fail_first()
            return self

        @classmethod
        @system.heal("database")
        def of_class(cls) -> object:
            cls._fail_first()
            return cls

        @system.heal("database")
        @staticmethod
        def static() -> str:
            Orders._fail_first()
            return "static"

    orders = Orders()
    assert orders.own() is orders
    assert orders.of_class() is Orders
    assert Orders.static() == "static"


# -- not recovered --------------------------------------------------------------------------------


def test_without_a_recovery_the_caller_gets_its_own_error(
    healer: Healer, database: Database, kind: Call
) -> None:
    """The very exception, with the traceback it would have without `@heal`."""
    database.up = database.repair_helps = False
    healer.action("database")(database.repair)
    error = ConnectionError("mine")

    def call() -> None:
        raise error

    with pytest.raises(ConnectionError) as caught:
        use(healer, kind(call))

    assert caught.value is error
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert frames.count("call") == 1
    assert "make" not in frames


def test_an_error_inside_a_recovery_never_replaces_the_callers(
    healer: Healer, database: Database, kind: Call
) -> None:
    """Neither from an action, nor from a strategy of the app's own."""

    class Broken:
        def call(self, fn: Call, *args: Any) -> Any:
            raise ZeroDivisionError

        async def call_async(self, fn: Call, *args: Any) -> Any:
            raise ZeroDivisionError

    healer.action("database")(lambda: 1 / 0)
    healer.configure(HealerSettings(default_strategy=["action", Broken()]))
    database.up = False

    with pytest.raises(ConnectionError, match="no route"):
        use(healer, kind(database.query))


def test_what_the_call_raises_the_second_time_is_its_own_error_too(
    healer: Healer, kind: Call
) -> None:
    """The last one it raised."""
    healer.action("database")(lambda: None)
    errors = [ConnectionError("first"), TimeoutError("second")]

    def call() -> None:
        raise errors[0] if len(errors) == 1 else errors.pop(0)

    healer.configure(HealerSettings(default_strategy="action"))
    with pytest.raises(TimeoutError, match="second"):
        use(healer, kind(call))


@pytest.mark.parametrize("error", [CircuitOpenError("database"), KeyboardInterrupt()])
def test_rejections_and_interruptions_are_no_failures(
    healer: Healer, database: Database, error: BaseException
) -> None:
    """What opened the circuit was healed, or is being healed, already."""
    healer.action("database")(database.repair)

    def call() -> None:
        raise error

    with pytest.raises(type(error)):
        healer.run("database", call)
    assert (database.repairs, healer.statistics().failures) == (0, 0)


def test_on_and_ignore_say_which_errors_are_failures(system: System, database: Database) -> None:
    """As for every other decorator."""
    system.healer.action("database")(database.repair)
    database.up = False

    for options in ({"on": KeyError}, {"ignore": ConnectionError}):
        with pytest.raises(ConnectionError):
            system.heal("database", **options)(database.query)()
    assert database.repairs == 0


def test_inactive_guards_pass_calls_through(system: System, database: Database) -> None:
    """In tests of the app."""
    database.up = False
    guarded = system.heal("database")(database.query)

    with inactive(system), pytest.raises(ConnectionError):
        guarded()
    assert database.calls == 1
    assert system.healer.statistics().failures == 0


# -- waiting --------------------------------------------------------------------------------------


def test_a_caller_waits_for_its_component_only_so_long(database: Database) -> None:
    """Then it gets its own error, and the recovery goes on without it."""
    system = System({"healer": {"default_strategy": "action"}})
    go_on, done = threading.Event(), threading.Event()

    @system.healer.action("database")
    def repair() -> None:
        go_on.wait(30)
        database.up = True
        done.set()

    database.up = False
    with pytest.raises(ConnectionError):
        system.heal("database", max_wait=0.02)(database.query)()
    assert not database.up

    go_on.set()
    assert done.wait(30)


def test_callers_that_fail_together_count_once(database: Database) -> None:
    """A burst at the start of an outage is no row of recoveries that did not help."""
    system = System()
    together = threading.Barrier(8)

    class Hopeless:
        def call(self, fn: Call, *args: Any) -> Any:
            together.wait(30)
            return fn(*args)

        call_async = call

    query = system.heal("database", strategy=Hopeless())(database.query)
    database.up = False

    def ask() -> None:
        with pytest.raises(ConnectionError):
            query()

    callers = [threading.Thread(target=ask) for _ in range(8)]
    for each in callers:
        each.start()
    for each in callers:
        each.join(30)

    assert database.calls == 16
    assert system.degradation.level is Level.NORMAL


def test_a_caller_waits_for_the_turn_of_its_component(database: Database) -> None:
    """Where others are being recovered, its own recovery comes a little later."""
    system = System({"healer": {"max_concurrent_recoveries": 1, "max_wait": 30.0}})
    begun, go_on, waits = threading.Event(), threading.Event(), threading.Event()

    @system.healer.action("cache")
    def clear() -> None:
        begun.set()
        go_on.wait(30)

    @system.on_event
    def hear(event: Event) -> None:
        if (event.type, event.component) == ("failure_detected", "database"):
            waits.set()

    system.healer.action("database")(database.repair)
    query = system.heal("database", strategy="action")(database.query)
    system.healer.failed("cache", "memcached", "is down")
    assert begun.wait(30)
    database.up = False
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(query(7)))
    caller.start()
    assert waits.wait(30)
    caller.join(0.1)
    assert (caller.is_alive(), answers) == (True, [])

    go_on.set()
    caller.join(30)

    assert answers == [(7,)]
    assert database.repairs == 1


def test_who_waits_for_a_turn_goes_on_when_the_component_is_well_by_itself(
    database: Database,
) -> None:
    """Nobody waits for a recovery that will not come."""
    system = System({"healer": {"max_concurrent_recoveries": 1, "max_wait": 30.0}})
    begun, go_on = threading.Event(), threading.Event()

    @system.healer.action("cache")
    def clear() -> None:
        begun.set()
        go_on.wait(30)

    system.healer.action("database")(database.repair)
    system.healer.failed("cache", "memcached", "is down")
    assert begun.wait(30)
    database.up = False
    system.healer.failed("database", "postgres", "is down")
    answers: list[Any] = []
    query = system.heal("database", strategy="action")(database.query)
    caller = threading.Thread(target=lambda: answers.append(query(7)))
    caller.start()
    caller.join(0.1)
    assert caller.is_alive()

    database.up = True
    query(8)
    caller.join(30)
    go_on.set()

    assert (answers, database.repairs) == ([(7,)], 0)


def test_a_caller_waits_no_longer_than_its_deadline(database: Database) -> None:
    """The request's time counts, and is not handed on to the recovery."""
    system = System({"healer": {"default_strategy": "action"}})
    begun, go_on, left = threading.Event(), threading.Event(), []

    @system.healer.action("database")
    def repair() -> None:
        left.append(remaining())
        begun.set()
        go_on.wait(30)
        database.up = True

    database.up = False
    token = deadline.begin(0.02, system.runtime.clock)
    with pytest.raises(ConnectionError):
        system.heal("database", max_wait=60)(database.query)()
    deadline.end(token)
    assert begun.wait(30)
    go_on.set()

    assert left[0] is not None
    assert left[0] > 20


def test_many_callers_share_one_recovery(database: Database) -> None:
    """Each makes its own call again afterwards."""
    system = System()
    all_failed, local, answers = threading.Event(), threading.local(), []

    @system.healer.action("database")
    def repair() -> None:
        all_failed.wait(30)
        database.repair()

    def call(number: int) -> int:
        if not hasattr(local, "failed"):
            local.failed = True
            raise ConnectionError
        return number

    def caller(number: int) -> None:
        answers.append(system.healer.run("database", call, number))

    threads = [threading.Thread(target=caller, args=(number,)) for number in range(7)]
    for thread in threads:
        thread.start()
    while system.healer.statistics().failures < 7:
        threading.Event().wait(0.001)
    all_failed.set()
    for thread in threads:
        thread.join(30)

    assert sorted(answers) == list(range(7))
    assert database.repairs == 1


def test_tasks_wait_without_holding_up_their_loop(database: Database) -> None:
    """Others go on while a recovery goes on in its thread."""
    system = System()

    async def main() -> list[Any]:
        begun, loop = asyncio.Event(), asyncio.get_running_loop()
        go_on = threading.Event()

        @system.healer.action("database")
        def repair() -> None:
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(30)
            database.repair()

        guarded = system.heal("database")(as_coroutine(database.query))
        database.up = False
        tasks = [asyncio.create_task(guarded(number)) for number in range(3)]
        await asyncio.wait_for(begun.wait(), 30)  # the loop is free
        go_on.set()
        return await asyncio.gather(*tasks)

    assert asyncio.run(main()) == [(0,), (1,), (2,)]
    assert database.repairs == 1


def test_a_caller_that_is_cancelled_leaves_the_recovery_alone(database: Database) -> None:
    """It is everybody's."""
    system = System()
    done = threading.Event()

    async def main() -> None:
        begun, loop = asyncio.Event(), asyncio.get_running_loop()
        go_on = threading.Event()

        @system.healer.action("database")
        def repair() -> None:
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(30)
            database.repair()
            done.set()

        database.up = False
        guarded = system.heal("database", max_wait=60)(as_coroutine(database.query))
        task, other = asyncio.create_task(guarded()), asyncio.create_task(guarded(1))
        await begun.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        assert await other == (1,)

    asyncio.run(main())
    assert done.wait(30)
    assert database.up


def test_an_async_action_runs_on_the_loop_of_the_app(database: Database) -> None:
    """Where its clients and pools belong; the caller's task waits for it there."""
    system, loops = System(), []

    @system.healer.action("database")
    async def repair() -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        database.up = True

    async def main() -> tuple[Any, Any]:
        async with system:
            database.up = False
            answer = await system.heal("database")(as_coroutine(database.query))(1)
            return answer, asyncio.get_running_loop()

    answer, loop = asyncio.run(main())

    assert answer == (1,)
    assert loops == [loop]


def test_on_a_manual_clock_no_thread_has_to_be_waited_for(
    system: System, healer: Healer, database: Database
) -> None:
    """The caller does what is left for the background, also on an event loop."""
    healer.action("database")(database.repair)
    database.up = False

    assert asyncio.run(healer.run_async("database", as_coroutine(database.query), 1)) == (1,)


def test_a_task_of_trio_is_healed_too(healer: Healer, database: Database) -> None:
    """It waits for the recovery on its own loop."""
    trio = pytest.importorskip("trio", reason="trio is not installed")
    healer.configure(HealerSettings(default_strategy="action"))
    healer.action("database")(database.repair)
    database.up = False

    async def ask() -> Any:
        return await healer.run_async("database", as_coroutine(database.query), 7)

    assert trio.run(ask) == (7,)
    assert (database.calls, database.repairs) == (2, 1)


def test_a_recovery_has_a_context_of_its_own(healer: Healer, database: Database) -> None:
    """Also where the caller does it: the deadline of one request is not that of all."""
    left: list[float | None] = []

    @healer.action("database")
    def repair() -> None:
        left.append(remaining())
        database.up = True

    database.up = False
    token = deadline.begin(1.0, healer._means.runtime.clock)
    healer.run("database", database.query)
    deadline.end(token)

    assert left == [30.0]


# -- what answers by itself -----------------------------------------------------------------------


def test_an_action_may_run_where_the_call_failed(
    healer: Healer, database: Database, kind: Call
) -> None:
    """For what belongs to the thread, such as Django's connections."""
    threads = []

    def reconnect() -> None:
        threads.append(threading.current_thread())
        database.up = True

    healer.action("database", in_caller=True, on=ConnectionError)(reconnect)
    database.up = False

    assert use(healer, kind(database.query), 1) == (1,)
    assert threads == [threading.current_thread()]


def test_what_such_an_action_does_for_nothing_is_not_followed_by_a_call(
    healer: Healer, database: Database, kind: Call
) -> None:
    """It failed, or measured that it changed nothing."""
    database.up = False
    healer.configure(HealerSettings(default_strategy="action"))
    healer.action("database", in_caller=True, measure=lambda: 0, name="useless")(lambda: None)
    healer.action("database", in_caller=True, name="broken")(lambda: 1 / 0)

    with pytest.raises(ConnectionError):
        use(healer, kind(database.query))
    assert database.calls == 1


def test_a_restore_of_the_map_answers_the_caller(
    system: System, world: World, healer: Healer, database: Database, kind: Call
) -> None:
    """The state is put back where the call failed, and the call made again."""
    world.check = lambda component: None
    store = MemoryCheckpoint()
    store.save(True)
    restore = Restore(store, put_back=lambda up: setattr(database, "up", up), system=system)
    healer.configure(HealerSettings(strategy_map={"network": restore}))
    database.up = False

    assert use(healer, kind(database.query), 3) == (3,)
    assert healer.history()[-1].strategy == "restore"


def test_a_restore_also_recovers_what_others_found_failed(
    system: System, healer: Healer, database: Database
) -> None:
    """In the background, verified by the health check."""
    store = MemoryCheckpoint()
    store.save(True)
    restore = Restore(store, put_back=lambda up: setattr(database, "up", up), system=system)
    healer.configure(HealerSettings(strategy_map={"network": restore}))
    database.up = False

    healer.failed("database", "postgres", ConnectionError())
    system.tick()

    assert database.up
    assert healer.history()[-1].result is Result.SUCCEEDED


def test_an_answer_of_another_source_is_no_recovery(
    system: System, world: World, healer: Healer, database: Database, kind: Call
) -> None:
    """The caller has its answer; the component is as it was."""
    world.check = lambda component: None
    store = MemoryCheckpoint()
    store.save("yesterday's")
    healer.configure(HealerSettings(default_strategy=Restore(store, system=system)))
    database.up = False

    assert use(healer, kind(database.query)) == "yesterday's"
    assert healer.history()[-1].result is Result.ANSWERED
    assert healer.statistics().success_rate is None
    assert healer.statistics().open == ("database",)


def test_the_map_chooses_by_category(
    system: System, healer: Healer, database: Database, kind: Call
) -> None:
    """What the exception is, or what the caller says it is."""
    retry = Retry(2, on=Exception, initial_delay=0, system=system)
    healer.configure(HealerSettings(default_strategy="action", strategy_map={"service": retry}))
    database.up = False

    for options, calls in (({}, 1), ({"category": "service"}, 2)):
        database.calls = 0
        with pytest.raises(ConnectionError):
            use(healer, kind(database.query), **options)
        assert database.calls == calls


def test_an_escalation_of_the_map_tells_at_once(
    system: System, healer: Healer, database: Database, kind: Call, clock: ManualClock
) -> None:
    """And where somebody has to act nothing more is recovered until that is done."""
    texts: list[str] = []
    escalation = Escalation(
        "high",
        ["slack"],
        requires_manual_intervention=True,
        handlers={"slack": lambda text, context: texts.append(text)},
        system=system,
    )
    healer.configure(HealerSettings(default_strategy=[escalation, "action"]))
    healer.action("database", cool_down=0, limit=100)(database.repair)
    database.up = False

    for _ in range(2):
        with pytest.raises(ConnectionError):
            use(healer, kind(database.query))
    system.tick()
    assert len(texts) == 1
    assert texts[0].startswith("[high] database: ConnectionError: no route to ()")
    assert database.repairs == 0

    healer.resume("database")
    clock.advance(6)
    system.tick()
    assert database.repairs == 1


def test_a_success_of_the_next_call_shows_that_it_is_well(
    healer: Healer, world: World, database: Database, kind: Call, events: list[Event]
) -> None:
    """Where no check can: the recovery was not proved before."""
    world.check = lambda component: None
    healer.action("database")(lambda: None)
    healer.failed("database", "postgres", ConnectionError())
    world.catch_up()
    assert told(events) == ["failure_detected", "recovery_started"]

    assert use(healer, kind(database.query), 1) == (1,)

    assert told(events)[-1] == "recovery_succeeded"
    assert events[-1].data["verified_by"] == "call"
    assert healer.statistics().open == ()


def test_a_call_that_fails_again_shows_that_it_did_not_help(
    healer: Healer, world: World, database: Database, kind: Call, events: list[Event]
) -> None:
    """One failure, one recovery: waiting for the component's is none of the caller's own."""
    world.check = lambda component: None
    healer.configure(HealerSettings(default_strategy="action"))
    healer.action("database", name="useless")(lambda: None)
    database.up = False

    with pytest.raises(ConnectionError):
        use(healer, kind(database.query))

    assert told(events) == ["failure_detected", "recovery_started", "recovery_failed"]
    assert events[-1].data["reason"] == "action 'useless': done; the call failed again"
    assert healer.statistics().recoveries == 1


def test_one_failure_that_is_recovered_is_one_recovery(
    healer: Healer, database: Database, kind: Call, events: list[Event]
) -> None:
    """Verified by the health check; that the call then returned is its own affair."""
    healer.action("database")(database.repair)
    database.up = False
    use(healer, kind(database.query))

    assert told(events) == ["failure_detected", "recovery_started", "recovery_succeeded"]
    assert (healer.statistics().recoveries, len(healer.history())) == (1, 1)


def test_what_the_call_says_the_second_time_goes_to_the_caller(
    healer: Healer, world: World, database: Database, kind: Call
) -> None:
    """An answer such as `abort(404)` is no failure; a rejection says nothing new."""
    world.check = lambda component: None
    outcomes: list[Exception] = []

    def call() -> None:
        raise outcomes.pop(0)

    outcomes[:] = [ConnectionError("mine"), NotFound()]
    with pytest.raises(NotFound):
        use(healer, kind(call))
    assert outcomes == []
    assert healer.statistics().open == ()

    outcomes[:] = [ConnectionError("mine"), CircuitOpenError("database"), KeyError()]
    with pytest.raises(ConnectionError, match="mine"):
        use(healer, kind(call))
    assert len(outcomes) == 1


def test_a_mistake_in_the_healer_itself_is_not_the_callers(
    healer: Healer, database: Database, kind: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged, and the caller gets its own error."""
    database.up = False
    monkeypatch.setattr(healer.recoveries, "note", lambda *_: 1 / 0)

    with pytest.raises(ConnectionError, match="no route"):
        use(healer, kind(database.query))


def test_functions_with_long_names_are_healed_too(healer: Healer, database: Database) -> None:
    """A failure's name is cut where names have to end."""
    database.query.__func__.__qualname__ = "q" * 300  # type: ignore[attr-defined]
    healer.action("database")(database.repair)
    database.up = False
    try:
        assert healer.run("database", database.query, 1) == (1,)
    finally:
        database.query.__func__.__qualname__ = "Database.query"  # type: ignore[attr-defined]


def test_a_caller_that_helped_itself_is_no_proof_where_there_is_a_check(
    system: System, healer: Healer, world: World
) -> None:
    """Its retry got through; the component is still down, its check says."""
    world.check = lambda component: False
    healer.failed("database", "postgres", ConnectionError())
    world.catch_up()
    outcomes = [ConnectionError(), None]

    def call() -> str:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return "rows"

    assert healer.run("database", call) == "rows"
    assert healer.statistics().open == ("database",)


def test_a_success_is_no_proof_where_there_is_a_check(
    healer: Healer, database: Database, world: World, kind: Call
) -> None:
    """Reads may go through while writes fail."""
    database.up = False
    world.check = lambda component: False
    with pytest.raises(ConnectionError):
        use(healer, kind(database.query))
    healer.failed("database", "writes", ConnectionError())
    world.catch_up()

    database.up = True
    use(healer, kind(database.query))

    assert healer.statistics().open == ("database",)


# -- words ----------------------------------------------------------------------------------------


def test_bare_use_takes_the_functions_name(system: System) -> None:
    """Or its circuit's."""

    @system.heal
    def alone() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        alone()

    assert [name.rpartition(".")[2] for name in system.healer.statistics().open] == ["alone"]


def test_explain_shows_what_is_in_force(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    """Each number with where it comes from."""
    system.configure({"healer": {"max_wait": 2}})

    @system.heal("payments", category="network", severity="high")
    def charge() -> None:
        """Charge."""

    @system.heal("payments", strategy="retry", max_wait=1)
    def refund() -> None:
        """Refund."""

    lines = explain(charge).splitlines()
    assert [line.strip() for line in lines[1:-1]] == [
        "→ heal 'payments'",
        "category = 'network'  (decorator)",
        "severity = 'high'  (decorator)",
        "on = Exception  (default)",
        "ignore = ()  (default)",
        "strategy = action, retry  (healer)",
        "max_wait = 2.0  (healer)",
    ]
    assert "max_wait = 1.0  (decorator)" in explain(refund)
    assert "strategy = retry  (decorator)" in explain(refund)


@pytest.mark.parametrize("error", [None, 503, ["down"], ConnectionError])
def test_a_failure_is_an_exception_or_words(healer: Healer, error: Any) -> None:
    """Anything else says nothing that could be told."""
    with pytest.raises(ConfigurationError, match="give an exception, or words"):
        healer.failed("database", "postgres", error)
    assert healer.statistics().failures == 0


def test_what_cannot_be_is_refused_on_its_own_line(system: System) -> None:
    """By name, with what is allowed or was meant."""
    wrong: Any
    for wrong, message in (
        ({"category": "netwrok"}, "unknown category 'netwrok'; did you mean 'network'"),
        ({"severity": "fatal"}, "severity='fatal': give one of low, medium, high, critical"),
        ({"strategy": "rety"}, "unknown strategy 'rety'; did you mean 'retry'"),
        ({"strategy": "restore"}, "'restore' needs a checkpoint: give a Restore"),
        ({"strategy": 3}, "strategy=3: give action, retry"),
        ({"strategy": []}, "give at least one strategy"),
        ({"strategy": Retry}, "or another object with call and call_async"),
        ({"max_wait": -1}, "max_wait=-1: give a number >= 0"),
        ({"on": "all"}, "on='all': give an exception type"),
        ({"component": 3}, "component=3: give a printable text"),
    ):
        given = {"component": "database", **wrong}
        with pytest.raises(ConfigurationError, match=message):
            system.heal(given.pop("component"), **given)
    with pytest.raises(UnknownSettingError, match="did you mean 'category'"):
        system.heal("database", catgory="network")  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match="unknown category 'x'"):
        system.healer.run("database", print, category="x")
    with pytest.raises(ConfigurationError, match="severity='x'"):
        system.healer.failed("database", "postgres", "is down", "x")
    with pytest.raises(DecorationError):
        system.heal(system.heal(lambda: None))
    with pytest.raises(DecorationError):
        system.heal(type("Class", (), {}))
