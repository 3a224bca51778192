"""What the simulated server makes of too many requests; seeded, so that it is always the same."""

import pytest

from benchmarks import overload
from benchmarks.overload import BOTH, DIMMER, MANDATORY, NOTHING, SHEDDING, TARGET, WORKERS, run

CAPACITY = WORKERS / MANDATORY


def test_doubled_load_is_dimmed_in_time() -> None:
    """P95 within 1.3 times the target in less than ten seconds, some optional content left."""
    dimmed, nothing = (run(control, 80.0, 160.0, end=70.0) for control in (DIMMER, NOTHING))

    assert dimmed.settled is not None
    assert dimmed.settled <= 10
    assert dimmed.p95 <= 1.3 * TARGET
    assert dimmed.optional > 0.15
    assert dimmed.goodput == pytest.approx(160, rel=0.05)
    assert nothing.settled is None
    assert nothing.p95 > 10 * dimmed.p95
    assert nothing.critical == 0


def test_past_all_capacity_what_can_be_served_is() -> None:
    """Goodput of nine tenths of it, and critical requests are answered."""
    both, dimmed = (run(control, 80.0, 1.5 * CAPACITY, end=70.0) for control in (BOTH, DIMMER))

    assert both.goodput >= 0.9 * CAPACITY
    assert both.critical == 1.0
    assert both.p95 <= 1.3 * TARGET
    assert (dimmed.settled, dimmed.critical) == (None, 0)  # dimming alone is not enough


def test_shedding_alone_keeps_what_is_served_in_time() -> None:
    """In full, for fewer."""
    shed = run(SHEDDING, 80.0, 160.0, end=70.0)

    assert shed.goodput >= 0.9 * WORKERS / (MANDATORY + overload.OPTIONAL)
    assert (shed.optional, shed.critical) == (1.0, 1.0)
    assert shed.p95 <= 1.3 * TARGET


def test_it_prints_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    """A row for each control, and both loads."""
    assert overload.main() == 0

    said = capsys.readouterr().out.splitlines()
    for control in overload.CONTROLS:
        assert sum(control.name in line for line in said) >= 2
    assert any(line.startswith("400") for line in said)
