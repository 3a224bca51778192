"""The live view in Django's admin: who sees it, who operates, and what is written down."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest

from tests.integrations.django_project import set_up

set_up()

from django.contrib.admin.models import LogEntry  # noqa: E402
from django.contrib.auth.models import Permission  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import DatabaseError  # noqa: E402
from django.urls import resolve  # noqa: E402

from resilience import Event, Feature, System, signals  # noqa: E402
from resilience.limits.load import Criticality  # noqa: E402
from resilience.web.actors import bearer  # noqa: E402
from resilience.web.admin import api  # noqa: E402
from resilience.web.criticality import criticality_of  # noqa: E402
from tests.integrations.django_admin import LIVE_VIEW, client_of, people, project  # noqa: E402

ACTIONS = LIVE_VIEW + "api/actions"


@pytest.fixture(scope="module", autouse=True)
def everybody() -> Iterator[None]:
    """Give people."""
    with people():
        yield


@pytest.fixture(autouse=True)
def in_force(system: System) -> Iterator[None]:
    """Give a project whose system has a circuit and a feature."""
    system.circuits.get("payments")
    system.degradation.add(Feature("offers", priority=20))
    with project(system):
        yield


def act(name: str, order: Any = None, **sent: Any) -> Any:
    """Order something as somebody, without a token."""
    order = {"action": "circuit.force_open", "name": "payments", "reason": "why", **(order or {})}
    given = {field: value for field, value in order.items() if value is not None}
    return client_of(name).post(ACTIONS, json.dumps(given), "application/json", **sent)


# -- who ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nobody", 302),
        ("customer", 302),
        ("clerk", 403),
        ("viewer", 200),
        ("operator", 200),
        ("root", 200),
    ],
)
@pytest.mark.parametrize("part", ["", "?part=board", "api/state", "api/events", "assets/icon.svg"])
def test_only_those_with_permission_look(name: str, part: str, status: int) -> None:
    """Others of the staff are refused; everybody else has to log in first."""
    answer = client_of(name).get(LIVE_VIEW + part)

    assert answer.status_code == status
    if status == 302:
        assert answer.headers["Location"].startswith("/admin/login/?next=")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("nobody", 302),
        ("customer", 302),
        ("clerk", 403),
        ("viewer", 403),
        ("operator", 200),
        ("root", 200),
    ],
)
def test_only_those_with_permission_operate(system: System, name: str, status: int) -> None:
    """Who may only look is refused, and nothing happens."""
    assert act(name).status_code == status

    expected = "forced_open" if status == 200 else "closed"
    assert system.circuits["payments"].state == expected


def test_a_viewer_has_no_buttons(system: System) -> None:
    """On the page and in what is loaded later; an operator has them in both."""
    system.degradation.degrade("reduced", "too much to do")
    for part in ("", "?part=board"):
        seen = client_of("viewer").get(LIVE_VIEW + part).content.decode()
        assert "payments" in seen
        assert "offers" in seen
        assert "data-action" not in seen
        assert "Orders" not in seen
        seen = client_of("operator").get(LIVE_VIEW + part).content.decode()
        assert 'data-action="circuit.force_open"' in seen
        assert 'data-action="level.recover"' in seen
        assert 'data-action="feature.enable"' in seen


def test_the_admins_index_leads_to_it() -> None:
    """For those who may look, and nobody else."""
    for name, leads in (("viewer", True), ("operator", True), ("clerk", False)):
        page = client_of(name).get("/admin/").content.decode()
        assert (f'href="{LIVE_VIEW}"' in page) is leads
    assert 'href="/admin/"' in client_of("viewer").get(LIVE_VIEW).content.decode()


def test_permissions_are_made_by_the_migration() -> None:
    """`view` and `operate`, nothing to add, change or delete; the migration is complete."""
    found = Permission.objects.filter(content_type__app_label="resilience")
    names = {each.codename for each in found}

    assert {each for each in names if "dashboard" in each} == {
        "view_dashboard", "operate_dashboard",
    }  # fmt: skip
    assert {each for each in names if not each.startswith("view_")} == {"operate_dashboard"}
    call_command("makemigrations", "resilience", check=True, dry_run=True, stdout=StringIO())


@pytest.mark.parametrize("whole", [False, True])
def test_the_live_view_has_no_table_to_dump(whole: bool) -> None:
    """What goes through all models of a project finds nothing of it, and does not fail."""
    out = StringIO()

    call_command("dumpdata", "auth", "resilience", use_base_manager=whole, stdout=out)

    dumped = {each["model"] for each in json.loads(out.getvalue())}
    assert "auth.user" in dumped
    assert "resilience.dashboard" not in dumped


# -- forged requests ------------------------------------------------------------------------------


def test_an_order_needs_the_token_of_the_page(system: System) -> None:
    """None and a wrong one are refused; the page has the right one."""
    client = client_of("root", enforce_csrf_checks=True)
    page = client.get(LIVE_VIEW).content.decode()
    header, token = (
        page.partition(f'data-csrf-{each}="')[2].partition('"')[0] for each in ("header", "token")
    )
    order = json.dumps({"action": "circuit.force_open", "name": "payments", "reason": "why"})

    def sent(**headers: str) -> int:
        status: int = client.post(
            ACTIONS, order, "application/json", headers={"Sec-Fetch-Site": "same-origin", **headers}
        ).status_code
        return status

    assert [sent(), sent(**{header: "x" * 64})] == [403, 403]
    assert system.circuits["payments"].state == "closed"
    assert sent(**{header: token}) == 200
    assert system.circuits["payments"].state == "forced_open"


def test_a_page_from_elsewhere_orders_nothing(system: System) -> None:
    """Whatever token it has."""
    assert act("root", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert system.circuits["payments"].state == "closed"


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_nothing_is_ordered_by_other_methods(method: str) -> None:
    """A link cannot do it."""
    answer = getattr(client_of("root"), method)(ACTIONS)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_the_page_runs_nothing_inline_and_is_not_kept() -> None:
    """Its own policy, whatever the project's is."""
    answer = client_of("root").get(LIVE_VIEW)

    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "no-store" in answer.headers["Cache-Control"]
    assert 'data-live="poll"' in answer.content.decode()


