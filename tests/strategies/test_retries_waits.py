"""How long a retry waits: deadlines, and what servers ask for."""

import asyncio
import email.message
import urllib.error
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from resilience import DeadlineExceededError, Event, System
from resilience.core import deadline
from resilience.strategies.retry_after import asked_wait
from resilience.testing import ManualClock
from tests.strategies.retried import FUNCTIONS, KINDS, Call, Flaky, retry, run

DOWN = ConnectionError("down")


class SlowError(ConnectionError):
    """What an attempt that took its time fails with."""


def slow(clock: ManualClock, seconds: float, upstream: Flaky) -> Callable[[], Any]:
    """Return a call that takes that long, then does what the upstream does."""

    def ask() -> Any:
        clock.advance(seconds)
        return upstream.ask()

    return ask


# -- deadlines ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_no_wait_begins_that_would_end_too_late(
    system: System, clock: ManualClock, kind: Call
) -> None:
    """With 0.25 s left after 0.1 s of waiting, 0.2 s are not waited: the error comes at once."""
    upstream = Flaky(DOWN)
    guard = retry(system, attempts=5, timeout=0.25)(kind(upstream.ask))

    with pytest.raises(ConnectionError) as caught:
        run(guard)

    assert len(upstream.calls) == 2
    assert clock.monotonic() == pytest.approx(0.1)
    assert len(caught.value.__notes__) == 1


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_attempts_use_up_the_timeout(system: System, clock: ManualClock, kind: Call) -> None:
    """Attempts of 1 s and waits of 0.1 s and 0.2 s are more than 2 s."""
    upstream = Flaky(DOWN)
    guard = retry(system, attempts=9, timeout=2.0)(kind(slow(clock, 1.0, upstream)))

    with pytest.raises(ConnectionError):
        run(guard)

    assert len(upstream.calls) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_attempts_see_the_timeout(system: System, clock: ManualClock, kind: Call) -> None:
    """It is their deadline; after the call nothing of it is left."""
    seen: list[float | None] = []
    upstream = Flaky(DOWN, DOWN, "answer")

    def ask() -> Any:
        seen.append(deadline.remaining())
        return upstream.ask()

    run(retry(system, timeout=2.0)(kind(ask)))

    assert seen == pytest.approx([2.0, 1.9, 1.7])
    assert deadline.remaining() is None


def test_a_generator_has_its_deadline_until_the_first_item(system: System) -> None:
    """What its reader does between the items is not hurried."""
    seen: list[float | None] = []

    @retry(system, timeout=2.0)
    def rows() -> Iterator[int]:
        seen.append(deadline.remaining())
        yield 1
        seen.append(deadline.remaining())

    assert list(rows()) == [1]
    assert seen == [2.0, None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_callers_deadline_counts(system: System, clock: ManualClock, kind: Call) -> None:
    """Also without a `timeout` of its own, and when that is longer."""
    upstream = Flaky(DOWN)
    token = deadline.begin(0.15, clock)
    try:
        with pytest.raises(ConnectionError):
            run(retry(system, attempts=5, timeout=60.0)(kind(upstream.ask)))
        with pytest.raises(ConnectionError):
            run(retry(system, attempts=5)(kind(upstream.ask)))
    finally:
        deadline.end(token)

    # The first one waited 0.1 s of them.
    assert len(upstream.calls) == 3


def test_a_deadline_that_passed_ends_the_attempts(system: System, clock: ManualClock) -> None:
    """The error of the attempt that missed it is raised."""
    upstream = Flaky(DeadlineExceededError())

    with pytest.raises(DeadlineExceededError):
        retry(system, timeout=1.0)(slow(clock, 1.5, upstream))()

    assert len(upstream.calls) == 1


def test_an_attempts_own_deadline_is_a_failure(system: System) -> None:
    """Where there is time left, what timed out is tried again."""
    upstream = Flaky(DeadlineExceededError(), "answer")

    assert retry(system, timeout=9.0)(upstream.ask)() == "answer"


def test_durations_may_be_timedeltas(system: System, clock: ManualClock) -> None:
    """All three of them."""
    upstream = Flaky(DOWN)
    guard = retry(
        system,
        timeout=timedelta(seconds=3),
        initial_delay=timedelta(seconds=1),
        max_delay=timedelta(seconds=1),
    )(upstream.ask)

    with pytest.raises(ConnectionError):
        guard()

    assert clock.monotonic() == 2.0


# -- Retry-After ----------------------------------------------------------------------------------


class BusyError(Exception):
    """What says by itself when to come again."""

    def __init__(self, retry_after: Any) -> None:
        self.retry_after = retry_after


def answered(**headers: str) -> httpx2.HTTPStatusError:
    """Return an HTTP client's error for a response with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx2.Response(503, headers=named)
    request = httpx2.Request("GET", "http://upstream/")
    return httpx2.HTTPStatusError("busy", request=request, response=response)


def by_urllib(retry_after: str) -> urllib.error.HTTPError:
    """Return the standard library's error for a response that asks to wait."""
    headers = email.message.Message()
    headers["retry-after"] = retry_after
    return urllib.error.HTTPError("http://upstream/", 503, "busy", headers, None)


NOW = 1_750_000_000.0  # Sun, 15 Jun 2025 15:06:40 GMT
ASKED = [
    (BusyError(3), 3.0),
    (BusyError(0.5), 0.5),
    (BusyError(timedelta(seconds=4)), 4.0),
    (BusyError("7"), 7.0),
    (answered(retry_after="3"), 3.0),
    (answered(Retry_After="0"), 0.0),
    (answered(retry_after=" 1.5 "), 1.5),
    (answered(retry_after="Sun, 15 Jun 2025 15:06:45 GMT"), 5.0),
    (answered(retry_after="Sun, 15 Jun 2025 15:06:45 -0000"), 5.0),
    (answered(retry_after="Sun, 15 Jun 2025 17:06:45 +0200"), 5.0),
    (answered(retry_after="Sun, 15 Jun 2025 15:00:00 GMT"), 0.0),
    (by_urllib("3"), 3.0),
    (httpx2.Response(503, headers={"retry-after": "2"}), 2.0),
]
NOT_ASKED = [
    ConnectionError(),
    answered(),
    answered(retry_after="soon"),
    answered(retry_after="-1"),
    answered(retry_after=""),
    answered(retry_after="1" * 5000),
    BusyError(-3),
    BusyError(float("nan")),
    BusyError(float("inf")),
    BusyError(object()),
    "a text",
    None,
]


@pytest.mark.parametrize(("source", "seconds"), ASKED)
def test_what_is_asked_for_is_read(source: Any, seconds: float) -> None:
    """Seconds or a date, from attributes or headers, of errors or responses."""
    assert asked_wait(source, NOW) == seconds


@pytest.mark.parametrize("source", NOT_ASKED)
def test_what_is_not_asked_for_is_none(source: Any) -> None:
    """Nonsense is no wish."""
    assert asked_wait(source, NOW) is None


def test_properties_that_fail_are_none() -> None:
    """Other people's errors may do what they like."""

    class OddError(Exception):
        @property
        def response(self) -> Any:
            raise RuntimeError("no response yet")

    assert asked_wait(OddError(), NOW) is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("asked", "waited"), [("2", 2.0), ("0", 0.0), ("3600", 5.0)])
