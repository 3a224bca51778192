"""Deadlines in headers, in and out."""

from typing import Any

import pytest
from starlette.datastructures import Headers
from werkzeug.datastructures import Headers as WerkzeugHeaders

from resilience import ConfigurationError
from resilience.core import deadline
from resilience.limits.headers import deadline_from_headers, deadline_headers
from resilience.testing import ManualClock


@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("X-Request-Timeout", "30", 30.0),
        ("x-request-timeout", " 2.5 ", 2.5),
        ("X-Request-Timeout", "30s", 30.0),
        ("X-Request-Timeout", "1500ms", 1.5),
        ("X-Request-Timeout", "1500 ms", 1.5),
        ("Request-Timeout", "30", 30.0),
        ("X-Request-Timeout-Ms", "120000", 120.0),
        ("X-Envoy-Expected-Rq-Timeout-Ms", "15000", 15.0),
        ("grpc-timeout", "1500m", 1.5),
        ("grpc-timeout", "2S", 2.0),
        ("grpc-timeout", "5M", 300.0),
        ("grpc-timeout", "1H", 3600.0),
        ("grpc-timeout", "250000u", 0.25),
        ("grpc-timeout", "99999999n", 0.099999999),
    ],
)
def test_forms_in_use_are_read(name: str, value: str, seconds: float) -> None:
    """Each with its own unit, from any kind of headers."""
    for headers in ({name: value}, Headers({name: value}), WerkzeugHeaders([(name, value)])):
        assert deadline_from_headers(headers) == pytest.approx(seconds)  # type: ignore[arg-type]


ZERO = ["0", "0.0", "-1"]
NO_NUMBER = ["", "nan", "inf", "soon", "+1", "1e3", "1,2", "1_000", "٣", "0x10", "1.", ".5"]
NO_TIME = ["1h", "1 2", "9" * 40, "2S\r\nX: y"]


@pytest.mark.parametrize("value", [*ZERO, *NO_NUMBER, *NO_TIME])
def test_garbage_is_ignored(value: str) -> None:
    """It never raises, never gives a time of nothing or less."""
    assert deadline_from_headers({"X-Request-Timeout": value}) is None
    assert deadline_from_headers({"X-Request-Timeout": value, "grpc-timeout": "1S"}) == 1.0


@pytest.mark.parametrize("value", ["", "5", "5s", "S", "0S", "123456789S", "-1S", "1.5S", "1 S"])
def test_grpc_garbage_is_ignored(value: str) -> None:
    """One to eight digits and a unit, or nothing."""
    assert deadline_from_headers({"grpc-timeout": value}) is None


def test_the_shortest_holds_and_is_bounded() -> None:
    """Whoever asks for more than allowed gets what is allowed."""
    assert deadline_from_headers({}) is None
    assert deadline_from_headers({"Accept": "30"}) is None
    assert deadline_from_headers({"X-Request-Timeout": "9", "grpc-timeout": "3S"}) == 3.0
    assert deadline_from_headers({"X-Request-Timeout": "999999999"}) == 3600.0
    assert deadline_from_headers({"X-Request-Timeout": "99"}, most=10) == 10.0


@pytest.mark.parametrize("most", [0, -1, float("nan"), "10", None])
def test_an_impossible_bound_is_refused(most: Any) -> None:
    """By name, with what is allowed."""
    with pytest.raises(ConfigurationError, match=r"most=.*: give a number > 0"):
        deadline_from_headers({}, most=most)


def test_those_we_call_are_told_what_is_left(clock: ManualClock) -> None:
    """Nothing without a deadline; with one, what the other side reads again."""
    assert deadline_headers() == {}
    token = deadline.begin(2.5, clock)
    try:
        clock.advance(1.0)
        assert deadline_headers() == {"X-Request-Timeout": "1.500"}
        assert deadline_from_headers(deadline_headers()) == 1.5
        clock.advance(9.0)
        assert deadline_headers() == {"X-Request-Timeout": "0.001"}
    finally:
        deadline.end(token)
