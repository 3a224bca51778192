"""Sync time limits: threads that go on, queues, contexts, nesting, generators."""

import asyncio
import contextvars
import functools
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from typing import Any

import pytest

from resilience import DeadlineExceededError, System
from resilience.core import deadline
from resilience.limits.handover import take_over
from resilience.testing import ManualClock
from tests.limits.conftest import Blocked

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def test_arguments_results_and_errors_pass(system: System) -> None:
    """In time, the call is as it was; an error keeps the place it was raised at."""
    own = TimeoutError("its own")

    @system.timeout(5)
    def call(*args: int, fail: bool = False, **kwargs: int) -> Any:
        if fail:
            raise own
        return args, kwargs

    assert call(1, 2, three=3) == ((1, 2), {"three": 3})
    with pytest.raises(TimeoutError) as error:
        call(fail=True)
    assert error.value is own
    assert error.traceback[-1].name == "call"


def test_it_runs_in_its_callers_context(system: System) -> None:
    """Context variables are those of the caller, with the deadline; the caller's stay as set."""

    @system.timeout(5)
    def call() -> tuple[str, float | None, str]:
        before = variable.get()
        variable.set("inside")
        return before, deadline.remaining(), threading.current_thread().name

    variable.set("outside")
    assert call() == ("outside", 5.0, "resilience-timed")
    assert (variable.get(), deadline.remaining()) == ("outside", None)


def test_the_caller_goes_on_in_time_while_the_thread_works(real: System, blocked: Blocked) -> None:
    """On the machine's clock: the error comes, and the call ends later, by itself."""
    guarded = real.timeout(0.02, name="blocked")(blocked)

    with pytest.raises(DeadlineExceededError, match=r"'blocked' was not done within 0.02 s"):
        guarded()

    assert not blocked.ended.acquire(blocking=False)
    blocked.release.set()
    assert blocked.ended.acquire(timeout=10)


def test_a_clock_moved_by_hand_is_enough(
    system: System, clock: ManualClock, blocked: Blocked, in_thread: Callable[..., Any]
) -> None:
    """The system's clock says when time is up; the timer only asks it."""
    caller = in_thread(system.timeout(3600)(blocked))
    assert blocked.begun.acquire(timeout=10)

    clock.advance(3600)

    with pytest.raises(DeadlineExceededError):
        caller.result()


def test_what_comes_too_late_is_too_late(system: System, clock: ManualClock) -> None:
    """The clock says so, whoever was first to notice."""

    @system.timeout(1.0)
    def late() -> str:
        clock.advance(1.0)
        return "late"

    with pytest.raises(DeadlineExceededError):
        late()


def test_a_late_coroutine_is_closed(system: System, clock: ManualClock) -> None:
    """What nobody will await does not warn of it."""
    made: list[Any] = []

    async def inside() -> None:
        """Never run."""

    @system.timeout(1.0)
    def late() -> Any:
        clock.advance(1.0)
        made.append(inside())
        return made[0]

    with pytest.raises(DeadlineExceededError):
        late()
    assert made[0].cr_frame is None


def test_a_coroutine_that_nobody_waits_for_any_longer_is_closed(
    real: System, blocked: Blocked
) -> None:
    """The thread returns it after its caller has gone: it is not left unawaited."""
    made: list[Any] = []
    ended = threading.Semaphore(0)

    async def inside() -> None:
        """Never run."""

    @real.timeout(0.02)
    def late() -> Any:
        blocked()
        made.append(inside())
        return made[0]

    with pytest.raises(DeadlineExceededError) as raised:
        late()
    work = take_over(raised.value)
    assert work is not None
    work.on_end(ended.release)
    blocked.release.set()
    assert ended.acquire(timeout=10)
    while made[0].cr_frame is not None:
        ended.acquire(timeout=0.001)


def test_work_that_has_ended_says_so_at_once(system: System) -> None:
    """Whoever asks in the moment it ends still hears of it, once."""
    told: list[str] = []
    job = system.timeouts.workers.submit(lambda: "done")
    assert job.ready.acquire(timeout=10)

    job.on_end(lambda: told.append("ended"))

    allowance, entry = system.timeouts.limit("it", 5.0).begin(5.0)
    deadline.end(entry)
    assert (told, job.answer(allowance)) == (["ended"], "done")


