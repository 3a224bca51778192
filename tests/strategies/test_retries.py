"""The retry: how often, after what, and what comes out, for each kind of function."""

import asyncio
import inspect
import pickle
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest

from resilience import CircuitOpenError, Event, System, explain, guarded
from resilience.testing import ManualClock, inactive
from tests.strategies.retried import FUNCTIONS, KINDS, Call, Flaky, as_coroutine, retry, run

DOWN = ConnectionError("down")


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_works_is_made_once(system: System, clock: ManualClock, kind: Call) -> None:
    """Its answer is the function's, without any wait."""
    upstream = Flaky("answer")

    assert run(retry(system)(kind(upstream.ask)), 1, 2) == "answer"
    assert upstream.calls == [(1, 2)]
    assert clock.monotonic() == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_failed_call_is_made_again(system: System, clock: ManualClock, kind: Call) -> None:
    """With the same arguments, after 0.1 s and 0.2 s, until it works."""
    upstream = Flaky(DOWN, TimeoutError(), "answer")

    assert run(retry(system)(kind(upstream.ask)), "a") == "answer"
    assert upstream.calls == [("a",)] * 3
    assert clock.monotonic() == pytest.approx(0.3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_attempts_are_a_limit(system: System, attempts: int, kind: Call) -> None:
    """A call that never works is made that often, and raises its own last error."""
    errors = [ConnectionError(str(number)) for number in range(9)]
    upstream = Flaky(*errors)

    with pytest.raises(ConnectionError) as caught:
        run(retry(system, attempts=attempts)(kind(upstream.ask)))

    assert caught.value is errors[attempts - 1]
    assert len(upstream.calls) == attempts


@pytest.mark.parametrize("kind", KINDS)
def test_each_retry_is_an_event(system: System, events: list[Event], kind: Call) -> None:
    """It tells the failed attempt's number, the wait, and the error's name."""
    guard = retry(system)(kind(Flaky(DOWN, TimeoutError(), "answer").ask))

    run(guard)

    assert [(each.type, dict(each.data)) for each in events] == [
        ("retry_scheduled", {"attempt": 1, "delay": 0.1, "error": "ConnectionError"}),
        ("retry_scheduled", {"attempt": 2, "delay": 0.2, "error": "TimeoutError"}),
    ]
    assert {each.component for each in events} == {guard.__module__ + "." + guard.__qualname__}


def test_events_are_about_the_circuit(system: System, events: list[Event]) -> None:
    """Where there is one, they carry its name."""
    upstream = Flaky(DOWN, "answer")

    retry(system)(system.circuit("upstream")(upstream.ask))()

    assert [each.component for each in events if each.type == "retry_scheduled"] == ["upstream"]


@pytest.mark.parametrize("kind", KINDS)
def test_inactive_guards_do_not_retry(system: System, kind: Call) -> None:
    """In tests that switch guards off, a call is made once, and has no deadline."""
    upstream = Flaky(DOWN)
    guard = retry(system, timeout=1.0)(kind(upstream.ask))

    with inactive(system), pytest.raises(ConnectionError):
        run(guard)

    assert len(upstream.calls) == 1


def test_the_circuit_inside_counts_each_attempt(system: System) -> None:
    """In whatever order they are given, the retry is outside; an open circuit ends it."""
    upstream = Flaky(DOWN)
    guard = system.circuit("x", failure_threshold=2)(retry(system, attempts=5)(upstream.ask))

    with pytest.raises(CircuitOpenError) as caught:
        guard()

    assert len(upstream.calls) == 2
    assert [note[:9] for note in caught.value.__notes__] == ["attempt 1", "attempt 2"]


def test_a_fallback_outside_hears_of_the_last_failure(system: System) -> None:
    """It answers once all attempts are used."""
    upstream = Flaky(DOWN)

    assert system.fallback("instead")(retry(system)(upstream.ask))() == "instead"
    assert len(upstream.calls) == 3


# -- results --------------------------------------------------------------------------------------


class Response:
    """What an HTTP client returns."""

    def __init__(self, status: int, retry_after: str | None = None) -> None:
        self.status = status
        self.headers = {} if retry_after is None else {"Retry-After": retry_after}
        self.closed = 0

    def close(self) -> None:
        """Count."""
        self.closed += 1


class AsyncResponse(Response):
    """One that is to be closed with `await`."""

    def close(self) -> None:
        """Refuse: there is a loop."""
        raise RuntimeError("use aclose")

    async def aclose(self) -> None:
        """Count."""
        self.closed += 1


def is_bad(response: Response) -> bool:
    """Tell whether the server says it is down."""
    return response.status >= 500


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_refused_result_is_a_failure(system: System, events: list[Event], kind: Call) -> None:
    """The call is made again; the response nobody reads is closed, the one returned is not."""
    first, second = Response(503), Response(200)
    upstream = Flaky(first, second)

    assert run(retry(system, on_result=is_bad)(kind(upstream.ask))) is second
    assert (first.closed, second.closed) == (1, 0)
    assert [dict(each.data) for each in events] == [{"attempt": 1, "delay": 0.1, "error": None}]


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_the_last_result_is_returned(system: System, kind: Call) -> None:
    """When all are refused there is nothing to raise; only the earlier ones are closed."""
    responses = [Response(503), Response(502), Response(500)]
    guard = retry(system, on_result=is_bad)(kind(Flaky(*responses).ask))

    assert run(guard) is responses[-1]
    assert [each.closed for each in responses] == [1, 1, 0]


def test_async_responses_are_closed_by_await(system: System) -> None:
    """`aclose` comes before `close`."""
    first = AsyncResponse(503)
    upstream = Flaky(first, AsyncResponse(200))

    run(retry(system, on_result=is_bad)(as_coroutine(upstream.ask)))

    assert first.closed == 1


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_the_response_of_a_discarded_error_is_closed(system: System, kind: Call) -> None:
    """Its connection would be held for ever; that of the error that is raised stays open."""
    errors = [ConnectionError(), ConnectionError()]
    responses = [Response(503), Response(503)]
    for error, response in zip(errors, responses, strict=True):
        error.response = response  # type: ignore[attr-defined]
    guard = retry(system, attempts=2)(kind(Flaky(*errors).ask))

    with pytest.raises(ConnectionError):
        run(guard)

    assert [each.closed for each in responses] == [1, 0]


def test_a_response_that_cannot_be_closed_harms_nothing(system: System) -> None:
    """The next attempt is made all the same."""
    upstream = Flaky(AsyncResponse(503), Response(200))

    assert retry(system, on_result=is_bad)(upstream.ask)().status == 200


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_errors_and_results_share_the_attempts(system: System, kind: Call) -> None:
    """Three attempts are three, whichever way each one fails; the note tells which."""
    upstream = Flaky(Response(503), DOWN, ConnectionError("last"))

    with pytest.raises(ConnectionError) as caught:
        run(retry(system, on_result=is_bad)(kind(upstream.ask)))

    assert len(upstream.calls) == 3
    assert caught.value.__notes__ == [
        "attempt 1 failed: on_result refused Response; next after 0.1 s",
        "attempt 2 failed: ConnectionError: down; next after 0.2 s",
    ]


def test_a_predicate_that_fails_refuses_nothing(system: System) -> None:
    """The result is returned, the predicate's error is logged."""
    upstream = Flaky("no response")

    assert retry(system, on_result=is_bad)(upstream.ask)() == "no response"
    assert len(upstream.calls) == 1


# -- kinds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_guarded_function_is_of_its_kind(system: System, kind: Call) -> None:
    """`inspect` sees what it saw before."""
    call = kind(Flaky("answer").ask)
    guard = retry(system)(call)

    for test in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        inspect.signature,
    ):
        assert test(guard) == test(call)
    assert guarded(guard)


