"""Features in Flask: in templates, by config, in headers."""

from typing import Any

import pytest
from flask import Flask, render_template_string

from resilience import ConfigurationError, UnknownSettingError
from resilience_flask import Resilience
from tests.integrations.contract import Shop
from tests.integrations.flask_site import ask_of, shop_app

SHELF = '{% if feature("extras") %}extras{% else %}plain{% endif %}'


def shelf_app(shop: Shop, template: str = SHELF, **config: Any) -> Flask:
    """Make an app that renders a template at `/shelf`, set up with the shop's system."""
    app = shop_app(shop, **config)
    app.add_url_rule("/shelf", "shelf", lambda: render_template_string(template))
    Resilience(app, system=shop.system)
    return app


def test_templates_ask_for_features(shop: Shop) -> None:
    """And the answer's header says that one was stepped down."""
    ask = ask_of(shelf_app(shop, RESILIENCE_DEGRADATION={"features": {"extras": {"priority": 5}}}))

    full = ask("/shelf")
    shop.system.degradation.degrade("reduced", "drill")
    plain = ask("/shelf")

    assert (full.body, "x-degraded" in full.headers) == (b"extras", False)
    assert (plain.body, plain.headers["x-degraded"]) == (b"plain", "extras=off")


def test_templates_may_give_a_key_and_a_default(shop: Shop) -> None:
    """Also in a macro that is imported without its reader's context, and outside of requests."""
    template = '{{ feature("new", key="ada") }} {{ feature("typo", False) }} {{ feature("typo") }}'
    features = {"new": {"rollout": 0}}
    app = shelf_app(shop, template, RESILIENCE_DEGRADATION={"features": features})

    with app.app_context():
        assert render_template_string(template) == "False False True"
    assert ask_of(app)("/shelf").body == b"False False True"


def test_the_apps_own_global_of_that_name_is_kept(shop: Shop) -> None:
    """What a template calls `feature` already is not taken from it."""
    app = shop_app(shop)
    app.jinja_env.globals["feature"] = lambda name: "mine"
    Resilience(app, system=shop.system)

    with app.app_context():
        assert render_template_string('{{ feature("extras") }}') == "mine"


def test_a_part_is_the_same_all_through_a_request(shop: Shop) -> None:
    """Chance decides once for each request, and so differs between them."""
    template = '{{ feature("extras") }} {{ feature("extras") }} {{ feature("extras") }}'
    features = {"extras": {"rollout": 50}}
    ask = ask_of(shelf_app(shop, template, RESILIENCE_DEGRADATION={"features": features}))

    answers = {ask("/shelf").body for _ in range(40)}

    assert answers == {b"True True True", b"False False False"}


def test_levels_and_rules_from_the_config(shop: Shop) -> None:
    """A rule on the errors of one route, followed by the background engine."""
    app = shop_app(
        shop,
        RESILIENCE_DEGRADATION={
            "rules": [
                {"metric": "error_rate:/broken", "operator": ">", "value": 0.5, "level": "minimal"}
            ]
        },
    )
    Resilience(app, system=shop.system)
    ask = ask_of(app)

    for _ in range(12):
        assert ask("/broken").status == 500
    levels = []
    for _ in range(7):
        shop.system.tick()
        levels.append(ask("/degradation").json["level"])
        shop.clock.advance(1)

    assert levels == ["normal"] * 5 + ["minimal"] * 2
    assert ask("/degradation").json["reason"] == "error_rate:/broken > 0.5 (1)"


def test_a_rule_on_what_nobody_measures_or_describes_is_refused(shop: Shop) -> None:
    """With what there is."""
    rule = {"metric": "cpu", "operator": ">", "value": 0.9, "level": "reduced"}
    wrong = {
        "unknown metric 'cup'; did you mean 'cpu'": {**rule, "metric": "cup"},
        "'cpu' is not measured by part": {**rule, "metric": "cpu:0"},
        "unknown feature 'extra'; did you mean 'extras'": {**rule, "features": ["extra"]},
    }
    for said, options in wrong.items():
        degradation = {"features": {"extras": {}}, "rules": [options]}
        app = shop_app(shop, RESILIENCE_DEGRADATION=degradation)
        with pytest.raises(ConfigurationError, match=said):
            Resilience(app, system=shop.system)
    assert shop.system.degradation.rules == ()
    assert "extras" not in shop.system.degradation.features


@pytest.mark.parametrize(
    ("config", "error", "said"),
    [
        ({"levls": {}}, UnknownSettingError, "unknown setting 'levls'; did you mean 'levels'"),
        ({"levels": {"reduced": 70}}, ConfigurationError, "70 at reduced is above 60 at minimal"),
        ({"levels": {"bad": 1}}, ConfigurationError, "give one of normal, reduced"),
        ({"features": {"a": {"prio": 1}}}, UnknownSettingError, "did you mean 'priority'"),
        ({"features": {"a": {"rollout": 101}}}, ConfigurationError, "rollout=101"),
        ({"features": {"a": {"key": "user"}}}, ConfigurationError, "key='user': give a function"),
        ({"features": {"a": 5}}, ConfigurationError, "features.a=5: give a table"),
        ({"rules": {}}, ConfigurationError, "give a list of rules"),
        ({"rules": [{"metric": "cpu"}]}, ConfigurationError, "give its operator, value, level"),
        ({"check_interval": 0}, ConfigurationError, "check_interval=0: give a number > 0"),
    ],
)
def test_wrong_settings_are_refused_by_init_app(
    shop: Shop, config: Any, error: type[Exception], said: str
) -> None:
    """In words that name app, section, setting and what is allowed; nothing is set up."""
    app = shop_app(shop, RESILIENCE_DEGRADATION=config)

    with pytest.raises(error, match=said) as raised:
        Resilience(app, system=shop.system)

    assert str(raised.value).startswith("app 'shop': ")
    assert "resilience" not in app.extensions
