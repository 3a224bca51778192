"""Turning requests away in Flask: what of the app still runs, and what the settings say."""

from typing import Any

import pytest
from flask import Flask, has_app_context, jsonify
from flask.views import MethodView

from resilience import OverloadedError, critical, sheddable, signals
from resilience_flask import Resilience
from tests.integrations.contract import Ask, Shop
from tests.integrations.flask_site import LostSessions, ask_of, shop_app


def set_up(shop: Shop, **web: Any) -> tuple[Flask, Ask]:
    """Return the shop's app with these web settings, at its minimal level."""
    app = shop_app(shop, RESILIENCE_WEB=web)
    Resilience(app, system=shop.system)
    shop.system.degradation.degrade("minimal", "a test")
    return app, ask_of(app)


def test_nothing_of_the_app_runs_before_a_request_is_turned_away(shop: Shop) -> None:
    """What comes after an answer does: cross-origin headers are for every answer."""
    app, ask = set_up(shop)
    ran: list[str] = []
    app.before_request(lambda: ran.append("before"))
    app.teardown_request(lambda error: ran.append("teardown"))

    @app.after_request
    def allow(response: Any) -> Any:
        response.headers["Access-Control-Allow-Origin"] = "*"
        return response

    reply = ask("/extras")

    assert reply.status == 503
    assert reply.headers["access-control-allow-origin"] == "*"
    assert ran == ["teardown"]


def test_the_apps_own_answer_wins(shop: Shop) -> None:
    """Its error handler for `OverloadedError`, or one that fails."""
    app, ask = set_up(shop)

    @app.errorhandler(OverloadedError)
    def sorry(error: OverloadedError) -> Any:
        if error.name != "level":
            raise ValueError(error.name)
        return jsonify(sorry=error.name), 429

    assert (ask("/extras").status, ask("/extras").json) == (429, {"sorry": "level"})

    shop.system.degradation.recover()
    shop.system.traffic.under_way.update(range(1000))
    assert ask("/extras").status == 500


def test_a_session_that_cannot_be_opened_is_the_apps_failure(shop: Shop) -> None:
    """As it is in Flask for any request; the thread's next one begins afresh."""
    app, ask = set_up(shop)
    ended: list[str] = []
    app.teardown_appcontext(lambda error: ended.append("app"))
    app.session_interface = LostSessions()

    assert ask("/extras").status == 500
    assert (has_app_context(), ended) == (False, ["app"])


def test_paths_in_the_settings_are_over_marks(shop: Shop) -> None:
    """Operators need no new release to say what matters."""
    _, ask = set_up(shop, critical=["/extras"], sheddable=["/left", "/made/.*"])

    assert [ask(path).status for path in ("/extras", "/left", "/pay", "/made/up", "/up")] == [
        *(200, 503, 200, 503, 404)
    ]


def test_normal_requests_are_turned_away_at_a_level_that_says_so(shop: Shop) -> None:
    """Never by default, as nobody may have said what is critical."""
    _, ask = set_up(shop, shed_normal_at="emergency", shed_sheddable_at="never")
    paths = ("/extras", "/left", "/checkout")

    assert [ask(path).status for path in paths] == [200, 200, 200]

    shop.system.degradation.degrade("emergency", "a test")

    assert [ask(path).status for path in paths] == [503, 503, 200]
    assert [ask(path).status for path in ("/health", "/health/live", "/degradation")] == [200] * 3


def test_all_shedding_can_be_off(shop: Shop) -> None:
    """By one setting; requests are counted all the same."""
    _, ask = set_up(shop, shedding=False)
    shop.system.traffic.under_way.update(range(2000))

    assert ask("/extras").status == 200
    assert shop.system.traffic.totals().finished == 1


def test_turned_away_is_no_failure(shop: Shop) -> None:
    """Else shedding would raise the error rate that led to it."""
    _, ask = set_up(shop)

    for _ in range(20):
        assert ask("/extras").status == 503

    totals = shop.system.traffic.totals()
    assert (totals.arrived, totals.shed, totals.finished, totals.failed) == (20, 20, 0, 0)
    assert shop.system.traffic.error_rate(least=1) is None


def test_it_is_an_event(shop: Shop) -> None:
    """With why, how long to wait, and how much the request mattered."""
    _, ask = set_up(shop)
    seen: list[Any] = []

    def note(_: str, event: Any) -> None:
        seen.append(event)

    with signals.call_rejected.connected_to(note):
        wait = ask("/extras").json["retry_after"]

    [event] = seen
    assert (event.component, event.data["reason"]) == ("level", "overloaded_level")
    assert (event.data["criticality"], event.data["route"]) == ("sheddable", "/extras")
    assert wait - 1 < event.data["retry_after"] <= wait


def test_views_of_classes_are_found(shop: Shop) -> None:
    """By the method that is asked for."""
    app, _ = set_up(shop, shed_normal_at="minimal")

    @sheddable
    class Baskets(MethodView):
        def get(self, basket: int) -> str:
            return f"{basket} is full"

        @critical
        def post(self, basket: int) -> str:
            return f"{basket} is filled"

    app.add_url_rule("/baskets/<int:basket>", view_func=Baskets.as_view("baskets"))
    client = app.test_client()

    assert client.get("/baskets/7").status_code == 503
    assert client.post("/baskets/7").text == "7 is filled"


def test_the_callers_time_has_run_while_the_request_waited(shop: Shop) -> None:
    """What is left is what the app has."""
    _, ask = set_up(shop)
    now = shop.clock.time()
    ask("/left", headers={"X-Request-Start": f"t={now:.3f}"})

    waited = {"X-Request-Timeout": "5", "X-Request-Start": f"t={now - 2:.3f}"}
    late = {"X-Request-Timeout": "1", "X-Request-Start": f"t={now - 2:.3f}"}

    assert ask("/left", headers=waited).body == b"3.0"
    assert ask("/left", headers=late).body == b"0.001"


def test_a_header_that_nobody_sets_need_not_be_believed(shop: Shop) -> None:
    """Where there is no proxy it is what clients make up."""
    _, ask = set_up(shop, request_start_header=False)
    now = shop.clock.time()

    ask("/left", headers={"X-Request-Start": f"t={now:.3f}"})
    reply = ask("/left", headers={"X-Request-Timeout": "5", "X-Request-Start": f"t={now - 2:.3f}"})

    assert reply.body == b"5.0"
    assert shop.system.traffic.totals().timed == 0


@pytest.mark.skipif("TRUSTED_HOSTS" not in Flask.default_config, reason="came with Flask 3.1")
def test_a_host_that_is_not_trusted_takes_no_place_for_ever(shop: Shop) -> None:
    """Flask has nothing to match its path with, and answers 400 at whatever level."""
    app, _ = set_up(shop)
    app.config["TRUSTED_HOSTS"] = ["shop.example"]

    reply = app.test_client().get("/", headers={"Host": "elsewhere.example"})

    assert reply.status_code == 400
    reply.close()
    assert shop.system.traffic.concurrency() == 0