def test_a_generator_is_tried_until_its_first_item(system: System) -> None:
    """After it, a failure is the reader's; items, what is sent, and the end are the generator's."""
    upstream = Flaky(DOWN, "first")

    @retry(system)
    def rows() -> Generator[Any, str, str]:
        sent = yield upstream.ask()
        try:
            yield sent
        except KeyError:
            yield "thrown"
        return "end"

    items = rows()

    assert next(items) == "first"
    assert items.send("sent") == "sent"
    assert items.throw(KeyError()) == "thrown"
    with pytest.raises(StopIteration) as end:
        next(items)
    assert end.value.value == "end"
    assert len(upstream.calls) == 2


def test_a_generator_that_fails_later_is_not_begun_again(system: System) -> None:
    """Its reader has items already."""
    upstream = Flaky("first", DOWN)

    @retry(system)
    def rows() -> Generator[Any, None, None]:
        yield upstream.ask()
        yield upstream.ask()

    items = rows()

    assert next(items) == "first"
    with pytest.raises(ConnectionError):
        next(items)
    assert len(upstream.calls) == 2


def test_an_async_generator_does_the_same(system: System) -> None:
    """Tried until the first item; later failures, what is sent and the end pass through."""
    upstream = Flaky(DOWN, "first", DOWN)
    closed = []

    @retry(system)
    async def rows() -> AsyncIterator[Any]:
        try:
            sent = yield upstream.ask()
            yield sent
            yield upstream.ask()
        finally:
            closed.append(len(upstream.calls))

    async def read() -> None:
        items: Any = rows()
        assert await anext(items) == "first"
        assert await items.asend("sent") == "sent"
        with pytest.raises(ConnectionError):
            await anext(items)

    asyncio.run(read())

    assert closed == [1, 3]


