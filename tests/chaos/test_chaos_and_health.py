"""A component's health checks meet the fault that its calls meet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from resilience import Corrupt, Event, Experiment, InjectedFaultError, Latency, Outage, System
from resilience.chaos.faults import Fault
from resilience.testing import ManualClock


def fine() -> None:
    """Find nothing wrong."""


async def fine_async() -> None:
    """Find nothing wrong, on a loop."""


CHECKS: dict[str, Callable[[], Any]] = {
    "sync": fine,
    "async": fine_async,
    "known as async when it is run": lambda: fine_async(),  # noqa: PLW0108 - nobody sees that it is async
}


def guarded(system: System) -> Callable[[], str]:
    """Return a call of the component `bank`."""

    @system.heal("bank", max_wait=0.0)
    def pay() -> str:
        return "paid"

    return pay


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize(
    ("fault", "output"),
    [
        (Outage(), "InjectedOutageError"),
        (Latency(2.0), "no answer within 1 s"),
        (Corrupt("junk"), ""),
    ],
    ids=["outage", "latency", "corrupt"],
)
def test_checks_of_the_component_meet_it(
    system: System, kind: str, fault: Fault, output: str
) -> None:
    """Those of no other do; afterwards all is well again; calls alone are counted as hit."""
    pay = guarded(system)
    system.health.check("its check", CHECKS[kind], component="bank")
    system.health.check("another", fine, component="database")
    assert system.health.verify("bank") is True

    run = system.chaos.start(Experiment("it", fault, "component:bank", duration=60.0))

    assert system.health.verify("bank") is (output == "")
    assert system.health.verify("database") is True
    if output:
        assert output in str(system.health.history("bank")[-1].output)
    assert (run.injection.seen, run.injection.hit) == (0, 0)
    system.chaos.halt()
    assert system.health.verify("bank") is True
    assert pay() == "paid"


def test_settings_that_change_meanwhile_keep_it(system: System) -> None:
    """The check is made anew then, and the fault stays in."""
    pay = guarded(system)
    system.health.check("its check", fine, component="bank")
    system.chaos.start(Experiment("it", Outage(), "component:bank", duration=60.0))

    system.configure({"chaos": {"enabled": True}, "health": {"interval": 7.0}})

    assert system.health.verify("bank") is False
    with pytest.raises(InjectedFaultError):
        pay()


def test_a_recovery_succeeds_only_after_the_experiment(
    system: System, clock: ManualClock, events: list[Event]
) -> None:
    """What was done about it is verified by the check, which finds the component still broken."""
    pay = guarded(system)
    done: list[float] = []
    system.health.check("its check", fine, component="bank")
    system.healer.action("bank")(lambda: done.append(clock.monotonic()))
    system.chaos.start(Experiment("it", Outage(), "component:bank", duration=60.0))

    with pytest.raises(InjectedFaultError):
        pay()
    for _ in range(30):
        system.tick()
        clock.advance(1.0)
    told = [each.type for each in events if each.type.startswith("recovery_")]
    assert done
    assert told[:2] == ["recovery_started", "recovery_failed"]
    assert "recovery_succeeded" not in told

    system.chaos.halt()
    assert pay() == "paid"
    assert system.health.verify("bank") is True
