"""Which failures a fallback answers, and what comes of sources that fail."""

import asyncio
from typing import Any

import pytest
from werkzeug.exceptions import NotFound, ServiceUnavailable

from resilience import CircuitOpenError, Event, Rejected, Source, System, fallback
from resilience.core import degraded
from resilience.core.request import Request, present
from tests.strategies.conftest import Call, DownError, as_maker, down, failing, run


def test_without_cascade_only_the_first_source_is_tried(kind: Call) -> None:
    """Its error comes out, with the call's own as its cause."""
    guarded = fallback(failing(OSError("first")), "second", cascade=False)(kind(down))

    with pytest.raises(OSError, match="first") as raised:
        run(guarded)

    assert isinstance(raised.value.__cause__, DownError)


def test_when_all_sources_fail_the_last_error_comes_out(kind: Call) -> None:
    """`from` the call's own, not from the sources between."""
    guarded = fallback(failing(OSError("1")), failing(LookupError("2")))(kind(down))

    with pytest.raises(LookupError, match="2") as raised:
        run(guarded)

    assert isinstance(raised.value.__cause__, DownError)


def test_a_source_that_raises_the_error_itself_changes_nothing(kind: Call) -> None:
    """It comes out as it is, not as its own cause."""

    def source(*, error: Exception) -> Any:
        raise error

    with pytest.raises(DownError, match="own") as raised:
        run(fallback(source)(kind(down)))

    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("given", "error", "answered"),
    [
        ({"on": OSError}, ConnectionError(), True),
        ({"on": OSError}, ValueError(), False),
        ({"on": (OSError, ValueError)}, ValueError(), True),
        ({"on": lambda error: error.args == (5,)}, OSError(5), True),
        ({"on": lambda error: error.args == (5,)}, OSError(6), False),
        ({"ignore": OSError}, ConnectionError(), False),
        ({"ignore": OSError}, ValueError(), True),
        ({"on": OSError, "ignore": ConnectionError}, ConnectionError(), False),
        ({"on": OSError, "ignore": lambda error: error.errno == 2}, OSError(2, ""), False),
        ({}, NotFound(), False),
        ({}, ServiceUnavailable(), True),
        ({"on": NotFound}, NotFound(), True),
        ({"on": (Exception,)}, NotFound(), True),
        ({}, Rejected("it"), True),
        ({"on": OSError}, Rejected("it"), False),
    ],
)
def test_on_and_ignore_tell_which_failures_are_answered(
    kind: Call, given: dict[str, Any], error: Exception, answered: bool
) -> None:
    """`ignore` beats `on`; a framework's own answer below 500 is none, unless asked for."""
    guarded = fallback("instead", **given)(kind(failing(error)))

    if answered:
        assert run(guarded) == "instead"
    else:
        with pytest.raises(type(error)):
            run(guarded)


def test_a_predicate_that_fails_answers(caplog: pytest.LogCaptureFixture) -> None:
    """Answering is what a fallback is for; the mistake is logged."""
    guarded = fallback("instead", on=lambda error: bool(error.args[5]))(down)

    assert guarded() == "instead"
    assert "predicate" in caplog.text


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
def test_a_source_that_is_interrupted_ends_the_call(error: type[BaseException]) -> None:
    """No next source stands in for Ctrl-C."""

    def source() -> Any:
        raise error

    with pytest.raises(error):
        fallback(source, "next")(down)()


def test_an_open_circuit_is_answered(system: System, events: list[Event]) -> None:
    """The circuit's rejection is a failure like others, and the event names it."""
    guarded = system.fallback("instead")(system.circuit("it", failure_threshold=1)(down))
    assert (guarded(), guarded()) == ("instead", "instead")

    used = [event for event in events if event.type == "fallback_used"]
    assert [event.component for event in used] == ["it", "it"]
    assert [event.data["error"] for event in used] == ["DownError", CircuitOpenError.__name__]


def test_what_is_awaited_is_answered_with_something_to_await(system: System) -> None:
    """A plain function that returns coroutines, behind a circuit that now rejects the call."""
    guarded = system.fallback("instead")(system.circuit("it", failure_threshold=1)(as_maker(down)))

    assert run(guarded) == "instead"
    assert system.circuits["it"].state == "open"
    rejected = guarded()

    assert asyncio.iscoroutine(rejected)
    assert asyncio.run(rejected) == "instead"


def test_an_answer_is_told_and_marked(system: System, events: list[Event], kind: Call) -> None:
    """One event with source and error, the request marked degraded; none for good answers."""
    guard = system.fallback(failing(OSError()), Source("instead", name="the list"))
    good, bad = guard(kind(abs)), guard(kind(down))
    token = present.set(Request())
    try:
        run(good, 5)
        assert (degraded.marks(), events) == ({}, [])

        run(bad)
        assert list(degraded.marks().values()) == ["fallback"]
    finally:
        present.reset(token)

    assert [event.type for event in events] == ["fallback_used"]
    assert dict(events[0].data) == {"source": "the list", "error": "DownError"}
    assert [events[0].component] == [f"{down.__module__}.down"]
