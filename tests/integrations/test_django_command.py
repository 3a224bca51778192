"""`manage.py resilience` against a running server, and without one."""

import json
import socket
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from tests.integrations.django_project import set_up

set_up()

from django.core.management import CommandError, call_command  # noqa: E402
from django.urls import path as route  # noqa: E402

from resilience import CheckResult, Feature, System  # noqa: E402
from resilience.testing import ManualClock  # noqa: E402
from resilience.web.actors import bearer  # noqa: E402
from tests.integrations.django_admin import project, served  # noqa: E402

SECRET = "a token of the tests"


@pytest.fixture
def server(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the address of a server with a circuit and a feature, which the variables name."""
    system.circuits.get("payments")
    system.degradation.add(Feature("offers", priority=20))
    setting = {"system": system, "authorize": bearer({"ops": SECRET})}
    with project(system, RESILIENCE=setting), served() as address:
        monkeypatch.setenv("RESILIENCE_URL", address)
        monkeypatch.setenv("RESILIENCE_TOKEN", SECRET)
        yield address


def said(*arguments: str) -> str:
    """Return what the command says."""
    out = StringIO()
    call_command("resilience", *arguments, stdout=out)
    return out.getvalue()


def told(*arguments: str) -> Any:
    """Return what it tells programs."""
    return json.loads(said(*arguments, "--json"))


def test_without_a_server_it_says_why_it_knows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than to show this process's own, empty circuits."""
    monkeypatch.delenv("RESILIENCE_URL", raising=False)

    with pytest.raises(CommandError, match="memory of the server's workers, which no other"):
        said("list")


def test_it_lists_what_there_is(server: str, system: System) -> None:
    """As a table for people, as JSON for programs; both say which worker it was."""
    system.circuits["payments"].force_open("the bank is down", "ada")

    assert [each["state"] for each in told("list")["circuits"]] == ["forced_open"]
    lines = said("list").splitlines()
    assert lines[0].startswith(f"worker {told('list')['worker']}: health ")
    assert lines[1].split()[:2] == ["name", "state"]
    assert lines[2].split()[:2] == ["payments", "forced_open"]
    assert [each["name"] for each in told("features")["features"]] == ["offers"]
    assert "offers" in said("features")
    assert "circuit_forced" in said("events")


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        (("force", "payments", "open"), "forced_open"),
        (("force", "payments", "closed", "--for", "60"), "forced_closed"),
    ],
)
def test_it_forces_and_releases(
    server: str, system: System, arguments: tuple[str, ...], state: str
) -> None:
    """With a reason, an end, and who it was."""
    done = told(*arguments, "--reason", "a drill")

    assert (done["actor"], done["reason"]) == ("ops", "a drill")
    assert system.circuits["payments"].state == state
    assert said("release", "payments", "--reason", "over").startswith("circuit.release payments: ")
    assert system.circuits["payments"].state == "closed"


def test_its_doctor_finds_a_view_that_bypasses_its_guard(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the project's routes; nothing has to be served for it."""
    monkeypatch.delenv("RESILIENCE_URL", raising=False)

    def view(request: Any) -> Any: ...

    class Routes:
        urlpatterns = (route("pay/", view),)

    system.circuit("pay", slow_call_duration=1)(view)
    out = StringIO()

    with project(system, ROOT_URLCONF=Routes), pytest.raises(CommandError) as raised:
        call_command("resilience", "doctor", stdout=out)

    assert raised.value.returncode == 3
    assert "error /pay/ (bypassed_guard)" in out.getvalue()


def test_an_order_ends(server: str, system: System, clock: ManualClock) -> None:
    """After the seconds that were given."""
    said("force", "payments", "open", "--for", "60", "--reason", "a drill")

    clock.advance(61)

    assert system.circuits["payments"].state == "closed"


def test_it_sets_the_level_and_features(server: str, system: System) -> None:
    """And back."""
    said("level", "reduced", "--reason", "a sale")
    assert (system.degradation.level, system.degradation.enabled("offers")) == ("reduced", False)
    said("level", "recover", "--reason", "sold out")
    said("features", "disable", "offers", "--reason", "broken")
    assert (system.degradation.level, system.degradation.enabled("offers")) == ("normal", False)
    said("features", "release", "offers", "--reason", "mended")
    assert system.degradation.enabled("offers")
    said("features", "rollout", "offers", "25", "--reason", "a try")
    assert told("features")["features"][0]["rollout"] == 25


def test_a_failing_health_is_an_exit_status(server: str, system: System) -> None:
    """3, for scripts; what there is to see is said all the same."""
    system.health.check(
        "postgres", lambda: CheckResult("fail", "down"), component="orders", criticality="critical"
    )
    out = StringIO()
    for _ in range(5):
        system.health.verify("orders")

    with pytest.raises(CommandError, match="not well") as raised:
        call_command("resilience", "health", stdout=out)

    assert raised.value.returncode == 3
    assert "orders" in out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("list", "--token", "a wrong token"), "an `authorize` that knows it"),
        (("list", "--url", "shop.example"), "'shop.example' is no address"),
        (("list", "--url", "file:///etc/passwd"), "is no address"),
        (("reset", "paymets", "--reason", "x"), "did you mean 'payments'"),
        (("reset", "payments", "--reason", ""), "reason is missing"),
        (("force", "payments", "ajar", "--reason", "x"), "'ajar' is not one of"),
        (("level", "reduced"), "--reason is needed"),
        (("list", "--url", "{server}/admin"), "it redirects to /admin/login/"),
    ],
)
def test_what_goes_wrong_is_said(server: str, arguments: tuple[str, ...], expected: str) -> None:
    """In words that say what to give."""
    with pytest.raises(CommandError, match=expected):
        said(*(each.format(server=server) for each in arguments))


def test_a_server_that_is_gone_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens on a port that was just given back."""
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]

    with pytest.raises(CommandError, match=r"does not answer: .*refused"):
        said("list", "--url", f"http://127.0.0.1:{port}")
