"""The benchmark of answers measures what it says it does."""

import pytest

from benchmarks import answers


def test_it_runs_in_small(capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind of answer has its row; the machine's speed is not for a test to judge."""
    assert answers.main(circuits=30, checks=4, asked=20) in (0, 1)

    printed = capsys.readouterr().out
    for name in answers.CASES:
        assert name in printed


def test_its_system_is_busy() -> None:
    """Some circuits refuse calls, some components are down, and each answer says so."""
    system = answers.busy_system(circuits=40, checks=10)

    report = system.health.report()
    assert report.components["circuits"].score == 99.0
    assert {str(each.status) for each in report.components.values()} == {"pass", "warn", "fail"}
    public = answers.measure(system, "/health", None, asked=3)
    details = answers.measure(system, "/health", "ops", asked=3)
    assert public.size == len('{"status": "warn"}')
    assert details.size > 10_000
