"""Where the settings of a Flask app come from, and which are refused."""

from typing import Any

import pytest
from flask import Flask

from resilience import (
    ConfigurationError,
    ConfigurationWarning,
    UnknownSettingError,
    explain,
)
from resilience_flask import Resilience
from tests.integrations.contract import Shop
from tests.integrations.flask_site import ask_of, shop_app


def test_config_is_over_decorators_and_under_the_environment(
    app: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each number of a circuit comes from the nearest that gives it, and `explain` says so."""
    app.config["RESILIENCE_CIRCUITS"] = {"payments": {"reset_timeout": 10, "window": 30}}
    monkeypatch.setenv("RESILIENCE__CIRCUITS__PAYMENTS__WINDOW", "15")

    Resilience(app, system=shop.system)

    settings = shop.circuit("payments").settings
    assert (settings.reset_timeout, settings.window, settings.failure_threshold) == (10.0, 15.0, 1)
    explained = str(explain(shop.pay))
    assert "reset_timeout = 10.0  (flask config)" in explained
    assert "window = 15.0  (environment)" in explained


def test_web_settings_of_the_system_lie_under_the_apps(app: Flask, shop: Shop) -> None:
    """What the app says nothing of is as the system was made or configured."""
    shop.system.configure({"web": {"endpoints": False, "deadline": 3, "shedding": False}})
    app.config["RESILIENCE_WEB"] = {"deadline": 2, "shedding": True}

    Resilience(app, system=shop.system)

    assert ask_of(app)("/health").status == 404
    web = app.extensions["resilience"].web
    assert (web.deadline, web.shedding) == (2.0, True)


def test_web_settings_come_from_the_environment_too(
    app: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`RESILIENCE__WEB__…` is over `RESILIENCE_WEB`."""
    app.config["RESILIENCE_WEB"] = {"endpoints": False, "degraded_header": False}
    monkeypatch.setenv("RESILIENCE__WEB__ENDPOINTS", "true")

    Resilience(app, system=shop.system)

    assert ask_of(app)("/health").status == 200
    assert not app.extensions["resilience"].web.degraded_header


@pytest.mark.parametrize(
    ("web", "header", "left"),
    [
        ({"deadline": 2}, None, "2.0"),
        ({"deadline": 2}, "1.5", "1.5"),
        ({"deadline": 2}, "10", "2.0"),
        ({"deadline": 2, "deadline_header": False}, "1.5", "2.0"),
        ({"deadline_header": False}, "1.5", "None"),
    ],
)
def test_a_request_has_the_apps_time_or_the_callers(
    shop: Shop, web: dict[str, Any], header: str | None, left: str
) -> None:
    """The caller can shorten it, where the app lets it, and never prolong it."""
    app = shop_app(shop, RESILIENCE_WEB=web)
    Resilience(app, system=shop.system)

    reply = ask_of(app)("/left", headers={"X-Request-Timeout": header} if header else None)

    assert reply.body.decode() == left


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"RESILIENCE_CIRCIUTS": {}}, "RESILIENCE_CIRCIUTS; did you mean 'RESILIENCE_CIRCUITS'"),
        ({"RESILIENCE_WEB": {"probe_frist": True}}, "app 'shop'.*'probe_frist'.*'probe_first'"),
        ({"RESILIENCE_WEB": {"deadline": 0}}, "app 'shop'.*deadline=0: give a number > 0"),
        ({"RESILIENCE_WEB": {"deadline_header": 1}}, "deadline_header=1: give true or false"),
        ({"RESILIENCE_WEB": {"endpoints": "yes"}}, "app 'shop'.*endpoints='yes'.*true or false"),
        ({"RESILIENCE_CIRCUITS": {"payments": {"windw": 1}}}, "'payments'.*'windw'.*'window'"),
        ({"RESILIENCE_CIRCUITS": {"payments": {"window": -1}}}, "'payments'.*window=-1"),
        ({"RESILIENCE_CIRCUITS": ["payments"]}, "give a table"),
    ],
)
def test_a_wrong_setting_is_refused_at_once(shop: Shop, config: dict[str, Any], words: str) -> None:
    """By name, with near names or what is allowed; and nothing of the app is changed."""
    app = shop_app(shop, **config)

    with pytest.raises(ConfigurationError, match=words):
        Resilience(app, system=shop.system)

    assert "resilience" not in app.extensions
    assert "resilience" not in app.blueprints


def test_an_unknown_section_is_an_unknown_setting(shop: Shop) -> None:
    """It is the error for names that do not exist."""
    with pytest.raises(UnknownSettingError):
        Resilience(shop_app(shop, RESILIENCE_NOTHING=1), system=shop.system)


def test_settings_for_a_circuit_that_never_comes_are_told_once(app: Flask, shop: Shop) -> None:
    """At the first request, when all circuits that decorators make are there."""
    app.config["RESILIENCE_CIRCUITS"] = {"warehouse": {"window": 5}}
    Resilience(app, system=shop.system)

    with pytest.warns(ConfigurationWarning, match="'warehouse', which does not exist"):
        assert ask_of(app)("/pay").status == 200

    assert ask_of(app)("/pay").status == 200  # warnings are errors here: there is no second one
