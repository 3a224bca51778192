"""Calls over time, in columns: nothing is lost, and what covers minutes is spread over them."""

from typing import Any

import pytest

from resilience.history.series import columns


def row(at: float, span: float = 1.0, calls: int = 10) -> dict[str, Any]:
    """Return counts of calls."""
    return {"at": at, "span": span, "calls": calls, "failures": 2, "rejected": 4}


def test_a_second_goes_where_it_belongs() -> None:
    """Columns are no narrower than a second."""
    found = columns([row(101.0), row(103.0)], 100.0, 104.0)

    assert [each.calls for each in found] == [10, 0, 10, 0]
    assert [each.at for each in found] == [100.0, 101.0, 102.0, 103.0]


def test_minutes_are_spread_over_their_columns() -> None:
    """In proportion to the time that they share."""
    found = columns([row(60.0, span=60.0, calls=60)], 0.0, 120.0, most=8)

    assert [each.calls for each in found] == pytest.approx([15, 15, 15, 15, 0, 0, 0, 0])


@pytest.mark.parametrize("since", [0.0, 0.3, 0.7])
def test_steady_calls_look_steady(since: float) -> None:
    """However seconds and columns are shifted against each other."""
    rows = [row(float(at)) for at in range(-10, 400)]

    found = columns(rows, since, since + 190.0)

    assert len(found) <= 120
    assert [each.calls for each in found] == pytest.approx([20.0] * len(found))


def test_what_is_outside_is_left_out() -> None:
    """Before and after."""
    found = columns([row(5.0), row(1000.0), row(100.5)], 100.0, 101.0)

    assert [each.calls for each in found] == [5.0]