def test_what_is_asked_for_is_waited(
    system: System, clock: ManualClock, asked: str, waited: float, kind: Call
) -> None:
    """In place of the backoff's wait, and no longer than `max_delay`."""
    upstream = Flaky(answered(retry_after=asked), "answer")
    guard = retry(system, on=httpx2.HTTPStatusError)(kind(upstream.ask))

    assert run(guard) == "answer"
    assert clock.monotonic() == waited


def test_a_date_is_waited_for_by_the_wall_clock(system: System, clock: ManualClock) -> None:
    """It is told by `Clock.time`, wherever the monotonic clock stands."""
    clock.advance(10)
    upstream = Flaky(answered(retry_after="Sun, 15 Jun 2025 15:06:52 GMT"), "answer")

    retry(system, on=httpx2.HTTPStatusError)(upstream.ask)()

    assert clock.monotonic() == 12.0


def test_a_longer_wait_than_the_deadline_allows_is_not_begun(
    system: System, clock: ManualClock
) -> None:
    """The server said that it would be in vain."""
    upstream = Flaky(BusyError(3))

    with pytest.raises(BusyError):
        retry(system, on=BusyError, timeout=2.0)(upstream.ask)()

    assert len(upstream.calls) == 1
    assert clock.monotonic() == 0.0


def test_a_refused_response_may_ask_for_it(system: System, events: list[Event]) -> None:
    """`on_result` and `Retry-After` go together."""
    busy = httpx2.Response(429, headers={"Retry-After": "4"})
    guard = retry(system, on_result=lambda response: response.status_code == 429)(
        Flaky(busy, httpx2.Response(200)).ask
    )

    assert guard().status_code == 200
    assert [each.data["delay"] for each in events] == [4.0]


def test_backoffs_that_end_beat_what_is_asked_for(system: System) -> None:
    """A list of one wait is one retry, whatever the server says."""
    upstream = Flaky(BusyError(1))

    with pytest.raises(BusyError):
        retry(system, on=BusyError, attempts=9, backoff=[1])(upstream.ask)()

    assert len(upstream.calls) == 2


def test_jitter_is_drawn_by_the_systems_chance(clock: ManualClock) -> None:
    """Two systems of one seed wait alike; the waits are within their bounds."""

    def waits(seed: int) -> list[float]:
        import random

        own = System(clock=clock, random=random.Random(seed))
        heard: list[Event] = []
        own.on_event(heard.append)
        with pytest.raises(ConnectionError):
            retry(own, attempts=5, jitter="full")(Flaky(DOWN).ask)()
        return [each.data["delay"] for each in heard]

    assert waits(1) == waits(1) != waits(2)
    assert all(0 <= each <= 0.1 * 2**number for number, each in enumerate(waits(1)))


def test_other_tasks_run_while_one_waits(system: System) -> None:
    """Waiting does not hold the loop."""
    upstream = Flaky(DOWN, "answer")
    seen = []

    @retry(System(), initial_delay=0.001)
    async def ask() -> Any:
        return upstream.ask()

    async def other() -> None:
        seen.append(len(upstream.calls))

    async def both() -> None:
        await asyncio.gather(ask(), other())

    asyncio.run(both())

    assert seen == [1]
