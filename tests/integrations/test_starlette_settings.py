"""Where the settings of a Starlette or FastAPI app come from, and which are refused."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware

from resilience import (
    ConfigurationError,
    ConfigurationWarning,
    Settings,
    UnknownSettingError,
    explain,
)
from resilience_starlette import Resilience, ResilienceMiddleware
from tests.integrations.contract import Shop
from tests.integrations.starlette_site import ask_of, refuse, shop_app


def test_settings_are_over_decorators_and_under_the_environment(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each number of a circuit comes from the nearest that gives it, and `explain` says so."""
    monkeypatch.setenv("RESILIENCE__CIRCUITS__PAYMENTS__WINDOW", "15")
    given = {"circuits": {"payments": {"reset_timeout": 10, "window": 30}}}

    Resilience(FastAPI(title="shop"), system=shop.system, settings=given)

    explained = str(explain(shop.pay))
    assert "reset_timeout = 10.0  (settings of app 'shop')" in explained
    assert "window = 15.0  (environment)" in explained


def test_settings_may_be_a_file(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TOML, by its path; the environment is over it."""
    monkeypatch.setenv("RESILIENCE__WEB__ENDPOINTS", "true")
    file = tmp_path / "resilience.toml"
    file.write_text("[circuits.payments]\nwindow = 5\n[web]\nendpoints = false\n")
    app = shop_app(shop)

    Resilience(app, system=shop.system, settings=file)

    assert shop.circuit("payments").settings.window == 5
    assert ask_of(app)("/health").status == 200


def test_web_settings_of_the_system_lie_under_the_apps(shop: Shop) -> None:
    """What the app says nothing of is as the system was made or configured."""
    shop.system.configure({"web": {"endpoints": False}})
    silent, other = shop_app(shop), shop_app(shop)

    Resilience(silent, system=shop.system)
    Resilience(other, system=shop.system, settings={"web": {"endpoints": True}})

    assert (ask_of(silent)("/health").status, ask_of(other)("/health").status) == (404, 200)


def test_settings_that_are_made_are_taken_as_they_are(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever makes them says whether the environment is in them."""
    monkeypatch.setenv("RESILIENCE__WEB__ENDPOINTS", "true")
    app = shop_app(shop)

    Resilience(app, system=shop.system, settings=Settings.of({"web": {"endpoints": False}}))

    assert ask_of(app)("/health").status == 404


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"circiuts": {}}, r"app 'Starlette': .*'circiuts'.*'circuits'"),
        ({"web": {"probe_frist": True}}, "'probe_frist'.*'probe_first'"),
        ({"web": {"endpoints": "yes"}}, "endpoints='yes'.*true or false"),
        ({"circuits": {"payments": {"window": -1}}}, "'payments'.*window=-1"),
        (["payments"], "give a table"),
        ("nowhere.toml", r"app 'Starlette': nowhere.toml: cannot be read"),
    ],
)
def test_a_wrong_setting_is_refused_at_once(shop: Shop, given: Any, words: str) -> None:
    """By name, with near names or what is allowed; and nothing of the app is changed."""
    app = shop_app(shop)
    before = len(app.routes)

    with pytest.raises(ConfigurationError, match=words):
        Resilience(app, system=shop.system, settings=given)

    assert (len(app.routes), hasattr(app.state, "resilience")) == (before, False)


def test_a_wrong_setting_of_the_layer_is_refused_at_the_start(shop: Shop) -> None:
    """When the framework makes it; and an unknown section is an unknown setting."""
    layer = Middleware(ResilienceMiddleware, system=shop.system, settings={"nothing": {}})

    with pytest.raises(UnknownSettingError, match=r"ResilienceMiddleware: .*'nothing'"):
        refuse(Starlette(middleware=[layer]), started=True)


def test_settings_for_a_circuit_that_never_comes_are_told_once(shop: Shop) -> None:
    """At the start, when all circuits that decorators make are there."""
    app = shop_app(shop)
    Resilience(app, system=shop.system, settings={"circuits": {"warehouse": {"window": 5}}})

    with pytest.warns(ConfigurationWarning, match="'warehouse', which does not exist"):
        assert ask_of(app)("/pay").status == 200

    assert ask_of(app)("/pay").status == 200  # warnings are errors here: there is no second one
