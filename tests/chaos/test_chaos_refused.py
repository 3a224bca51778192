"""What cannot be tried: refused by name from operators and from files alike, nothing injected."""

import json
from pathlib import Path
from typing import Any

import pytest

from resilience import System
from resilience.chaos.files import load
from resilience.errors import ConfigurationError
from resilience.testing import ManualClock
from resilience.web.admin import api

GOOD: dict[str, Any] = {"name": "x", "fault": "outage", "target": "payments"}
ENABLED = {"enabled": True}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown fault": ({"fault": "outtage"}, "did you mean 'outage'?"),
    "fault without its number": ({"fault": "latency"}, "give seconds"),
    "fault before its time": ({"fault": {"kind": "latency", "seconds": -1}}, "seconds=-1"),
    "unknown target": ({"target": "paymets"}, "did you mean 'payments'?"),
    "unknown route": ({"target": "route:/nope"}, "unknown target route:/nope"),
    "no bulkhead": ({"fault": "exhaustion"}, "'payments' has no bulkhead"),
    "no time": ({"duration": 0}, "duration=0: give a number > 0"),
    "too long": ({"duration": 601}, "longer than chaos.max_duration, 600 s"),
    "more than all": ({"share": 1.5}, "share=1.5"),
    "unknown condition": ({"steady_state": ["all is well"]}, "'all is well'"),
    "not steady": ({"steady_state": ["circuit payments is open"]}, "not steady before it began"),
    "unknown match": ({"match": {"cookie": "a"}}, "unknown 'cookie'"),
    "unknown argument": ({"durration": 5}, "did you mean 'duration'?"),
}
"""What is wrong, and what is said of it."""

NOT_ALLOWED: dict[str, tuple[dict[str, Any], str]] = {
    "off": ({}, "chaos is not enabled"),
    "production": ({**ENABLED, "production": True}, "chaos.allow_production is not set"),
    "another fault": ({**ENABLED, "allowed_faults": ["latency"]}, "not in chaos.allowed_faults"),
    "nobody approved": ({**ENABLED, "require_approval": True}, "waits for approval"),
}
"""Settings under which a good experiment is refused, and what is said."""


def shop(chaos: dict[str, Any]) -> System:
    """Return a system with a circuit."""
    system = System({"chaos": chaos}, clock=ManualClock())
    system.circuits.get("payments")
    return system


def act(system: System, **order: Any) -> tuple[int, str]:
    """Order something by the dashboard's API; return its status and what was said."""
    body = json.dumps({"reason": "game day", **order}).encode()
    sent = {"content-type": "application/json", "host": "shop.example"}
    answer = api.answer(system, api.Request("POST", api.ACTIONS, "", sent, body), "ada")
    return answer.status, json.loads(answer.body).get("detail", "")


def by_operator(system: System, table: dict[str, Any]) -> str:
    """Plan and run an experiment by the API; return what was said when it was refused."""
    status, said = act(system, action="chaos.plan", experiment=table)
    if status == 200:
        status, said = act(system, action="chaos.run", name=table["name"])
    assert status in (400, 404, 409)
    return said


def by_file(system: System, table: dict[str, Any], folder: Path) -> str:
    """Run an experiment from a file; return what was said when it was refused."""
    path = folder / "experiment.yaml"  # YAML is a superset of JSON
    path.write_text(json.dumps({"experiments": [table]}))
    try:
        [experiment] = load(path)
        result = system.chaos.run(experiment, actor="ada")
    except ConfigurationError as error:
        return str(error)
    assert result.status == "refused"
    return result.reason


def untouched(system: System) -> bool:
    """Tell whether nothing runs, and calls are as they were."""
    return system.chaos.running() == [] and system.circuits["payments"].call(str, 7) == "7"


@pytest.mark.parametrize("wrong", list(WRONG))
def test_what_cannot_be_is_refused(tmp_path: Path, wrong: str) -> None:
    """In the same words, whoever asks."""
    change, words = WRONG[wrong]
    system = shop(ENABLED)

    assert words in by_operator(system, {**GOOD, **change})
    assert words in by_file(system, {**GOOD, **change}, tmp_path)
    assert untouched(system)


@pytest.mark.parametrize("case", list(NOT_ALLOWED))
def test_what_may_not_be_is_refused(tmp_path: Path, case: str) -> None:
    """Though nothing is wrong with it."""
    chaos, words = NOT_ALLOWED[case]
    system = shop(chaos)

    assert words in by_operator(system, GOOD)
    assert words in by_file(system, GOOD, tmp_path)
    assert untouched(system)


def test_nobody_approves_what_they_asked_for() -> None:
    """Nor runs it then."""
    system = shop({**ENABLED, "require_approval": True})
    act(system, action="chaos.plan", experiment=GOOD)

    status, said = act(system, action="chaos.approve", name="x")

    assert (status, "somebody else has to approve" in said) == (409, True)
    assert act(system, action="chaos.run", name="x")[0] == 409
    assert untouched(system)
