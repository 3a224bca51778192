"""The engine: on a manual clock only `tick` moves it; on the machine's a thread does."""

import asyncio
import gc
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resilience.clock import SystemClock
from resilience.core import engine as engine_module
from resilience.core import threads
from resilience.core.engine import Engine
from resilience.testing import ManualClock

LIMIT = 30.0  # seconds; what should happen at once is waited for no longer
OFTEN = 0.01  # seconds between the starts of a duty

_ends_a_thread = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


class Stage:
    """Things that hang until the test is over, and things to wait for."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def hang(self) -> None:
        """Hang."""
        self.over.wait()


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Give things that hang."""
    stage = Stage()
    yield stage
    stage.over.set()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what should be quick be left behind sooner."""
    monkeypatch.setattr(threads, "PATIENCE", 0.05)


@pytest.fixture
def engine(stage: Stage, impatient: None) -> Iterator[Engine]:
    """Give an engine on the machine's clock, which runs as soon as the test says so."""
    engine = Engine(SystemClock(), random.Random(7))
    yield engine
    stage.over.set()
    engine.stop(LIMIT)


@pytest.fixture
def still(clock: ManualClock) -> Engine:
    """Give an engine on the manual clock."""
    return Engine(clock, random.Random(7))


def happens(event: threading.Event) -> bool:
    """Wait for something that should happen at once."""
    return event.wait(LIMIT)


def counted(times: int) -> tuple[Callable[[], None], threading.Event]:
    """Return an act, and what is set when it was done so often."""
    done = threading.Event()
    seen: list[Any] = []

    def act() -> None:
        seen.append(None)
        if len(seen) == times:
            done.set()

    return act, done


def named(name: str) -> list[threading.Thread]:
    """Return the threads of that name."""
    return [thread for thread in threading.enumerate() if thread.name == name]


