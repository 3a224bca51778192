"""Beside Flask-WTF, whose tokens protect the app's forms; ours go by where a request comes from."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask_wtf import CSRFProtect

from resilience import System
from resilience.web.admin import api
from resilience_flask import Resilience

ORDER = {"action": "circuit.force_open", "name": "payments", "reason": "the bank is down"}
SAME = {"Sec-Fetch-Site": "same-origin"}

Protect = Callable[[Flask], object]


def before(app: Flask, protect: Protect, ours: Protect) -> None:
    """Set up Flask-WTF first."""
    protect(app)
    ours(app)


def after(app: Flask, protect: Protect, ours: Protect) -> None:
    """Set it up last."""
    ours(app)
    protect(app)


@pytest.mark.parametrize("in_order", [before, after])
def test_both_protect_what_is_theirs(
    system: System, in_order: Callable[[Flask, Protect, Protect], None]
) -> None:
    """Orders need no token, and are refused from elsewhere; forms of the app still need one."""
    app = Flask("shop")
    app.secret_key = "of the tests"
    app.add_url_rule("/orders", "buy", lambda: "bought", methods=["POST"])
    payments = system.circuits.get("payments")
    in_order(
        app, CSRFProtect, lambda app: Resilience(app, system=system, authorize=lambda _: "ada")
    )
    client = app.test_client()

    page = client.get(api.HOME)
    foreign = client.post(api.ACTIONS, json=ORDER, headers={"Sec-Fetch-Site": "cross-site"})
    still_closed = payments.state == "closed"
    own = client.post(api.ACTIONS, json=ORDER, headers=SAME)

    assert [page.status_code, foreign.status_code, own.status_code] == [200, 403, 200]
    assert still_closed
    assert payments.state == "forced_open"
    assert client.post("/orders", headers=SAME).status_code == 400  # it has no token
