"""What is Django's own: settings, system checks, hosts, users, templates, signals."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from tests.integrations.django_project import set_up

set_up()

from django.contrib.auth.models import AnonymousUser, User  # noqa: E402
from django.core import checks  # noqa: E402
from django.core.exceptions import ImproperlyConfigured  # noqa: E402
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.dispatch import receiver  # noqa: E402
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse  # noqa: E402
from django.template import engines  # noqa: E402
from django.test import override_settings  # noqa: E402
from django.urls import include, re_path  # noqa: E402
from django.urls import path as route  # noqa: E402
from django.views import View  # noqa: E402

from resilience import ConfigurationWarning, Feature, System, signals  # noqa: E402
from resilience.testing import ManualClock  # noqa: E402
from resilience_django import signals as bridged  # noqa: E402
from resilience_django.state import current, staff  # noqa: E402
from tests.integrations.contract import OPERATOR, PROBE_PATHS, Shop  # noqa: E402
from tests.integrations.django_site import (  # noqa: E402
    BEHIND,
    MIDDLEWARE,
    Urls,
    ask_wsgi,
    authorize,
    plain_view,
    site,
)


class Only:
    """A URLconf of a few routes."""

    def __init__(self, *routes: Any) -> None:
        self.urlpatterns = list(routes)


def found(setting: Mapping[str, Any], **more: Any) -> dict[str, str]:
    """Return `{id: message}` of our system checks for a project."""
    with override_settings(RESILIENCE=setting, **more):
        said = checks.run_checks(include_deployment_checks=True)
    ours = [each for each in said if str(each.id).startswith("resilience.")]
    return {str(each.id): str(each.msg) for each in ours}


# -- settings and system checks -----------------------------------------------------------------


def test_a_project_as_it_should_be_has_nothing_to_say(system: System) -> None:
    """The middleware first, the URLs included, known settings."""
    assert found({"system": system}, MIDDLEWARE=[MIDDLEWARE, *BEHIND]) == {}


def test_settings_by_name_are_over_decorators(system: System) -> None:
    """As in every framework."""
    system.circuits.get("payments", reset_timeout=30)
    with override_settings(
        RESILIENCE={"system": system, "circuits": {"payments": {"reset_timeout": 10}}}
    ):
        current()

    assert system.circuits["payments"].settings.reset_timeout == 10


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"circuitz": {}}, "unknown settings 'circuitz'; did you mean 'circuits'?"),
        ({"circuits": {"a": {"window": 0}}}, "circuit 'a': window=0: give a number > 0"),
        ({"web": {"endpoint": True}}, "web: unknown setting 'endpoint'; did you mean 'endpoints'"),
        ({"authorize": 7}, "authorize=7: give a function of the request, or its dotted path"),
        ({"authorize": "os.getcwd"}, "that returns who asks, or None; this one takes ()"),
        ({"authorize": "no.such"}, "authorize='no.such': No module named 'no'"),
        ({"system": "os.path"}, "system='os.path': give a System, or its dotted path"),
        ("on", "RESILIENCE='on': give a table (a dict)"),
    ],
)
def test_wrong_settings_are_said_by_the_checks_and_at_start(setting: Any, said: str) -> None:
    """`manage.py check` shows them; a server that runs no checks does not start."""
    setting = {"system": System(), **setting} if isinstance(setting, dict) else setting
    if "system" in setting and setting["system"] == "os.path":
        setting = {"system": "os.path"}

    assert said in found(setting)["resilience.E001"]
    with (
        override_settings(RESILIENCE=setting, MIDDLEWARE=[MIDDLEWARE]),
        pytest.raises(ImproperlyConfigured, match="RESILIENCE: "),
    ):
        WSGIHandler()


@pytest.mark.parametrize(
    ("middleware", "number", "said"),
    [
        (BEHIND, "W001", "the middleware is missing"),
        ([MIDDLEWARE, MIDDLEWARE], "E002", "twice"),
        ([*BEHIND, MIDDLEWARE], "W002", "stands behind django.middleware.security."),
    ],
)
def test_the_order_of_middleware_is_checked(
    system: System, middleware: list[str], number: str, said: str
) -> None:
    """Missing, twice, or where it cannot do what it should."""
    assert said in found({"system": system}, MIDDLEWARE=middleware)[f"resilience.{number}"]


def test_the_middleware_twice_does_not_start(system: System) -> None:
    """A server runs no checks."""
    with (
        override_settings(RESILIENCE={"system": system}, MIDDLEWARE=[MIDDLEWARE] * 2),
        pytest.raises(ImproperlyConfigured, match="2 times: list it once, first"),
    ):
        WSGIHandler()


def test_missing_urls_are_found(system: System) -> None:
    """Nobody would see `/degradation`."""
    said = found({"system": system}, ROOT_URLCONF=Only(), MIDDLEWARE=[MIDDLEWARE])

    assert "the URLs are missing" in said["resilience.W003"]


def test_a_missing_app_is_found() -> None:
    """By whoever loads the URLs, and by a server; there are no system checks to say so."""
    program = """
