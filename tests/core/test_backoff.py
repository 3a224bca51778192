"""The waits between attempts, as numbers."""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from itertools import islice
from math import inf, isfinite, nan
from random import Random
from typing import Any

import pytest

from resilience.core.backoff import NAMES, Backoff


class Fixed(Random):
    """Chance that is none."""

    def __init__(self, *drawn: float) -> None:
        super().__init__()
        self._drawn = list(drawn)

    def random(self) -> float:
        """Give the numbers in turn, the last one for ever."""
        return self._drawn.pop(0) if len(self._drawn) > 1 else self._drawn[0]


def waits(
    shape: str | Callable[[int], Any] | Iterable[Any] = "exponential",
    count: int = 6,
    *,
    initial: float = 1.0,
    longest: float = 1e9,
    multiplier: float = 2.0,
    jitter: float | str | None = None,
    random: Random | None = None,
) -> list[float]:
    """Return the first waits of a call."""
    backoff = Backoff(shape, initial, longest, multiplier, jitter)
    return list(islice(backoff.delays(random or Random(7)), count))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("constant", [1, 1, 1, 1, 1, 1]),
        ("linear", [1, 2, 3, 4, 5, 6]),
        ("exponential", [1, 2, 4, 8, 16, 32]),
        ("fibonacci", [1, 1, 2, 3, 5, 8]),
        (lambda failed: failed * 0.5, [0.5, 1, 1.5, 2, 2.5, 3]),
        ([3, 1, 2], [3, 1, 2]),
        (range(1, 4), [1, 2, 3]),
        ([timedelta(minutes=1)], [60]),
    ],
)
def test_each_backoff_has_its_shape(shape: Any, expected: list[float]) -> None:
    """Without jitter the waits are the series that the name, function or list says."""
    assert waits(shape) == expected


def test_decorrelated_waits_are_those_of_the_formula() -> None:
    """Base 1 s, U = 0.5: in ms, as 50 digits of the formula round."""
    found = waits("decorrelated", random=Fixed(0.5))

    assert [round(each * 1000) for each in found] == [897, 1093, 2036, 4046, 8084, 16164]


def test_decorrelated_waits_are_those_of_polly() -> None:
    """Base 7.8 s and ten draws: the values that Polly's own test has, in whole ms.

    Source: App-vNext/Polly, test/Polly.Core.Tests/Retry/RetryHelperTests.cs.
    """
    draws = (
        0.7262432699679598, 0.8173253595909687, 0.7680226893946634, 0.5581611914365372,
        0.2060331540210327, 0.5588847946184151, 0.9060270660119257, 0.44217787331071584,
        0.9775497531413798, 0.27370445768987034,
    )  # fmt: skip

    found = waits("decorrelated", 10, initial=7.8, random=Fixed(*draws))

    assert [int(each * 1000) for each in found] == [
        8626, 10830, 18396, 27703, 37213, 159824, 405539, 300743, 1839611, 639970,
    ]  # fmt: skip


def test_the_multiplier_is_the_factor_between_waits() -> None:
    """It holds for exponential waits."""
    assert waits(count=4, multiplier=3.0, initial=0.5) == [0.5, 1.5, 4.5, 13.5]


def test_full_jitter_draws_from_nothing_to_the_whole_wait() -> None:
    """Each wait is within [0, its length], and the draws reach both ends."""
    found = waits("constant", 2000, initial=4.0, jitter="full")

    assert all(0.0 <= each <= 4.0 for each in found)
    assert min(found) < 0.1
    assert max(found) > 3.9


def test_full_jitter_is_drawn_below_the_longest_wait() -> None:
    """The wait is cut first and drawn then, so that late waits still differ."""
    found = waits(count=100, longest=5.0, jitter="full")

    assert max(found) <= 5.0
    assert len(set(found)) == 100


@pytest.mark.parametrize(
    ("draw", "expected"), [(0.0, [0.75, 1.5, 3.0]), (0.5, [1, 2, 4]), (1.0, [1.25, 2.5, 5.0])]
)
def test_a_share_of_jitter_goes_both_ways(draw: float, expected: list[float]) -> None:
    """A quarter draws from a quarter below to a quarter above."""
    assert waits(count=3, jitter=0.25, random=Fixed(draw)) == expected


def test_jitter_does_not_exceed_the_longest_wait() -> None:
    """What a share adds is cut, too."""
    assert waits(count=3, longest=2.0, jitter=1.0, random=Fixed(1.0)) == [2.0, 2.0, 2.0]


def test_jitter_of_no_share_waits_exactly() -> None:
    """`jitter=0` is the same as None."""
    assert waits(jitter=0.0) == waits(jitter=None)


@pytest.mark.parametrize("shape", [*NAMES, lambda failed: failed * 1.0])
@pytest.mark.parametrize("jitter", ["full", 1.0, None])
@pytest.mark.parametrize("longest", [5.0, 1.7e308])
def test_late_attempts_stay_numbers(shape: Any, jitter: Any, longest: float) -> None:
    """Of 5,000 waits each is finite, not negative and at most the longest."""
    found = waits(shape, 5000, longest=longest, jitter=jitter)

    assert len(found) == 5000
    assert all(isfinite(each) and 0.0 <= each <= longest for each in found)


@pytest.mark.parametrize("shape", ["linear", "exponential", "fibonacci", "decorrelated"])
def test_late_attempts_wait_longest(shape: str) -> None:
    """The wait after attempt 5,000 is the longest one, to the last bit."""
    assert waits(shape, 5000, longest=5.0)[-1] == 5.0


@pytest.mark.parametrize("shape", NAMES)
@pytest.mark.parametrize("jitter", ["full", 0.5, None])
def test_no_base_is_no_wait(shape: str, jitter: Any) -> None:
    """An initial delay of 0 s waits 0 s, after 5,000 attempts as well."""
    assert set(waits(shape, 5000, initial=0.0, jitter=jitter)) == {0.0}


@pytest.mark.parametrize("given", [[1, 2, -1, 3], lambda failed: failed if failed < 3 else -1])
def test_a_negative_wait_ends_the_attempts(given: Any) -> None:
    """What was before it is waited, nothing after it."""
    assert waits(given) == [1, 2]


@pytest.mark.parametrize("given", [[1, nan, 2], lambda failed: 1 if failed == 1 else None])
def test_what_is_no_number_ends_the_attempts(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and never reaches the call."""
    with caplog.at_level(logging.ERROR):
        assert waits(given) == [1]

    assert "backoff" in caplog.text


def test_a_function_that_fails_ends_the_attempts(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged, and does not take the place of the call's."""

    def broken(failed: int) -> float:
        return 1 / (2 - failed)

    with caplog.at_level(logging.ERROR):
        assert waits(broken) == [1]

    assert "ZeroDivisionError" in caplog.text


def test_a_function_may_say_for_ever() -> None:
    """Infinite seconds are cut to the longest wait."""
    assert waits(lambda _: inf, 2, longest=5.0) == [5.0, 5.0]


def test_calls_share_no_waits() -> None:
    """Each call begins with the first wait, also of a list, whatever another one took."""
    backoff = Backoff([1, 2], 1.0, 9.0, 2.0, None)
    first, second = backoff.delays(Random(1)), backoff.delays(Random(1))

    assert next(first) == 1
    assert list(second) == [1, 2]
    assert list(first) == [2]


def test_the_same_seed_waits_the_same() -> None:
    """Chance is the one that is given, and no other."""
    assert waits(jitter="full", random=Random(3)) == waits(jitter="full", random=Random(3))
    assert waits(jitter="full", random=Random(3)) != waits(jitter="full", random=Random(4))
