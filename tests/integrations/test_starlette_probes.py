"""Probes in front of login checks, and who may see details, in Starlette."""

from typing import Any

import pytest
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse

from resilience_starlette import PROBES, Resilience
from tests.integrations.contract import BROWSER, ENDPOINTS, OPERATOR, PROBE_PATHS, Shop
from tests.integrations.starlette_site import ask_of, authorize, plain, shop_app


class LoginRequired:
    """A login check that turns everyone away, but not from `open_to` paths."""

    def __init__(self, app: Any, open_to: Any = ()) -> None:
        self._app = app
        self._open_to = open_to

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer 401."""
        is_open = scope["type"] != "http" or scope["path"] in self._open_to
        answer = self._app if is_open else PlainTextResponse("log in", 401)
        await answer(scope, receive, send)


def test_a_login_check_guards_the_endpoints_too(shop: Shop) -> None:
    """As middleware does; one line lets the probes through."""
    app = shop_app(shop)
    app.add_middleware(LoginRequired, open_to=PROBES)
    Resilience(app, system=shop.system)
    ask = ask_of(app)

    assert [ask(path).status for path in ENDPOINTS] == [200, 200, 200, 401]


def test_probes_first_come_before_login_and_host_checks(shop: Shop) -> None:
    """Whether these were there before or came after; as a probe comes: by the pod's address."""
    app = shop_app(shop)
    app.add_middleware(LoginRequired)
    Resilience(app, system=shop.system, settings={"web": {"probe_first": True}})
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example"])
    ask = ask_of(app)

    assert [ask(path).status for path in PROBE_PATHS] == [200, 200, 200]
    assert ask("/pay").status == 400
    assert ask("/pay", headers={"Host": "shop.example"}).status == 401


def test_an_untrusted_host_gets_no_details(shop: Shop) -> None:
    """What Starlette would refuse learns one word, whatever its token."""
    app = shop_app(shop)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["shop.example"])
    web = {"web": {"probe_first": True}}
    Resilience(app, system=shop.system, authorize=authorize, settings=web)
    ask = ask_of(app)

    assert ask("/health", headers=OPERATOR).json == {"status": "pass"}
    assert "checks" in ask("/health", headers={**OPERATOR, "Host": "shop.example"}).json


@pytest.mark.parametrize("probe_first", [True, False])
def test_only_health_asks_who_it_is(shop: Shop, probe_first: bool) -> None:
    """Liveness and readiness touch nothing, so a lost user database cannot fail them."""
    asked: list[str] = []
    app = shop_app(shop)
    Resilience(
        app,
        system=shop.system,
        authorize=lambda each: asked.append(each.url.path),
        settings={"web": {"probe_first": probe_first}},
    )
    ask = ask_of(app)

    for path in PROBE_PATHS:
        ask(path)

    assert asked == ["/health"]


@pytest.mark.parametrize("probe_first", [True, False])
def test_an_authorize_that_fails_lets_nobody_in(
    shop: Shop, probe_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The public answer is given, and the failure logged."""
    app = shop_app(shop)
    web = {"web": {"probe_first": probe_first}}
    Resilience(app, system=shop.system, authorize=lambda each: 1 // 0, settings=web)

    assert ask_of(app)("/health").json == {"status": "pass"}
    assert "authorize failed" in caplog.text


def test_without_authorize_nobody_sees_details(shop: Shop) -> None:
    """Not even with a token."""
    app = shop_app(shop)
    Resilience(app, system=shop.system)

    assert ask_of(app)("/health", headers=OPERATOR).json == {"status": "pass"}


def test_a_browser_shows_health_rather_than_saving_it(shop: Shop) -> None:
    """The same body as plain JSON."""
    reply = plain(shop).ask("/health", headers={"Accept": BROWSER})

    assert (reply.headers["content-type"], reply.json) == ("application/json", {"status": "pass"})
    assert "accept" in reply.headers["vary"].lower()
