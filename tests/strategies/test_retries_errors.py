"""Which errors are tried again, and what the last one tells of the others."""

import gc
import traceback
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from django.http import Http404
from starlette.exceptions import HTTPException

from resilience import BulkheadFullError, CircuitOpenError, Rejected, System
from tests.strategies.retried import FUNCTIONS, Call, Flaky, retry, run


def answered(status: int) -> httpx2.HTTPStatusError:
    """Return the error of an HTTP client for a response of that status."""
    request = httpx2.Request("GET", "http://upstream/")
    return httpx2.HTTPStatusError("no", request=request, response=httpx2.Response(status))


def attempts(system: System, error: BaseException, **options: Any) -> int:
    """Return how often a call that fails so is made."""
    upstream = Flaky(error)
    with pytest.raises(type(error)):
        retry(system, **options)(upstream.ask)()
    return len(upstream.calls)


@pytest.mark.parametrize("error", [ConnectionError(), TimeoutError(), httpx2.ConnectError("no")])
def test_transient_errors_are_tried_again(system: System, error: Exception) -> None:
    """Trouble of network and database, by default."""
    assert attempts(system, error) == 3


@pytest.mark.parametrize("error", [ValueError(), KeyError(), FileNotFoundError(), answered(503)])
def test_other_errors_are_not(system: System, error: Exception) -> None:
    """A defect stays one at the next attempt; an answer is the service's word."""
    assert attempts(system, error) == 1


def is_x(error: BaseException) -> bool:
    """Tell whether its text is an x."""
    return str(error) == "x"


@pytest.mark.parametrize(
    ("on", "error", "made"),
    [
        ((ValueError, KeyError), ValueError(), 3),
        ([ValueError, KeyError], KeyError(), 3),
        (ValueError, ConnectionError(), 1),
        (is_x, ValueError("x"), 3),
        (is_x, ValueError("y"), 1),
    ],
)
def test_on_says_which_errors(system: System, on: Any, error: Exception, made: int) -> None:
    """Types or a predicate take the place of the default."""
    assert attempts(system, error, on=on) == made


def test_ignore_beats_on(system: System) -> None:
    """A subclass can be left out."""
    assert attempts(system, ConnectionRefusedError(), ignore=ConnectionRefusedError) == 1
    assert attempts(system, ConnectionResetError(), ignore=ConnectionRefusedError) == 3


@pytest.mark.parametrize(
    "error", [CircuitOpenError("x", 1.0), BulkheadFullError("x"), Rejected("x", 0.0)]
)
@pytest.mark.parametrize("on", [Exception, Rejected, lambda _: True])
def test_a_rejection_is_never_tried_again(system: System, error: Rejected, on: Any) -> None:
    """Whoever rejected it knows why, whatever `on` says."""
    assert attempts(system, error, on=on) == 1


def test_a_rejection_costs_little_and_counts_for_nothing(system: System) -> None:
    """An open circuit is asked often: no text is made of its error, no call is counted."""

    class Quiet(Rejected):
        def __str__(self) -> str:
            raise AssertionError

    assert attempts(system, Quiet("x"), on=Exception) == 1
    assert system.retries.budgets.of("tests.strategies.retried.Flaky.ask").counts(0.0) == (0, 0)


def test_an_error_that_is_not_tried_again_is_not_read(system: System) -> None:
    """Texts of other people's errors can be long, and slow to make."""

    class WordyError(OSError):
        def __str__(self) -> str:
            raise AssertionError

    assert attempts(system, WordyError(), on=ValueError) == 1


@pytest.mark.parametrize("error", [Http404(), HTTPException(404), HTTPException(409)])
def test_an_apps_own_answers_are_never_tried_again(system: System, error: Exception) -> None:
    """`abort(404)` in a view is an answer."""
    assert attempts(system, error, on=Exception) == 1


def test_an_apps_own_failures_are(system: System) -> None:
    """`abort(503)` is none."""
    assert attempts(system, HTTPException(503), on=Exception) == 3


@pytest.mark.parametrize(
    ("status", "made"),
    [(400, 1), (401, 1), (404, 1), (422, 1), (408, 3), (425, 3), (429, 3), (500, 3), (503, 3)],
)
def test_answers_that_would_be_the_same_are_not_asked_for_again(
    system: System, status: int, made: int
) -> None:
    """Of an HTTP client's errors, 4xx but 408, 425 and 429 stay what they are."""
    assert attempts(system, answered(status), on=httpx2.HTTPStatusError, budget=None) == made