def test_threads_are_reused(system: System) -> None:
    """A hundred calls one after another are made by one thread."""
    call = system.timeout(5)(threading.get_ident)

    assert len({call() for _ in range(100)}) == 1


def test_no_error_of_ours_reaches_a_later_call_on_the_thread(
    few: System, clock: ManualClock, blocked: Blocked, in_thread: Callable[..., Any]
) -> None:
    """The thread that worked too long finishes, then does innocent work undisturbed."""
    guarded: Any = few.timeout(1.0)(lambda call: (call(), threading.get_ident())[1])
    late = in_thread(lambda: guarded(blocked))
    assert blocked.begun.acquire(timeout=10)
    clock.advance(1.0)
    with pytest.raises(DeadlineExceededError):
        late.result()
    blocked.release.set()
    assert blocked.ended.acquire(timeout=10)

    assert len([guarded(lambda: None) for _ in range(50)]) == 50


def test_what_waits_in_the_queue_never_starts(
    few: System, clock: ManualClock, blocked: Blocked, in_thread: Callable[..., Any]
) -> None:
    """Both threads are busy: the third call's time passes in the queue, and it is not made."""
    calls: list[str] = []
    patient = few.timeout(100.0)(blocked)
    busy = [in_thread(patient), in_thread(patient)]
    for _ in busy:
        assert blocked.begun.acquire(timeout=10)
    third = in_thread(few.timeout(1.0, name="third")(lambda: calls.append("third")))
    while not few.timeouts.workers.queued:
        third.join(0.001)
    clock.advance(1.0)

    with pytest.raises(DeadlineExceededError, match="'third' was not started within 1 s: all 2"):
        third.result()
    blocked.release.set()

    assert [each.result() for each in busy] == ["done", "done"]
    assert few.timeout(5.0)(lambda: "next")() == "next"
    assert calls == []


def test_at_most_so_many_work_at_once(few: System, in_thread: Callable[..., Any]) -> None:
    """Twenty callers, two threads: never more than two at work, and all are served."""
    now, most, lock = 0, 0, threading.Lock()

    @few.timeout(60.0)
    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        threading.Event().wait(0.001)
        with lock:
            now -= 1

    for caller in [in_thread(work) for _ in range(20)]:
        caller.result()

    assert most == 2
    assert few.timeouts.workers.working == 0


def test_more_threads_serve_those_that_wait(
    few: System, blocked: Blocked, in_thread: Callable[..., Any]
) -> None:
    """Also while all there are work; fewer hold once those that work have ended."""
    callers = [in_thread(few.timeout(60.0)(blocked)) for _ in range(4)]
    for _ in range(2):
        assert blocked.begun.acquire(timeout=10)
    while few.timeouts.workers.queued < 2:
        callers[-1].join(0.001)

    few.timeouts.workers.resize(4)
    for _ in range(2):
        assert blocked.begun.acquire(timeout=10)
    few.timeouts.workers.resize(1)
    late = in_thread(few.timeout(60.0)(blocked))
    while not few.timeouts.workers.queued:
        late.join(0.001)

    assert few.timeouts.workers.working == 4
    blocked.release.set()
    assert [each.result() for each in (*callers, late)] == ["done"] * 5


def test_timed_calls_nest_without_deadlock(few: System, in_thread: Callable[..., Any]) -> None:
    """Deeper than there are threads, from more callers than there are threads."""

    @few.timeout(60.0)
    def deep(levels: int) -> int:
        return 1 + deep(levels - 1) if levels else 0

    callers = [in_thread(functools.partial(deep, 10)) for _ in range(6)]

    assert [caller.result() for caller in callers] == [10] * 6
    assert few.timeouts.workers.working == 0


