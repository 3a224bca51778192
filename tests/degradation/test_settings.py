"""Settings of levels, features and rules: files, variables, several sources; all or nothing."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from resilience import (
    ConfigurationError,
    Feature,
    Rule,
    Settings,
    System,
    UnknownSettingError,
    explain,
)

RULE = {"metric": "error_rate", "operator": ">", "value": 0.5, "level": "reduced"}


def features(system: System) -> dict[str, tuple[bool, float]]:
    """Return what is left of each feature, `{name: (enabled, capability)}`."""
    state = system.degradation.state()
    return {each.name: (each.enabled, each.capability) for each in state.features}


def test_a_file_and_variables_over_it(tmp_path: Path) -> None:
    """Variables spell names as far as they can, also those that only code knows."""
    path = tmp_path / "resilience.toml"
    path.write_text(
        "[degradation]\n"
        "forced_for = 60\n"
        '[degradation.features."new-search"]\n'
        "rollout = 10\n"
        "capability = { reduced = 50, minimal = 0 }\n"
        "[[degradation.rules]]\n"
        'metric = "cpu"\n'
        'operator = ">="\n'
        "value = 1\n"
        'level = "emergency"\n'
        'features = ["new-search"]\n'
    )
    environ = {
        "RESILIENCE__DEGRADATION__FORCED_FOR": "90",
        "RESILIENCE__DEGRADATION__FEATURES__NEW_SEARCH__ROLLOUT": "20",
        "RESILIENCE__DEGRADATION__FEATURES__ONLY_CODE__PRIORITY": "95",
    }
    system = System()

    @system.feature("only-code", priority=5)
    def call() -> None:
        """Do nothing."""

    system.configure(Settings.load(path, environ=environ), source="file")

    state = system.degradation.state()
    assert [(each.name, each.rollout) for each in state.features] == [
        ("new-search", 20.0), ("only-code", 100.0),
    ]  # fmt: skip
    assert system.degradation.features["new-search"].feature.capability == {
        "reduced": 50, "minimal": 0,
    }  # fmt: skip
    assert "priority = 95.0  (environment)" in explain(call)
    assert str(state.rules[0].rule) == "cpu >= 1"
    assert system.settings.degradation.forced_for == 90


def test_rules_may_come_by_a_variable() -> None:
    """As TOML writes a list of tables."""
    rules = '[{metric = "cpu", operator = ">", value = 0.9, level = "reduced", for = 3}]'
    settings = Settings.load(environ={"RESILIENCE__DEGRADATION__RULES": rules})

    assert settings.degradation.rules == (Rule("cpu", ">", 0.9, "reduced", for_=3),)


def test_sources_lie_over_each_other(system: System) -> None:
    """Setting by setting; a source that comes again replaces only its own."""
    system.configure(
        {"degradation": {"features": {"a": {"enabled": False, "off_at": "reduced"}}}}, source="one"
    )
    system.configure(
        {"degradation": {"features": {"a": {"enabled": True}, "b": {}}, "levels": {"reduced": 60}}},
        source="two",
    )

    system.degradation.degrade("reduced", "drill")
    assert features(system) == {"a": (False, 0), "b": (False, 0)}
    system.configure({}, source="one")
    assert features(system) == {"a": (False, 0), "b": (False, 0)}
    system.configure({"degradation": {"features": {"a": {"priority": 60}}}}, source="two")
    assert features(system) == {"a": (True, 100)}


def test_a_feature_that_only_settings_had_is_gone_with_them(system: System) -> None:
    """An order on it waits: a kill is for ever."""
    settings: dict[str, Any] = {"degradation": {"features": {"a": {}}}}
    system.configure(settings)
    system.degradation.kill("a", "leaks", "ann")

    system.configure({})
    assert features(system) == {}
    system.configure(settings)
    assert features(system) == {"a": (False, 0)}


@pytest.mark.parametrize(
    ("degradation", "error", "said"),
    [
        ({"features": {"a": {"capability": {"minimal": 5}}}}, ConfigurationError, "off there"),
        ({"features": {"b": {}}, "rules": [{**RULE, "metric": "x"}]}, ConfigurationError, "metric"),
        ({"rules": [{**RULE, "features": ["c"]}]}, ConfigurationError, "unknown feature 'c'"),
        ({"rule": []}, UnknownSettingError, "did you mean 'rules'"),
    ],
)
def test_all_or_nothing(
    system: System, degradation: Any, error: type[Exception], said: str
) -> None:
    """Also together with circuits: what was in force stays."""
    system.feature("a", off_at="reduced")(print)
    system.circuits.get("it")
    system.configure({"degradation": {"forced_for": 60, "rules": [RULE]}})
    before = features(system), system.degradation.rules

    with pytest.raises(error, match=said):
        system.configure({"circuits": {"it": {"window": 5}}, "degradation": degradation})

    assert (features(system), system.degradation.rules) == before
    assert system.circuits["it"].settings.window == 60
    assert system.settings.degradation.forced_for == 60


def test_a_wrong_circuit_leaves_degradation_alone(system: System) -> None:
    """The other way round."""
    system.circuits.get("it", window_calls=5, failure_threshold=5)

    with pytest.raises(ConfigurationError):
        system.configure(
            {"circuits": {"it": {"min_calls": 9}}, "degradation": {"features": {"a": {}}}}
        )

    assert features(system) == {}


def test_settings_without_any_make_no_part() -> None:
    """An app that does not degrade pays nothing for it."""
    system = System({"circuits": {"it": {"window": 5}}, "degradation": {}})

    assert "degradation" not in vars(system)


def test_features_may_be_listed(system: System) -> None:
    """As objects, which may have a key, or as tables with a name."""
    listed = [
        Feature("a", off_at="reduced", key=lambda: "ada", rollout=50),
        {"name": "b", "priority": 95},
    ]
    system.configure({"degradation": {"features": listed, "rules": [Rule.of(RULE)]}})

    system.degradation.degrade("reduced", "drill")
    assert features(system) == {"a": (False, 0), "b": (True, 100)}
    system.degradation.recover()
    assert system.degradation.enabled("a") == system.degradation.enabled("a", key="ada")
    assert len({system.degradation.enabled("a") for _ in range(50)}) == 1


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ([{"priority": 5}], "feature name=None"),
        ([Feature("a"), {"name": "a"}], "feature 'a' is there twice"),
        ([3], "features: feature=3: give a table"),
        ([{"name": "a", "key": "user"}], "feature 'a': key='user': give a function"),
        ([{"name": "a", "key": asyncio.sleep}], "which an async function is not"),
        ("a", "features='a': give a table"),
        (None, "features=None: give a table"),
    ],
)
def test_lists_that_cannot_be_are_refused(listed: Any, said: str) -> None:
    """By the name of the setting."""
    with pytest.raises(ConfigurationError, match=said):
        Settings.of({"degradation": {"features": listed}})


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({"normal": 5}, "give one of reduced, minimal, emergency"),
        ({"minimal": 95}, "95 at minimal is above 90 at emergency"),
        ({"reduced": 101}, "reduced=101"),
        ([], "give a table"),
    ],
)
def test_levels_that_cannot_be_are_refused(levels: Any, said: str) -> None:
    """With what is allowed."""
    with pytest.raises(ConfigurationError, match=said):
        Settings.of({"degradation": {"levels": levels}})