import sys
from django.conf import settings
settings.configure(
    MIDDLEWARE=["resilience_django.middleware.ResilienceMiddleware"],
    ROOT_URLCONF="resilience_django.urls",
)
import django
django.setup()
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
call_command("check") if sys.argv[1] == "check" else get_wsgi_application()
"""
    for act in ("check", "serve"):
        command = [sys.executable, "-c", program, act]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr

        assert said.count("resilience_django is missing in INSTALLED_APPS") == 1


def test_a_view_that_bypasses_its_guard_is_found(system: System) -> None:
    """Its URL pattern has the function as it was before it was guarded."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    urls = Only(route("pay", view))
    system.circuit("bypassed")(view)

    said = found({"system": system}, ROOT_URLCONF=urls, MIDDLEWARE=[MIDDLEWARE])

    assert "/pay is served by" in said["resilience.W004"]

    settings = {"RESILIENCE": {"system": system}, "ROOT_URLCONF": urls, "MIDDLEWARE": [MIDDLEWARE]}
    with pytest.warns(ConfigurationWarning, match=r"/pay is served by .* without its guard"):
        ask_wsgi(settings)("/pay")
    assert list(system.bypassed) == ["/pay"]


def test_settings_are_held_against_what_the_views_define(system: System) -> None:
    """Django imports them with the URLs, at the first request: at the start none would be known."""

    class Later:
        """URLs that define a circuit when they are read."""

        @property
        def urlpatterns(self) -> list[Any]:
            system.circuits.get("payments")
            return [route("pay", lambda _: HttpResponse())]

    circuits = {"payments": {"reset_timeout": 10}, "warehouse": {"reset_timeout": 10}}
    settings = {
        "RESILIENCE": {"system": system, "circuits": circuits},
        "ROOT_URLCONF": Later(),
        "MIDDLEWARE": [MIDDLEWARE],
    }
    with pytest.warns(ConfigurationWarning) as said:
        ask_wsgi(settings)("/pay")

    assert ["'warehouse'" in str(each.message) for each in said] == [True]


# -- probes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROBE_PATHS)
def test_probes_are_answered_by_ip_and_without_tls(path: str) -> None:
    """A kubelet asks by the pod's address, over plain HTTP."""
    shop = Shop()
    settings = {
        "MIDDLEWARE": [MIDDLEWARE, *BEHIND],
        "RESILIENCE": {"system": shop.system},
        "ROOT_URLCONF": Urls(shop, plain_view, streams_async=False),
        "SECURE_SSL_REDIRECT": True,
        "ALLOWED_HOSTS": ["shop.example"],
    }

    reply = ask_wsgi(settings)(path, headers={"Host": "10.1.2.3:8000"})

    assert (reply.status, reply.json) == (200, {"status": "pass"})
    assert ask_wsgi(settings)("/pay").status in (301, 400)


def test_endpoints_can_be_switched_off() -> None:
    """Then neither the middleware nor the URLs answer."""
    made = site(Shop(), ask_wsgi, endpoints=False)

    assert [made.ask(path).status for path in (*PROBE_PATHS, "/degradation")] == [404] * 4


def test_a_file_is_sent_as_it_is(tmp_path: Any) -> None:
    """Servers send files by themselves; the request still ends."""
    shop, file = Shop(), tmp_path / "file"
    file.write_bytes(b"all of it")
    urls = Only(route("file", lambda request: FileResponse(file.open("rb"))))
    settings = {
        "MIDDLEWARE": [MIDDLEWARE],
        "RESILIENCE": {"system": shop.system},
        "ROOT_URLCONF": urls,
    }

    reply = ask_wsgi(settings)("/file")

    assert reply.body == b"all of it"
    assert shop.system.traffic.concurrency() == 0


def test_a_stream_that_nobody_reads_ends_when_it_is_closed() -> None:
    """Its server closes it where the client has gone before the first part."""
    shop = Shop()
    urls = Only(route("stream", lambda request: StreamingHttpResponse(iter([b"a", b"b"]))))
    settings = {
        "MIDDLEWARE": [MIDDLEWARE],
        "RESILIENCE": {"system": shop.system},
        "ROOT_URLCONF": urls,
    }
    environ: dict[str, Any] = {"PATH_INFO": "/stream"}
    setup_testing_defaults(environ)

    with override_settings(**settings):
        response = WSGIHandler()(environ, lambda *start: None)
        under_way = shop.system.traffic.concurrency()
        response.close()

    assert (under_way, shop.system.traffic.concurrency()) == (1, 0)
    assert shop.system.traffic.totals().failed == 0


def test_urls_that_cannot_be_read_leave_no_request_under_way() -> None:
    """Also where load is shed, so that the view is looked for before the project is asked."""
    shop = Shop()
    settings = {
        "MIDDLEWARE": [MIDDLEWARE],
        "RESILIENCE": {"system": shop.system},
        "ROOT_URLCONF": "tests.no_such_urls",
        "DEBUG_PROPAGATE_EXCEPTIONS": True,
    }
    ask = ask_wsgi(settings)
    shop.system.degradation.degrade("minimal", "a test")

    with pytest.raises(ImportError, match="no_such_urls"):
        ask("/")

    assert shop.system.traffic.concurrency() == 0


