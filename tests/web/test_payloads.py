"""What is told in headers and bodies."""

import pytest

from resilience.web.payloads import degraded_header
from resilience.web.times import timestamp


def test_nothing_stood_in_is_no_header() -> None:
    """An empty value."""
    assert degraded_header({}) == ""


def test_names_and_ways_in_the_order_they_came() -> None:
    """As DESIGN writes it."""
    marks = {"prices": "stale", "api[eu:*].x-y_z": "fallback"}

    assert degraded_header(marks) == "prices=stale, api[eu:*].x-y_z=fallback"


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x", "a=b, c=d", "a\tb", "\x00", "naïve", "a;b", 'a"b', "\u017f"]
)
def test_no_name_leaves_its_place(name: str) -> None:
    """What a header could not hold, or would read as another entry, is replaced."""
    value = degraded_header({name: "stale"})

    assert value.isascii()
    assert value.isprintable()
    assert not set(value) & set(' ,;"')
    assert value.count("=") == 1


def test_at_most_ten_names() -> None:
    """The first ones."""
    value = degraded_header({f"c{number}": "stale" for number in range(30)})

    assert [f"c{number}=stale" for number in range(10)] == value.split(", ")


def test_at_most_a_thousand_characters() -> None:
    """Whole entries only."""
    value = degraded_header({f"{number}{'x' * 400}": "fallback" for number in range(5)})

    assert len(value) <= 1000
    assert [len(entry) for entry in value.split(", ")] == [410, 410]


def test_a_name_longer_than_the_header_is_left_out() -> None:
    """Rather than cut to another name."""
    assert degraded_header({"x" * 2000: "stale", "b": "stale"}) == ""


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_750_000_000.5, "2025-06-15T15:06:40.500Z"),
        (-1.0, "1969-12-31T23:59:59.000Z"),
    ],
)
def test_timestamps_are_utc_to_the_millisecond(at: float, text: str) -> None:
    """RFC 3339."""
    assert text == timestamp(at)