def test_nested_calls_go_before_those_that_wait(
    few: System, blocked: Blocked, in_thread: Callable[..., Any]
) -> None:
    """A call that has begun is not kept from its end by others that have not."""
    order: list[str] = []
    inner: Any = few.timeout(60.0)(lambda: order.append("inner"))
    outsider = few.timeout(60.0)(lambda: order.append("outsider"))
    stuck = few.timeout(60.0)(blocked)

    @few.timeout(60.0)
    def outer() -> None:
        callers.append(in_thread(outsider))
        while not few.timeouts.workers.queued:
            callers[-1].join(0.001)
        inner()

    callers = [in_thread(stuck)]
    assert blocked.begun.acquire(timeout=10)
    outer()
    callers[-1].result()
    blocked.release.set()

    assert order == ["inner", "outsider"]


def test_a_nested_limit_holds_by_itself(real: System, blocked: Blocked) -> None:
    """The inner call's time is up long before the outer one's: the outer hears of it."""
    inner = real.timeout(0.02, name="inner")(blocked)

    @real.timeout(60.0)
    def outer() -> str:
        try:
            inner()
        except DeadlineExceededError as error:
            return str(error)
        return "never"

    assert outer().startswith("'inner' was not done")


def test_without_time_nothing_is_started(system: System, clock: ManualClock) -> None:
    """A call inside work whose time is up is refused at once, in its caller's thread."""
    calls: list[str] = []
    child: Any = system.timeout(100.0, name="child")(lambda: calls.append("child"))
    token = deadline.begin(1.0, clock)
    try:
        assert child() is None
        clock.advance(1.0)
        with pytest.raises(DeadlineExceededError, match="'child' was not started"):
            child()
    finally:
        deadline.end(token)

    assert calls == ["child"]


def test_a_generators_own_time_is_said_as_it_was_given(system: System, clock: ManualClock) -> None:
    """Also where sums of the clock are a little off."""
    clock.advance(0.1)

    @system.timeout(2.3, name="items")
    def items() -> Generator[int, None, None]:
        clock.advance(3)
        yield 1

    with pytest.raises(DeadlineExceededError) as late:
        next(items())
    assert str(late.value) == "'items' was not done within 2.3 s"


def test_it_says_whose_time_was_up(system: System, clock: ManualClock) -> None:
    """A call cut short by the deadline around it says so."""
    token = deadline.begin(1.0, clock)
    try:
        with pytest.raises(DeadlineExceededError, match="within 1 s, what was left to the work"):
            system.timeout(100.0)(lambda: clock.advance(1.0))()
    finally:
        deadline.end(token)


def test_the_error_can_be_pickled_while_the_work_goes_on(real: System, blocked: Blocked) -> None:
    """What it carries is for this process only."""
    with pytest.raises(DeadlineExceededError) as raised:
        real.timeout(0.01)(blocked)()

    copied = pickle.loads(pickle.dumps(raised.value))
    assert (type(copied), str(copied)) == (DeadlineExceededError, str(raised.value))


def test_in_a_loops_thread_it_holds_as_well(real: System, blocked: Blocked) -> None:
    """Sync code that an async view calls is limited too."""

    async def view() -> None:
        real.timeout(0.01)(blocked)()

    with pytest.raises(DeadlineExceededError):
        asyncio.run(view())


def test_inactive_guards_pass_calls_through(system: System, clock: ManualClock) -> None:
    """Nothing is timed, and nothing leaves its thread."""
    system.active = False

    @system.timeout(1.0)
    def call() -> int:
        clock.advance(5.0)
        return threading.get_ident()

    assert call() == threading.get_ident()