# -- who may see details ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "allowed"),
    [
        (None, False),
        (AnonymousUser(), False),
        (User(username="visitor"), False),
        (User(username="gone", is_staff=True, is_active=False), False),
        (User(username="ops", is_staff=True), True),
    ],
)
def test_staff_see_details(user: Any, allowed: bool) -> None:
    """Unless `authorize` says otherwise; before the authentication middleware nobody does."""
    request = HttpRequest()
    if user is not None:
        request.user = user

    assert (staff(request) is not None) == allowed


def test_details_wait_for_the_layers_that_know_who_asks() -> None:
    """With credentials the request goes on to the URLs; without, the middleware answers."""
    made = site(Shop(), ask_wsgi)

    assert "checks" not in made.ask("/health").json
    assert "checks" in made.ask("/health", headers=OPERATOR).json


# -- templates and signals ----------------------------------------------------------------------


def test_features_are_known_to_templates() -> None:
    """By a tag."""
    system = System(clock=ManualClock())
    system.degradation.add(Feature("extras"))
    template = engines["django"].from_string(
        '{% load resilience %}{% feature "extras" as on %}{% if on %}on{% else %}off{% endif %}'
    )

    with override_settings(RESILIENCE={"system": system}):
        before = template.render({})
        system.degradation.kill("extras", reason="broken")
        after = template.render({})

    assert (before, after) == ("on", "off")


@pytest.fixture
def heard() -> Iterator[list[tuple[Any, str, str]]]:
    """Give what a receiver of Django's kind hears, while it is connected."""
    told: list[tuple[Any, str, str]] = []

    @receiver(bridged.circuit_forced)  # type: ignore[attr-defined]
    def listen(sender: Any, name: str, event: Any, **kwargs: Any) -> None:
        told.append((sender, name, event.type))

    yield told
    bridged.circuit_forced.disconnect(listen)  # type: ignore[attr-defined]


def test_django_receivers_hear_our_events(system: System, heard: list[Any]) -> None:
    """As Django's developers expect them."""
    system.circuits.get("payments").force_open()

    assert heard == [(None, "payments", "circuit_forced")]


def test_a_bridge_nobody_uses_is_not_there() -> None:
    """The signal has no receiver of ours, so that events cost nothing."""
    assert not signals.circuit_forced.receivers


def test_a_failing_receiver_is_logged(
    system: System, heard: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """And no call hears of it."""

    @receiver(bridged.circuit_forced)  # type: ignore[attr-defined]
    def fail(sender: Any, **kwargs: Any) -> None:
        raise LookupError("mine")

    try:
        system.circuits.get("payments").force_open()
    finally:
        bridged.circuit_forced.disconnect(fail)  # type: ignore[attr-defined]

    assert "mine" in caplog.text
    assert len(heard) == 1


def test_authorize_is_asked_with_the_request() -> None:
    """A bearer token, in the contract's sites."""
    request = HttpRequest()
    request.META["HTTP_AUTHORIZATION"] = OPERATOR["Authorization"]

    assert authorize(request) == "ops"


# -- routes -------------------------------------------------------------------------------------


def test_routes_are_known_by_the_names_that_requests_have(shop: Shop) -> None:
    """Included ones, those of expressions and of classes, too; and each view can be exchanged."""

    class Door(View):
        async def get(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return HttpResponse("open")

    inner = [re_path(r"^door/(?P<number>[0-9]+)$", Door.as_view()), route("bell", plain_bell)]
    urls = Only(
        route("rooms/<int:room>/", include((inner, "rooms"))),
        re_path(r"^old/", include([route("", include(inner))])),
        route("", include("resilience_django.urls")),
    )
    settings = {
        "MIDDLEWARE": [MIDDLEWARE, *BEHIND],
        "RESILIENCE": {"system": shop.system},
        "ROOT_URLCONF": urls,
    }
    ask = ask_wsgi(settings)
    paths = ("/rooms/1/door/2", "/rooms/1/bell", "/old/door/3", "/old/bell")
    assert {ask(each).status for each in paths} == {200}
    counted = {each.route for each in shop.system.traffic.snapshot()} - {""}

    with override_settings(**settings):
        views = {each.route: each for each in shop.system.views}
        assert set(views) == counted
        undo = views["/rooms/<int:room>/door/(?P<number>[0-9]+)$"].exchange(busy)
    assert [ask(each).status for each in paths] == [503, 200, 503, 200]  # one view, two routes
    undo()
    assert {ask(each).status for each in paths} == {200}


def plain_bell(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """Ring."""
    return HttpResponse("ring")


def busy(view: Any) -> Any:
    """Return what answers in place of an async view."""

    async def answer(*args: Any, **kwargs: Any) -> HttpResponse:
        return HttpResponse(status=503)

    return answer
