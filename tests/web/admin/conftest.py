"""A system with something to operate."""

import pytest

from resilience import Experiment, Feature, Outage, System


@pytest.fixture
def shop(system: System) -> System:
    """Give a system with something to operate."""
    system.circuits.get("payments")
    system.degradation.add(Feature("extras"))
    system.configure({"chaos": {"enabled": True}})
    system.chaos.plan(Experiment("gone", Outage(), "payments"), "bob")
    assert system.recent.last == 0

    @system.healer.action("database")
    def reconnect() -> None:
        """Do nothing much."""

    system.healer.failed("database", "postgres", ConnectionError("gone"), severity="low")
    return system