def test_a_predicate_may_ask_for_them(system: System) -> None:
    """Some servers answer 404 until what was just made is there."""
    assert attempts(system, answered(404), on=lambda error: True) == 3


def test_a_predicate_that_fails_asks_for_nothing(system: System) -> None:
    """Its own error is logged; the call's is raised."""
    assert attempts(system, ConnectionError(), on=lambda error: error.nothing) == 1


# -- the last error -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_the_last_error_has_notes_of_the_earlier_ones(system: System, kind: Call) -> None:
    """What they were and how long was waited, and its own traceback is its own."""
    upstream = Flaky(ConnectionError("one"), TimeoutError(), ConnectionError("three"))

    with pytest.raises(ConnectionError, match="three") as caught:
        run(retry(system)(kind(upstream.ask)))

    assert caught.value.__notes__ == [
        "attempt 1 failed: ConnectionError: one; next after 0.1 s",
        "attempt 2 failed: TimeoutError; next after 0.2 s",
    ]
    assert caught.value.__context__ is None
    assert "attempt 2 failed" in "".join(traceback.format_exception(caught.value))


def test_an_error_of_another_kind_ends_it_with_notes(system: System) -> None:
    """What is not tried again tells of the attempts before it, too."""
    upstream = Flaky(ConnectionError("one"), ValueError("two"))

    with pytest.raises(ValueError, match="two") as caught:
        retry(system)(upstream.ask)()

    assert [note[:9] for note in caught.value.__notes__] == ["attempt 1"]


def test_the_only_error_has_no_notes(system: System) -> None:
    """There is nothing to tell."""
    with pytest.raises(ConnectionError) as caught:
        retry(system, attempts=1)(Flaky(ConnectionError()).ask)()

    assert not hasattr(caught.value, "__notes__")


def test_notes_are_few_and_short(system: System) -> None:
    """Of 40 attempts the last ten are told, each in at most 250 characters."""
    errors = [ConnectionError(f"{number}" + "x" * 10_000) for number in range(40)]

    with pytest.raises(ConnectionError) as caught:
        retry(system, attempts=40)(Flaky(*errors).ask)()

    notes = caught.value.__notes__
    assert [note.split()[1] for note in notes] == [str(number) for number in range(30, 40)]
    assert max(map(len, notes)) < 250


def test_an_error_that_is_raised_for_ever_is_not_written_full(system: System) -> None:
    """Some libraries raise one and the same object each time: it tells of the last call only."""
    error = ConnectionError("same")
    error.add_note("its own")
    guard = retry(system, budget=None)(Flaky(error).ask)

    for _ in range(5):
        with pytest.raises(ConnectionError):
            guard()

    assert error.__notes__ == [
        "its own",
        "attempt 1 failed: ConnectionError: same; next after 0.1 s",
        "attempt 2 failed: ConnectionError: same; next after 0.2 s",
    ]


def test_a_call_that_is_not_retried_leaves_the_notes_of_others(system: System) -> None:
    """What another retry wrote on the error on its way up stays."""
    with ThreadPoolExecutor(1) as pool:
        inner = pool.submit(retry(system)(Flaky(ConnectionError("inner")).ask))
        with pytest.raises(ConnectionError) as caught:
            retry(system, on=ValueError)(inner.result)()

    assert len(caught.value.__notes__) == 2


@dataclass(frozen=True)
class FrozenError(ConnectionError):
    """One that takes no notes."""

    code: int


class MuteError(ConnectionError):
    """One that cannot be written."""

    def __str__(self) -> str:
        """Fail."""
        raise RuntimeError("no words")


def test_an_error_that_takes_no_notes_is_raised_as_it_is(system: System) -> None:
    """The caller's error comes before what is written on it."""
    assert attempts(system, FrozenError(3)) == 3


def test_an_error_without_words_is_told_by_its_name(system: System) -> None:
    """Whatever its `__str__` does."""
    with pytest.raises(ConnectionError) as caught:
        retry(system, attempts=2)(Flaky(MuteError(), ConnectionError()).ask)()

    assert caught.value.__notes__ == ["attempt 1 failed: MuteError; next after 0.1 s"]


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_earlier_errors_are_let_go(system: System, kind: Call) -> None:
    """Neither they nor what their frames hold live on after the call, without the collector."""

    class HeldError(ConnectionError): ...

    alive: list[weakref.ref[HeldError]] = []

    def ask() -> str:
        if len(alive) == 2:
            return "answer"
        error = HeldError()
        alive.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    guard = retry(system)(kind(ask))
    gc.disable()
    try:
        assert run(guard) == "answer"
        assert [ref() for ref in alive] == [None, None]
    finally:
        gc.enable()