class TestOnAManualClock:
    """Nothing happens by itself."""

    def test_a_tick_does_what_is_due(self, still: Engine, clock: ManualClock) -> None:
        """At the clock's time, in the calling thread."""
        done: list[Any] = []
        still.every(10, lambda: done.append(threading.get_ident()), name="it", jitter=0)

        still.tick()
        clock.advance(9.9)
        still.tick()
        assert len(done) == 1
        clock.advance(0.1)
        still.tick()

        assert done == [threading.get_ident()] * 2

    def test_neither_requests_nor_start_make_it_run(self, still: Engine) -> None:
        """Its time does not pass: there is nothing to wait for."""
        still.every(1, pytest.fail, name="it", first=1)

        async def main() -> None:
            still.start()
            assert still.running is None
            task = asyncio.create_task(still.run())
            await asyncio.sleep(0)
            assert still.running == "task"
            await still.stop_async()
            await task

        still.every(1, pytest.fail, name="due")
        still.ensure()
        still.start()
        asyncio.run(main())

        assert (still.running, still.behind) == (None, 0.0)

    def test_an_async_duty_is_awaited(self, still: Engine) -> None:
        """With a loop of its own, whether or not one runs."""
        done = []

        async def act() -> None:
            await asyncio.sleep(0)
            done.append("awaited")

        async def main() -> None:
            still.tick()

        still.every(1, act, name="it").soon()
        still.tick()
        next(iter(still.schedule)).soon()
        asyncio.run(main())

        assert done == ["awaited", "awaited"]

    @pytest.mark.parametrize("inside", [False, True])
    def test_a_failure_is_logged_once_until_it_works_again(
        self, still: Engine, caplog: pytest.LogCaptureFixture, inside: bool
    ) -> None:
        """And costs the other duties nothing; sync or async, in a loop or not."""
        outcomes: list[Any] = [OSError("1"), OSError("2"), None, OSError("3")]
        others: list[Any] = []

        async def act() -> None:
            if (outcome := outcomes.pop(0)) is not None:
                raise outcome

        async def tick() -> None:
            still.tick()

        duty = still.every(1, act, name="flaky check")
        other = still.every(1, lambda: others.append(None), name="other")
        for _ in range(4):
            duty.soon()
            other.soon()
            asyncio.run(tick()) if inside else still.tick()

        said = [record.exc_info[1] for record in caplog.records if record.exc_info]
        assert [str(error) for error in said] == ["1", "3"]
        assert {record.name for record in caplog.records} == {"resilience"}
        assert caplog.text.count("flaky check failed") == 2
        assert len(others) == 4

    def test_stop_calls_what_was_asked_for_last_first(self, still: Engine) -> None:
        """As at the exit of a program: what came later may need what came before."""
        said: list[str] = []

        async def third() -> None:
            said.append("third")

        still.at_stop(lambda: said.append("first"))
        still.at_stop(lambda: said.append("second"))
        still.at_stop(third)
        still.stop()

        assert said == ["third", "second", "first"]

    def test_one_that_fails_at_stop_is_logged(
        self, still: Engine, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The others are called all the same."""
        said = []

        def fail() -> None:
            raise OSError("disk full")

        still.at_stop(lambda: said.append("drained"))
        still.at_stop(fail)
        still.stop()

        assert said == ["drained"]
        assert "disk full" in caplog.text


class TestAsAThread:
    """As under WSGI."""

    def test_it_does_duties_again_and_again(self, engine: Engine) -> None:
        """Once begun; plain ones beside the thread that keeps the time."""
        quick, quick_done = counted(3)
        slow, slow_done = counted(3)
        engine.every(OFTEN, quick, name="quick")
        engine.every(OFTEN, slow, name="slow", blocking=True)
        assert engine.running is None

        engine.ensure()

        assert engine.running == "thread"
        assert happens(quick_done)
        assert happens(slow_done)

    def test_many_requests_at_once_begin_one(self, engine: Engine) -> None:
        """Whichever comes first."""
        before, barrier = len(named("resilience-engine")), threading.Barrier(16)

        def request() -> None:
            barrier.wait(LIMIT)
            engine.ensure()

        requests = [threading.Thread(target=request) for _ in range(16)]
        for each in requests:
            each.start()
        for each in requests:
            each.join(LIMIT)

        assert len(named("resilience-engine")) == before + 1

    @pytest.mark.parametrize("blocking", [False, True])
    def test_a_duty_that_hangs_costs_nothing_else(
        self, engine: Engine, stage: Stage, blocking: bool
    ) -> None:
        """Not even one that promised to be quick; it is not begun a second time."""
        hung: list[Any] = []
        others = [counted(5), counted(5)]

        def hang() -> None:
            hung.append(None)
            stage.hang()

        engine.every(OFTEN, others[0][0], name="before")
        engine.every(OFTEN, hang, name="hanging", blocking=blocking)
        engine.every(OFTEN, others[1][0], name="after")
        engine.ensure()

        assert all(happens(done) for _, done in others)
        assert len(hung) == 1
        assert engine.behind < LIMIT

    def test_two_that_hang_one_after_the_other_cost_nothing_else(
        self, engine: Engine, stage: Stage
    ) -> None:
        """Each is left behind."""
        other, done = counted(5)
        engine.every(OFTEN, stage.hang, name="first")
        engine.every(OFTEN, stage.hang, name="second")
        engine.every(OFTEN, other, name="other")
        engine.ensure()

        assert happens(done)

    @pytest.mark.parametrize("blocking", [False, True])
    @pytest.mark.parametrize("error", [OSError, SystemExit, asyncio.CancelledError])
    def test_a_duty_that_fails_costs_nothing_else(
        self,
        engine: Engine,
        caplog: pytest.LogCaptureFixture,
        blocking: bool,
        error: type[BaseException],
    ) -> None:
        """Whatever it raises; it goes on, and is logged once."""
        failed, tried = counted(3)
        other, done = counted(3)

        def fail() -> None:
            failed()
            raise error("it")

        engine.every(OFTEN, fail, name="failing", blocking=blocking)
        engine.every(OFTEN, other, name="other")
        engine.ensure()

        assert happens(tried)
        assert happens(done)
        assert caplog.text.count("failing failed") == 1

    def test_async_duties_share_one_loop(self, engine: Engine) -> None:
        """So connections that one opens, the next may use; it is not a request's thread."""
        seen, done = [], threading.Event()

        async def act() -> None:
            await asyncio.sleep(0)
            seen.append((asyncio.get_running_loop(), threading.current_thread().name))
            if len(seen) == 3:
                done.set()

        engine.every(OFTEN, act, name="async")
        engine.every(OFTEN, act, name="async that says it waits", blocking=True)
        engine.ensure()

        assert happens(done)
        assert {name for _, name in seen} == {"resilience-loop"}
        assert len({loop for loop, _ in seen}) == 1

    @_ends_a_thread
    def test_a_dead_thread_comes_back_at_the_next_request(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever ended it."""
        first, alive = counted(1)
        engine.every(OFTEN, first, name="it")
        engine.ensure()
        assert happens(alive)
        [thread] = [each for each in named("resilience-engine") if each is _thread_of(engine)]
        with monkeypatch.context() as patched:
            patched.setattr(engine.schedule, "take_due", _end_thread)
            thread.join(LIMIT)
        assert engine.running is None
        again, back = counted(1)
        engine.every(OFTEN, again, name="again")

        engine.ensure()

        assert engine.running == "thread"
        assert happens(back)

    def test_a_machine_without_a_thread_to_give_costs_no_request(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It is said once; as soon as there is one again, it runs."""
        act, done = counted(1)
        engine.every(OFTEN, act, name="it")
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", _no_thread)
            engine.ensure()
            engine.ensure()
            engine.spawn(pytest.fail, "errand")
        assert engine.running is None
        assert caplog.text.count("the background engine does not run: can't start") == 1
        assert caplog.text.count("not done: can't start") == 1

        engine.ensure()

        assert happens(done)

    def test_duties_wait_for_a_thread(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Those that cannot begin now are tried again."""
        refused = threading.Event()
        start = threading.Thread.start

        def no_worker(thread: threading.Thread) -> None:
            if thread.name == "resilience-engine":
                start(thread)
            else:
                refused.set()
                _no_thread(thread)

        act, done = counted(1)
        slow, slow_done = counted(1)
        engine.every(OFTEN, act, name="it")
        engine.every(OFTEN, slow, name="slow", blocking=True)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", no_worker)
            engine.ensure()
            assert happens(refused)

        assert happens(done)
        assert happens(slow_done)

    def test_after_stop_requests_do_not_bring_it_back(self, engine: Engine) -> None:
        """Those that are under way while the app leaves; `start` does."""
        act, done = counted(1)
        engine.every(OFTEN, act, name="it")
        engine.ensure()
        assert happens(done)
        thread = _thread_of(engine)

        engine.stop()
        engine.ensure()

        assert engine.running is None
        assert not thread.is_alive()
        engine.start()
        assert engine.running == "thread"

    def test_stop_waits_for_what_is_under_way(self, engine: Engine) -> None:
        """A duty is not cut off in the middle, nor an errand; then the farewells."""
        began, go_on = threading.Event(), threading.Event()
        said = []

        def slow() -> None:
            began.set()
            assert happens(go_on)
            said.append("duty")

        async def errand() -> None:
            await asyncio.sleep(0)
            said.append("errand")

        def farewell() -> None:
            said.append("farewell")
            engine.spawn(errand, "errand")

        engine.every(60, slow, name="slow", blocking=True)
        engine.at_stop(farewell)
        engine.ensure()
        assert happens(began)
        stopping = threading.Thread(target=engine.stop, args=(LIMIT,))
        stopping.start()
        assert _comes_true(lambda: engine.running is None)
        go_on.set()
        stopping.join(LIMIT)

        assert said == ["duty", "farewell", "errand"]

    def test_stop_does_not_wait_for_ever(self, engine: Engine, stage: Stage) -> None:
        """For a duty that hangs, nor for a farewell that does; the others are said."""
        hanging = threading.Event()
        said = []

        def hang() -> None:
            hanging.set()
            stage.hang()

        async def hang_async() -> None:
            await asyncio.Event().wait()

        engine.every(60, hang, name="hanging", blocking=True)
        engine.every(60, hang_async, name="hanging async")
        engine.at_stop(lambda: said.append("drained"))
        engine.at_stop(stage.hang)
        engine.ensure()
        assert happens(hanging)

        engine.stop(0.5)

        assert said == ["drained"]

    def test_an_engine_that_never_ran_stops_at_once(self, still: Engine) -> None:
        """Twice is no harm."""
        still.stop()
        still.stop()

        assert still.running is None

    @_ends_a_thread
    def test_a_driver_that_cannot_keep_up_says_by_how_much(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """For whoever watches over the background work itself."""
        engine.every(60, lambda: None, name="it", first=0.01)
        assert engine.behind == 0.0
        with monkeypatch.context() as patched:
            patched.setattr(engine.schedule, "take_due", _end_thread)
            engine.ensure()
            _thread_of(engine).join(LIMIT)

        assert _comes_true(lambda: engine.behind > 0.0)


class TestErrands:
    """What is done once."""

    def test_an_errand_runs_off_the_callers_thread(self, engine: Engine) -> None:
        """Whether or not the engine runs."""
        seen, done = [], threading.Event()

        def act() -> None:
            seen.append(threading.current_thread())
            done.set()

        engine.spawn(act, "errand")

        assert happens(done)
        assert seen[0] is not threading.current_thread()
        assert engine.running is None

    def test_what_an_errand_returns_is_awaited(self, engine: Engine) -> None:
        """On the loop that async duties have."""
        seen, done = [], threading.Event()

        async def act() -> None:
            await asyncio.sleep(0)
            seen.append(threading.current_thread().name)
            done.set()

        engine.spawn(act, "errand")

        assert happens(done)
        assert seen == ["resilience-loop"]

    @pytest.mark.parametrize("is_async", [False, True])
    def test_an_errand_that_fails_is_logged(
        self, engine: Engine, caplog: pytest.LogCaptureFixture, is_async: bool
    ) -> None:
        """By its name, with the error."""

        def fail() -> None:
            raise OSError("the errand's own")

        async def fail_async() -> None:
            fail()

        with caplog.at_level(logging.ERROR, "resilience"):
            engine.spawn(fail_async if is_async else fail, "sending mail")
            engine.stop(LIMIT)

        assert "sending mail failed" in caplog.text
        assert "the errand's own" in caplog.text

    def test_of_one_name_so_many_run_at_once_and_the_others_wait(
        self, engine: Engine, stage: Stage
    ) -> None:
        """Whatever storm of events asks for them."""
        full, last = threading.Event(), threading.Event()
        running: list[Any] = []

        def hang() -> None:
            running.append(None)
            if len(running) == threads.MOST:
                full.set()
            stage.hang()

        for _ in range(threads.MOST):
            engine.spawn(hang, "hanging")
        engine.spawn(last.set, "hanging")
        assert happens(full)
        assert not last.is_set()

        stage.over.set()

        assert happens(last)

    def test_errands_that_hang_cost_nothing_else(self, engine: Engine, stage: Stage) -> None:
        """Neither those of another name, nor duties."""
        for _ in range(2 * threads.MOST):
            engine.spawn(stage.hang, "hanging")
        other = threading.Event()
        act, done = counted(3)
        engine.every(OFTEN, act, name="it", blocking=True)

        engine.spawn(other.set, "other")
        engine.ensure()

        assert happens(other)
        assert happens(done)

    def test_beyond_what_may_wait_they_are_not_done(
        self, engine: Engine, stage: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Which is said; memory is not filled."""
        for _ in range(threads.MOST + threads.BACKLOG + 2):
            engine.spawn(stage.hang, "hanging")

        assert caplog.text.count("not done: hanging: 1000 of them wait already") == 2

    def test_what_is_waited_for_is_settled_on_the_loop_of_duties(self, engine: Engine) -> None:
        """Its outcome is the caller's; plain values are there already."""
        loops = []

        async def answer() -> int:
            await asyncio.sleep(0)
            loops.append(asyncio.get_running_loop())
            return 42

        async def fail() -> None:
            raise LookupError("its own")

        assert [engine.settle(answer()), engine.settle(answer()), engine.settle(41)] == [42, 42, 41]
        assert loops[0] is loops[1]
        with pytest.raises(LookupError, match="its own"):
            engine.settle(fail())

    def test_what_is_not_settled_in_time_is_cancelled(self, engine: Engine) -> None:
        """And the caller told."""
        ended = threading.Event()

        async def hang() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        with pytest.raises(TimeoutError):
            engine.settle(hang(), 0.01)

        assert happens(ended)

    def test_on_a_manual_clock_what_is_put_aside_waits_for_the_tick(self, still: Engine) -> None:
        """In the ticking thread; sync or async, failures are logged."""
        done: list[Any] = []

        async def act() -> None:
            done.append("async")

        still.aside(lambda: done.append(threading.get_ident()), "errand")
        still.aside(act, "errand")
        assert done == []
        still.tick()

        assert done == [threading.get_ident(), "async"]


def test_an_engine_that_nobody_has_is_collected(clock: ManualClock) -> None:
    """The list of all engines does not keep one alive."""
    before = len(engine_module._engines)
    made = Engine(clock, random.Random(7))
    made.every(1, lambda: None, name="it")
    del made

    gc.collect()

    assert len(engine_module._engines) <= before


def _comes_true(is_true: Callable[[], bool]) -> bool:
    until = time.monotonic() + LIMIT
    while not (true := is_true()) and time.monotonic() < until:
        pass
    return true


def _thread_of(engine: Engine) -> threading.Thread:
    driver: Any = engine._driver
    thread: threading.Thread = driver._thread
    return thread


def _end_thread(now: float) -> Any:
    raise SystemExit  # ends a thread without a word


def _no_thread(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