def test_a_machine_without_threads_says_so(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call fails with the system's own error, and the next one is made."""
    call: Any = system.timeout(5.0)(lambda: "made")

    @system.timeout(5.0)
    def items() -> Generator[str, None, None]:
        yield "made"

    def fail(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            call()
        with pytest.raises(RuntimeError, match="can't start new thread"):
            next(items())

    assert (call(), list(items())) == ("made", ["made"])
    assert system.timeouts.workers.working == 0


STUCK = """
import threading
from resilience import System
from resilience.core.guard import decorate
from resilience.limits.deadlines import TimeoutLayer, Timeouts

timeouts = Timeouts(System().runtime)
{body}
"""

STUCK_CALL = """
def stuck(): threading.Event().wait()
try:
    decorate(stuck, TimeoutLayer(timeouts, 0.05))()
except TimeoutError:
    print("late")
"""

STUCK_GENERATOR = """
def stuck():
    yield "item"
run = decorate(stuck, TimeoutLayer(timeouts, 50))()
print(next(run))  # and the generator, which nobody closes, lives to the end of the process
"""

FORKED = """
import os
call = decorate(threading.get_ident, TimeoutLayer(timeouts, 5))
parent = call()
pid = os.fork()
if pid == 0:
    os._exit(0 if call() and call() else 1)
print("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.parametrize(
    ("body", "said"), [(STUCK_CALL, "late"), (STUCK_GENERATOR, "item"), (FORKED, "child 0")]
)
def test_processes_end_and_fork(body: str, said: str) -> None:
    """A stuck thread does not hold up the end of a process; a forked child makes its own."""
    ignore = ["-W", "ignore::DeprecationWarning"]  # 3.12+: fork with threads, which is the point
    done = subprocess.run(
        [sys.executable, *ignore, "-c", STUCK.format(body=body)],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr, done.returncode) == (said, "", 0)


def test_a_generators_steps_share_its_time(system: System, clock: ManualClock) -> None:
    """Steps count; what its reader does between them does not; it is closed on its thread."""
    threads: set[int] = set()
    closed = threading.Semaphore(0)

    @system.timeout(3.0)
    def items() -> Generator[int, None, None]:
        try:
            for item in range(10):
                threads.add(threading.get_ident())
                clock.advance(1.0)
                yield item
        finally:
            threads.add(threading.get_ident())
            closed.release()

    run = items()
    assert next(run) == 0
    clock.advance(100.0)
    assert next(run) == 1
    clock.advance(100.0)
    with pytest.raises(DeadlineExceededError):
        next(run)
    assert closed.acquire(timeout=10)
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


def test_a_generators_stuck_step_is_left_in_time(real: System, blocked: Blocked) -> None:
    """The reader goes on; the generator is closed when its step comes back."""
    closed = threading.Semaphore(0)

    @real.timeout(0.05)
    def items() -> Generator[str, None, None]:
        try:
            yield "first"
            yield blocked()
        finally:
            closed.release()

    run = items()
    assert next(run) == "first"
    with pytest.raises(DeadlineExceededError):
        next(run)
    with pytest.raises(StopIteration):
        next(run)
    assert not closed.acquire(blocking=False)
    blocked.release.set()
    assert closed.acquire(timeout=10)


def test_a_reader_may_send_throw_return_and_close(system: System) -> None:
    """What its reader does reaches the generator; what it returns reaches the reader."""
    seen: list[object] = []

    @system.timeout(3.0)
    def items() -> Any:
        try:
            seen.append((yield 1))
            yield 2
        except KeyError:
            seen.append("thrown")
            yield 3
        finally:
            seen.append("closed")
        return "end"

    run = items()
    assert [next(run), run.send("sent"), run.throw(KeyError())] == [1, 2, 3]
    with pytest.raises(StopIteration, match="end"):
        next(run)
    abandoned = items()
    next(abandoned)
    abandoned.close()

    assert seen == ["sent", "thrown", "closed", "closed"]
    assert system.timeouts.workers.working == 0


def test_closing_does_not_wait_when_the_process_ends(
    system: System, blocked: Blocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then no thread runs any more: waiting for one would hold up the end."""

    @system.timeout(60.0)
    def items() -> Generator[str, None, None]:
        try:
            yield "item"
        finally:
            blocked()

    run = items()
    assert next(run) == "item"
    monkeypatch.setattr(sys, "is_finalizing", lambda: True)
    run.close()

    assert not blocked.begun.acquire(blocking=False)


def test_generators_at_rest_hold_no_one_up(few: System) -> None:
    """Ten generators are open at once, and two threads still serve everybody."""

    @few.timeout(60.0)
    def items() -> Generator[int, None, None]:
        yield from range(3)

    runs = [items() for _ in range(10)]

    assert [next(run) for run in runs] == [0] * 10
    assert few.timeout(60.0)(lambda: "served")() == "served"
    assert [list(run) for run in runs] == [[1, 2]] * 10
    assert few.timeouts.workers.working == 0
