"""Probes in front of login checks, and who may see details."""

from typing import Any

import pytest
from flask import Flask, has_app_context, request

from resilience_flask import PROBES, Resilience
from tests.integrations.contract import BROWSER, ENDPOINTS, OPERATOR, PROBE_PATHS, Shop
from tests.integrations.flask_site import LostSessions, ask_of, authorize, shop_app


def login_required() -> tuple[str, int]:
    """Turn everyone away."""
    return "log in", 401


def test_a_login_check_guards_the_endpoints_too(app: Flask, shop: Shop) -> None:
    """As it is Flask's way; one line lets the probes through."""
    app.before_request(lambda: None if request.endpoint in PROBES else login_required())
    Resilience(app, system=shop.system)
    ask = ask_of(app)

    assert [ask(path).status for path in ENDPOINTS] == [200, 200, 200, 401]


def test_probes_first_come_before_login_and_host_checks(shop: Shop) -> None:
    """As a probe comes: by the pod's address, without a session."""
    app = shop_app(shop, RESILIENCE_WEB={"probe_first": True}, TRUSTED_HOSTS=["shop.example"])
    app.before_request(login_required)
    Resilience(app, system=shop.system)
    ask = ask_of(app)

    assert [ask(path).status for path in PROBE_PATHS] == [200, 200, 200]
    assert ask("/pay", headers={"Host": "shop.example"}).status == 401


@pytest.mark.skipif("TRUSTED_HOSTS" not in Flask.default_config, reason="came with Flask 3.1")
def test_an_untrusted_host_gets_no_details(shop: Shop) -> None:
    """What Flask would refuse learns one word, whatever its token."""
    app = shop_app(shop, RESILIENCE_WEB={"probe_first": True}, TRUSTED_HOSTS=["shop.example"])
    Resilience(app, system=shop.system, authorize=authorize)
    ask = ask_of(app)

    assert ask("/health", headers=OPERATOR).json == {"status": "pass"}
    assert "checks" in ask("/health", headers={**OPERATOR, "Host": "shop.example"}).json


@pytest.mark.parametrize("probe_first", [True, False])
def test_only_health_asks_who_it_is(shop: Shop, probe_first: bool) -> None:
    """Liveness and readiness touch nothing, so a lost user database cannot fail them."""
    asked: list[str] = []
    app = shop_app(shop, RESILIENCE_WEB={"probe_first": probe_first})
    Resilience(app, system=shop.system, authorize=lambda each: asked.append(each.path))
    ask = ask_of(app)

    for path in PROBE_PATHS:
        ask(path)

    assert asked == ["/health"]


@pytest.mark.parametrize("probe_first", [True, False])
def test_an_authorize_that_fails_lets_nobody_in(
    shop: Shop, probe_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The public answer is given, and the failure logged."""
    app = shop_app(shop, RESILIENCE_WEB={"probe_first": probe_first})
    Resilience(app, system=shop.system, authorize=lambda each: 1 // 0)

    assert ask_of(app)("/health").json == {"status": "pass"}
    assert "authorize failed" in caplog.text


def test_a_session_store_that_fails_cannot_fail_a_probe(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """With `probe_first` Flask opens the session only to find out who asks."""
    app = shop_app(shop, RESILIENCE_WEB={"probe_first": True})
    Resilience(app, system=shop.system, authorize=authorize)
    app.session_interface = LostSessions()

    assert ask_of(app)("/health", headers=OPERATOR).json == {"status": "pass"}
    assert "authorize failed" in caplog.text
    assert not has_app_context(), "the next request of this thread would be in this one's"


@pytest.mark.parametrize("probe_first", [True, False])
def test_authorize_may_be_async(shop: Shop, probe_first: bool) -> None:
    """A coroutine function is awaited, not taken for an actor."""
    pytest.importorskip("asgiref")

    async def ask_the_directory(asked: Any) -> str | None:
        return authorize(asked)

    app = shop_app(shop, RESILIENCE_WEB={"probe_first": probe_first})
    Resilience(app, system=shop.system, authorize=ask_the_directory)
    ask = ask_of(app)

    assert "checks" in ask("/health", headers=OPERATOR).json
    assert "checks" not in ask("/health").json


def test_without_authorize_nobody_sees_details(app: Flask, shop: Shop) -> None:
    """Not even with a token."""
    Resilience(app, system=shop.system)

    assert ask_of(app)("/health", headers=OPERATOR).json == {"status": "pass"}


def test_a_browser_shows_health_rather_than_saving_it(app: Flask, shop: Shop) -> None:
    """The same body as plain JSON."""
    Resilience(app, system=shop.system)

    reply = ask_of(app)("/health", headers={"Accept": BROWSER})

    assert (reply.headers["content-type"], reply.json) == ("application/json", {"status": "pass"})
    assert "accept" in reply.headers["vary"].lower()