@pytest.mark.parametrize("items", [0, 2])
def test_generators_without_items_end(system: System, items: int) -> None:
    """Nothing is made of nothing."""

    @retry(system)
    def rows() -> Generator[int, None, str]:
        yield from range(items)
        return "end"

    @retry(system)
    async def async_rows() -> AsyncIterator[int]:
        for item in range(items):
            yield item

    async def read() -> list[int]:
        return [item async for item in async_rows()]

    assert list(rows()) == asyncio.run(read()) == list(range(items))


def test_a_maker_may_fail_before_it_returns_a_coroutine(system: System) -> None:
    """The failures before and in the coroutine are attempts of one call."""
    upstream = Flaky(DOWN, DOWN, DOWN, "too late")

    @retry(system)
    def maker() -> Any:
        if len(upstream.calls) < 1:
            upstream.ask()

        async def answer() -> Any:
            return upstream.ask()

        return answer()

    with pytest.raises(ConnectionError):
        run(maker)
    assert len(upstream.calls) == 3


def test_methods_keep_their_instance(system: System) -> None:
    """Instance, class and static methods retry as functions do."""

    class Client:
        upstream = Flaky(DOWN, "a", DOWN, "b", DOWN, "c")

        @retry(system)
        def get(self) -> Any:
            return self.upstream.ask()

        @retry(system)
        @classmethod
        def make(cls) -> Any:
            return cls.upstream.ask()

        @staticmethod
        @retry(system)
        def read() -> Any:
            return Client.upstream.ask()

    assert (Client().get(), Client.make(), Client.read()) == ("a", "b", "c")


def test_cancellation_is_no_failure(system: System) -> None:
    """A cancelled call is over, at the first attempt and while it waits for the next."""
    waiting = asyncio.Event()
    calls = []

    @retry(system, on=BaseException)
    async def ask() -> None:
        calls.append(1)
        waiting.set()
        await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(ask())
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())

    assert len(calls) == 1


class CancelledClock(ManualClock):
    """One on which every wait is cancelled."""

    async def sleep_async(self, seconds: float) -> None:
        """Be cancelled."""
        raise asyncio.CancelledError


def test_a_wait_can_be_cancelled() -> None:
    """Cancelled between two attempts, the call makes no other one."""
    upstream = Flaky(DOWN)
    guard = retry(System(clock=CancelledClock()))(as_coroutine(upstream.ask))

    with pytest.raises(asyncio.CancelledError):
        run(guard)

    assert len(upstream.calls) == 1


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_interruptions_are_no_failures(system: System, interruption: type[BaseException]) -> None:
    """Who ends the process is not kept waiting, though `on` asks for everything."""
    upstream = Flaky(interruption())

    with pytest.raises(interruption):
        retry(system, on=BaseException)(upstream.ask)()

    assert len(upstream.calls) == 1


def test_explain_tells_the_numbers_and_where_they_came_from(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the decorator was given and what is default."""
    text = explain(retry(system, attempts=5, on=OSError)(Flaky(1).ask))

    assert "→ retry 'tests.strategies.retried.Flaky.ask'\n" in text
    assert "attempts = 5  (decorator)" in text
    assert "on = OSError  (decorator)" in text
    assert "max_delay = 5.0  (default)" in text
    assert "budget = 0.2  (default)" in text
    assert capsys.readouterr().out


def test_the_default_is_transient(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    """It is shown by its name."""
    assert "on = TRANSIENT  (default)" in explain(retry(system)(Flaky(1).ask))
    assert capsys.readouterr().out


def test_a_guard_of_a_system_of_ones_own_says_why_it_is_not_pickled(system: System) -> None:
    """As a circuit does: another process does not know this system."""
    guard = retry(system)(Flaky("answer").ask)

    with pytest.raises(pickle.PicklingError, match="another process"):
        pickle.dumps(guard)
