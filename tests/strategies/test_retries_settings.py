"""What a retry can be told, what it refuses, and `Retry` without a decorator."""

import asyncio
import inspect
from collections.abc import Iterator
from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from resilience import ConfigurationError, DecorationError, System, UnknownSettingError
from resilience.strategies.retries import Retry
from resilience.strategies.retry_settings import RetrySettings
from resilience.testing import ManualClock, inactive
from tests.strategies.retried import Flaky, retry

DOWN = ConnectionError("down")

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"attempts": 0}, "attempts=0: give a whole number of at least 1"),
    ({"attempts": -1}, "attempts=-1"),
    ({"attempts": 2.5}, "attempts=2.5"),
    ({"attempts": True}, "attempts=True"),
    ({"attempts": None}, "attempts=None"),
    ({"on": "OSError"}, "on='OSError': give an exception type"),
    ({"on": (OSError, 3)}, "on="),
    ({"on": int}, "on="),
    ({"ignore": 3}, "ignore=3"),
    ({"on_result": "bad"}, "on_result='bad': give a function"),
    ({"on_result": asyncio.sleep}, "on_result=.*give a plain function"),
    ({"on_result": lambda: True}, "on_result=.*called with one argument"),
    ({"backoff": asyncio.sleep}, "backoff=.*give a plain function"),
    ({"backoff": lambda: 1.0}, "backoff=.*called with one argument"),
    ({"timeout": 0}, "timeout=0: give a number > 0"),
    ({"timeout": -1.0}, "timeout=-1.0"),
    ({"timeout": nan}, "timeout=nan"),
    ({"timeout": inf}, "timeout=inf"),
    ({"timeout": timedelta(0)}, "timeout=0.0"),
    ({"backoff": "exponentail"}, "backoff='exponentail'; did you mean 'exponential'?"),
    ({"backoff": "zzz"}, "known: constant, decorrelated, exponential, fibonacci, linear"),
    ({"backoff": 3}, "backoff=3: give one of constant, linear"),
    ({"backoff": None}, "backoff=None"),
    ({"backoff": iter([1, 2])}, "it serves one call"),
    ({"backoff": [1, "2"]}, r"backoff\[1\]='2': give a number"),
    ({"backoff": [1, nan]}, r"backoff\[1\]=nan"),
    ({"backoff": [1, 60]}, "backoff has 60.0 s, above max_delay=5.0: raise max_delay"),
    ({"initial_delay": -0.1}, "initial_delay=-0.1: give a number >= 0"),
    ({"initial_delay": 6}, "initial_delay=6.0 is above max_delay=5.0"),
    ({"max_delay": -1}, "max_delay=-1"),
    ({"max_delay": 0.05}, "initial_delay=0.1 is above max_delay=0.05"),
    ({"max_delay": inf}, "max_delay=inf"),
    ({"multiplier": 0.5}, "multiplier=0.5: give a number >= 1"),
    ({"multiplier": nan}, "multiplier=nan"),
    ({"jitter": -0.1}, "jitter=-0.1: give 'full', a number >= 0 and <= 1, or None"),
    ({"jitter": 1.1}, "jitter=1.1"),
    ({"jitter": "half"}, "jitter='half'"),
    ({"jitter": True}, "jitter=True"),
    ({"jitter": 0.5, "backoff": "decorrelated"}, "jitter=0.5 with backoff='decorrelated'"),
    ({"budget": -0.1}, "budget=-0.1: give a number >= 0 and <= 1"),
    ({"budget": 1.5}, "budget=1.5"),
    ({"budget": "20%"}, "budget='20%'"),
]


