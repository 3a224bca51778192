"""Who may run what: everything else is refused, and nothing injected."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from resilience import ChaosRefusedError, ConfigurationError, Experiment, Latency, Outage, System
from resilience.testing import ManualClock

OUTAGE = Experiment("x", Outage(), "it")


def made(clock: ManualClock, **settings: Any) -> System:
    """Return a system with a circuit and these settings."""
    system = System({"chaos": {"enabled": True, **settings}}, clock=clock)
    system.circuits.get("it")
    return system


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"enabled": False}, "chaos.enabled"),
        ({"production": True}, "chaos.allow_production"),
        ({"allowed_faults": ["latency"]}, "chaos.allowed_faults: latency"),
        ({"max_duration": 10.0}, "60 s is longer than chaos.max_duration, 10 s"),
        ({"require_approval": True}, "waits for approval"),
        ({"production": True, "allow_production": True}, "waits for approval"),
    ],
)
def test_what_the_settings_do_not_allow_is_refused(
    clock: ManualClock, settings: dict[str, Any], said: str
) -> None:
    """The result says which setting stands against it."""
    system = made(clock, **settings)

    result = system.chaos.run(OUTAGE)

    assert result.status == "refused"
    assert said in result.reason
    assert system.circuits["it"].inside is None
    with pytest.raises(ChaosRefusedError):
        result.check()


@pytest.mark.parametrize("variable", ["APP_ENV", "DJANGO_ENV"])
def test_the_environment_tells_production(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Without the setting, the usual variables count."""
    monkeypatch.setenv(variable, "Production")

    assert "production" in made(clock).chaos.run(OUTAGE).reason


def test_chaos_is_off_by_default() -> None:
    """A system that was told nothing refuses."""
    assert System().chaos.run(OUTAGE).status == "refused"


def test_somebody_else_has_to_approve(clock: ManualClock) -> None:
    """Not the asker; for one run; within an hour."""
    system = made(clock, require_approval=True)
    system.chaos.plan(OUTAGE, "ann")

    with pytest.raises(ChaosRefusedError, match="somebody else"):
        system.chaos.approve("x", "ann")
    assert system.chaos.run(OUTAGE, "ann").status == "refused"

    system.chaos.approve("x", "bob")
    assert system.chaos.run(OUTAGE, "ann").status == "completed"
    assert system.chaos.run(OUTAGE, "ann").status == "refused"

    system.chaos.approve("x", "bob")
    clock.advance(3600.0)
    assert system.chaos.run(OUTAGE, "ann").status == "refused"


def test_an_approval_is_for_what_was_approved(clock: ManualClock) -> None:
    """The same name with a longer fault has to be approved again."""
    system = made(clock, require_approval=True)
    system.chaos.plan(OUTAGE, "ann")
    system.chaos.approve("x", "bob")

    longer = Experiment("x", Outage(), "it", duration=500)

    assert system.chaos.run(longer, "ann").status == "refused"


def test_one_at_a_time_and_never_two_on_one_target(clock: ManualClock) -> None:
    """A second one is refused, by number and by target."""
    system = made(clock, max_concurrent=2)
    system.circuits.get("other")
    system.circuits.get("third")
    system.chaos.start(OUTAGE)

    again = system.chaos.run(Experiment("y", Latency(1), "it"))
    system.chaos.start(Experiment("z", Outage(), "other"))
    third = system.chaos.run(Experiment("third", Outage(), "third"))

    assert "'x' runs on 'it' already" in again.reason
    assert "chaos.max_concurrent is 2" in third.reason
    assert system.chaos.halt() == 2
    assert system.chaos.running() == []


def test_a_degraded_system_is_left_alone(clock: ManualClock) -> None:
    """Safe mode wants the normal level."""
    system = made(clock)
    system.degradation.degrade("reduced", "trouble enough")

    assert "level of service is reduced" in system.chaos.run(OUTAGE).reason


def test_the_usual_duration_is_an_allowed_one(clock: ManualClock) -> None:
    """One that was given has to fit; the default gives way."""
    with pytest.raises(ConfigurationError, match="default_duration=50: give at most max_duration"):
        made(clock, default_duration=50, max_duration=40)

    told = {"name": "x", "fault": "outage", "target": "it"}
    result = made(clock, max_duration=40).chaos.run(Experiment.of(told))

    assert (result.status, result.duration) == ("completed", 40)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fault": "latenzy"}, "unknown fault 'latenzy'; did you mean 'latency'"),
        ({"fault": {"kind": "latency", "secs": 2}}, "unknown argument 'secs'"),
        ({"fault": {"kind": "latency"}}, "give seconds, jitter"),
        ({"fault": {"kind": "error", "exception": "NoSuchError"}}, "NoSuchError"),
        ({"share": 0.0}, "share=0.0"),
        ({"share": 1.5}, "share=1.5"),
        ({"duration": 0}, "duration=0"),
        ({"name": ""}, "experiment name"),
        ({"steady_state": ["error_rat <= 1"]}, "unknown metric 'error_rat'; did you mean"),
        ({"steady_state": ["fine"]}, "give a function, or a condition"),
        ({"match": {"headers": {}}}, "match: unknown 'headers'; did you mean 'header'"),
        ({"match": asyncio.sleep}, "give a plain function, which an async function is not"),
        ({"targets": "it"}, "unknown argument 'targets'; did you mean 'target'"),
    ],
)
def test_what_is_no_experiment_is_refused_by_name(options: dict[str, Any], said: str) -> None:
    """Each message names the value and what is allowed."""
    with pytest.raises(ConfigurationError) as caught:
        Experiment.of({"name": "x", "fault": "outage", "target": "it", **options})

    assert said in str(caught.value)