# -- what was done --------------------------------------------------------------------------------


def test_an_action_is_in_the_log_and_told(system: System) -> None:
    """Who, what, about what, why."""
    told: list[Event] = []

    def note(_: Any, event: Event) -> None:
        told.append(event)

    LogEntry.objects.all().delete()
    with signals.operator_acted.connected_to(note):
        act("operator", {"for": 60, "reason": "the bank is down"})
        act("operator", {"action": "level.degrade", "level": "reduced", "name": None})

    entries = list(LogEntry.objects.order_by("pk"))
    assert [(each.user.username, each.object_repr) for each in entries] == [
        ("operator", "payments"),
        ("operator", "degradation"),
    ]
    assert [each.get_change_message() for each in entries] == [
        "circuit.force_open for 60.0: the bank is down",
        "level.degrade level reduced: why",
    ]
    assert {each.get_admin_url() for each in entries} == {None}
    assert [(each.data["actor"], each.component) for each in told] == [
        ("operator", "payments"),
        ("operator", "degradation"),
    ]


def test_an_experiment_takes_two_people(system: System) -> None:
    """One asks, another approves; who may look reads each step; the log has all of them by name."""
    LogEntry.objects.all().delete()
    system.configure({"chaos": {"enabled": True, "require_approval": True}})
    table = {"name": "gone", "fault": "outage", "target": "payments"}

    def seen(name: str) -> str:
        return str(client_of(name).get(LIVE_VIEW).content.decode())

    def ordered(who: str, action: str, **given: Any) -> int:
        return int(act(who, {"name": "gone", **given, "action": action}).status_code)

    assert 'data-action="chaos.plan"' in seen("operator")
    assert ordered("viewer", "chaos.plan", name=None, experiment=table) == 403
    assert ordered("operator", "chaos.plan", name=None, experiment=table) == 200
    assert ordered("operator", "chaos.approve") == 409
    assert "asked for by operator" in seen("viewer")
    assert 'data-action="chaos' not in seen("viewer")
    assert [ordered("root", each) for each in ("chaos.approve", "chaos.run")] == [200, 200]
    assert "running, " in seen("viewer")
    assert ordered("operator", "chaos.halt", name=None) == 200
    assert "aborted: why (operator)" in seen("viewer")
    assert [each.object_repr for each in LogEntry.objects.order_by("pk")] == [
        "gone", "gone", "gone", "chaos",
    ]  # fmt: skip


