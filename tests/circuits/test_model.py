"""A circuit does, in any order of events, what a model of it in plain words does."""

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from resilience.testing import CircuitMachine, OperatedMachine

OFTEN = settings(
    max_examples=200, stateful_step_count=40, deadline=None, report_multiple_bugs=False
)


def test_a_circuit_does_what_the_model_does() -> None:
    """Calls that overlap, end late, get lost; time that passes."""
    run_state_machine_as_test(CircuitMachine, settings=OFTEN)


def test_an_operated_circuit_does_what_the_model_does() -> None:
    """The same under orders, which end by time, by release, by a reset, or by the next order."""
    run_state_machine_as_test(OperatedMachine, settings=OFTEN)