@pytest.mark.parametrize(("options", "words"), REFUSED)
def test_what_cannot_be_is_refused_by_name(
    system: System, options: dict[str, Any], words: str
) -> None:
    """The error names the setting, the value and what is allowed; decorator and class alike."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        RetrySettings.of(options, "@retry")
    with pytest.raises(ConfigurationError, match=words):
        Retry(system=system, **options)

    assert str(caught.value).startswith("@retry: ")


@pytest.mark.parametrize(
    ("name", "words"), [("atempts", "did you mean 'attempts'"), ("delay", "max_delay")]
)
def test_unknown_settings_are_refused_by_name(system: System, name: str, words: str) -> None:
    """Near names are said."""
    with pytest.raises(UnknownSettingError, match=words):
        retry(system, **{name: 3})(Flaky(1).ask)


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 1},
        {"backoff": "decorrelated", "jitter": "full"},
        {"backoff": "decorrelated", "jitter": None},
        {"backoff": [1, -1]},
        {"backoff": []},
        {"backoff": range(3)},
        {"backoff": len},
        {"initial_delay": 0, "max_delay": 0},
        {"initial_delay": timedelta(milliseconds=5), "max_delay": timedelta(hours=1)},
        {"multiplier": 1},
        {"jitter": 0},
        {"jitter": 1},
        {"jitter": None},
        {"budget": None},
        {"budget": 0},
        {"budget": 1},
        {"on": [OSError, ValueError]},
    ],
)
def test_what_can_be_is_taken(options: dict[str, Any]) -> None:
    """The ends of each range are in it."""
    assert RetrySettings.of(options).attempts in (1, 3)


def test_a_second_retry_on_one_function_is_refused(system: System) -> None:
    """It says what to do."""
    with pytest.raises(DecorationError, match="give @retry once"):
        retry(system)(retry(system)(Flaky(1).ask))


def test_results_of_generators_are_not_judged(system: System) -> None:
    """A generator has no result while it is tried again."""

    def rows() -> Iterator[int]:
        yield 1

    with pytest.raises(ConfigurationError, match="on_result on the generator function"):
        retry(system, on_result=bool)(rows)


def test_one_attempt_cannot_have_more_time_than_all(system: System) -> None:
    """Both are named, in either order of the decorators; the same time for both is taken."""
    call = Flaky(1).ask

    with pytest.raises(ConfigurationError, match=r"@timeout\(3\).*@retry\(timeout=2\)"):
        retry(system, timeout=2.0)(system.timeout(3.0)(call))
    with pytest.raises(ConfigurationError, match=r"@timeout\(3\).*@retry\(timeout=2\)"):
        system.timeout(3.0)(retry(system, timeout=2.0)(call))

    assert retry(system, timeout=2.0)(system.timeout(2.0)(call))() == 1


# -- Retry ----------------------------------------------------------------------------------------


def test_retry_calls_any_function(system: System, clock: ManualClock) -> None:
    """With its arguments, as often as is needed."""
    upstream = Flaky(DOWN, "answer")
    strategy = Retry(attempts=2, jitter=None, system=system)

    assert strategy.call(upstream.ask, 1) == "answer"
    assert upstream.calls == [(1,), (1,)]
    assert clock.monotonic() == 0.1


def test_retry_awaits_what_can_be_awaited(system: System) -> None:
    """`call_async` takes coroutine functions, plain functions, and those that return coroutines."""
    strategy = Retry(attempts=2, budget=None, system=system)

    async def coroutine(upstream: Flaky) -> Any:
        return upstream.ask()

    def maker(upstream: Flaky) -> Any:
        return coroutine(upstream)

    async def ask() -> list[Any]:
        return [
            await strategy.call_async(coroutine, Flaky(DOWN, "a")),
            await strategy.call_async(Flaky(DOWN, "b").ask),
            await strategy.call_async(maker, Flaky(DOWN, "c")),
            await strategy.call(coroutine, Flaky(DOWN, "d")),
        ]

    assert asyncio.run(ask()) == ["a", "b", "c", "d"]


def test_retry_gives_up_as_the_decorator_does(system: System) -> None:
    """It raises the last error, with notes."""
    upstream = Flaky(DOWN, ConnectionError("last"))

    with pytest.raises(ConnectionError, match="last") as caught:
        Retry(2, system=system).call(upstream.ask)

    assert len(caught.value.__notes__) == 1


def test_retry_has_a_name_for_its_events(system: System) -> None:
    """Which is "retry" without one."""
    heard: list[str] = []
    system.on_event(lambda event: heard.append(event.component))

    for name in ("payments", None):
        Retry(name=name, system=system).call(Flaky(DOWN, "answer").ask)

    assert heard == ["payments", "retry"]


def test_retry_has_a_timeout_and_can_be_inactive(system: System, clock: ManualClock) -> None:
    """As the decorator has and can."""
    upstream = Flaky(DOWN)
    strategy = Retry(9, timeout=0.15, jitter=None, system=system)

    with pytest.raises(ConnectionError):
        strategy.call(upstream.ask)
    assert len(upstream.calls) == 2

    with inactive(system), pytest.raises(ConnectionError):
        strategy.call(upstream.ask)
    assert len(upstream.calls) == 3


def test_retry_describes_itself(system: System) -> None:
    """Its name, then its numbers and where they came from."""
    lines = list(Retry(5, name="payments", jitter=0.5, system=system).describe())

    assert lines[0] == "retry 'payments'"
    assert "attempts = 5  (decorator)" in lines
    assert "jitter = 0.5  (decorator)" in lines
    assert "budget = 0.2  (default)" in lines


def test_settings_and_class_have_the_same_options() -> None:
    """What one takes the other takes."""
    from resilience.strategies.retries import RetryOptions

    names = {"attempts", *RetryOptions.__annotations__}

    assert names == set(inspect.signature(RetrySettings).parameters)