def test_what_is_refused_is_not_in_the_log(system: System) -> None:
    """Bad orders say what is wrong."""
    LogEntry.objects.all().delete()

    answers = [act("root", each) for each in ({"name": "paymets"}, {"reason": ""}, {"fro": 1})]

    assert [each.status_code for each in answers] == [404, 400, 400]
    assert "payments" in answers[0].json()["detail"]
    assert LogEntry.objects.count() == 0


def test_an_action_is_done_without_the_log(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that takes nothing is what operators are there for."""

    def refuse(*_: Any, **__: Any) -> None:
        raise DatabaseError("read-only")

    monkeypatch.setattr(LogEntry.objects, "log_actions", refuse)

    assert act("root").status_code == 200
    assert system.circuits["payments"].state == "forced_open"
    assert "the admin's log did not take circuit.force_open: why" in caplog.text


@pytest.mark.parametrize("body", [b"{", b"[]", b"x" * (api.LARGEST + 1)])
def test_bodies_that_are_no_orders_are_refused(body: bytes) -> None:
    """Whatever is sent."""
    answer = client_of("root").post(ACTIONS, body, "application/json")

    assert answer.status_code in {400, 413}


def test_a_form_is_no_order() -> None:
    """Django has read it by then."""
    assert client_of("root").post(ACTIONS, {"action": "level.recover"}).status_code == 415


def test_who_repairs_is_not_turned_away() -> None:
    """When all that is not critical is."""
    found = {criticality_of(resolve(each).func) for each in (LIVE_VIEW, ACTIONS)}

    assert found == {Criticality.CRITICAL}


# -- outside the admin ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nobody", "viewer", "root"])
def test_the_staff_have_only_the_admins(name: str) -> None:
    """Its permissions would be worth nothing otherwise."""
    for part in ("", "api/state", "api/actions"):
        assert client_of(name).get(f"/resilience/{part}").status_code == 404


def test_nothing_is_served_where_the_setting_says_so(system: System) -> None:
    """`endpoints` is for all of them."""
    setting = {"system": system, "authorize": lambda _: "ada"}
    with project(system, RESILIENCE=setting):
        assert client_of("nobody").get("/resilience/").status_code == 200
    with project(system, RESILIENCE={**setting, "web": {"endpoints": False}}):
        assert client_of("nobody").get("/resilience/").status_code == 404


def test_programs_operate_by_the_projects_own_authorize(system: System) -> None:
    """By token, as everywhere; Django's CSRF token is for sessions."""
    client = client_of("nobody", enforce_csrf_checks=True)
    order = json.dumps({"action": "circuit.force_open", "name": "payments", "reason": "why"})
    path, token = "/resilience/api/actions", {"Authorization": "Bearer a token of the tests"}
    with project(
        system,
        RESILIENCE={"system": system, "authorize": bearer({"ops": "a token of the tests"})},
    ):
        statuses = [
            client.post(path, order, "application/json", headers=headers).status_code
            for headers in ({}, {**token, "Origin": "https://elsewhere.example"}, token)
        ]
        page = client.get("/resilience/", headers=token)
        moved = client.get("/resilience", headers=token)

    assert statuses == [404, 403, 200]
    forced = system.circuits["payments"].snapshot().forced
    assert forced is not None
    assert forced["actor"] == "ops"
    assert (page.status_code, "csrf" in page.content.decode()) == (200, False)
    assert (moved.status_code, moved.headers["Location"]) == (308, "/resilience/")


@pytest.mark.parametrize("root", ["", "/shop"])
def test_programs_are_told_where_the_api_is(root: str) -> None:
    """Below the admin, whatever that is below itself."""
    described = client_of("viewer").get(f"{LIVE_VIEW}api/openapi.json", SCRIPT_NAME=root)

    assert described.json()["servers"] == [{"url": root + LIVE_VIEW.rstrip("/")}]
