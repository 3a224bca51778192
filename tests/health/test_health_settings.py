"""Settings of health: by section, by check, by component; checked when given."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from resilience import (
    ConfigurationError,
    ConfigurationWarning,
    HealthSettings,
    Settings,
    System,
    UnknownSettingError,
)


def fine() -> None:
    """Find nothing wrong."""


def wrong() -> bool:
    """Find something wrong."""
    return False


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"warning": 80}, "health: warning=80 and critical=80: give warning > critical > fatal"),
        ({"critical": 96}, "health: warning=95 and critical=96"),
        ({"fatal": 90}, "health: critical=80 and fatal=90"),
        ({"warning": 10, "critical": 20, "fatal": 30}, "warning > critical > fatal"),
        ({"warning": 101}, "health: warning=101: give a number >= 0 and <= 100"),
        ({"fatal": -1}, "health: fatal=-1"),
        ({"interval": 0}, "health: interval=0"),
        ({"interval": 0.05}, "health: interval=0.05: give at least 0.1 s"),
        ({"timeout": 0}, "health: timeout=0"),
        ({"timeout": 6}, "health: timeout=6: give at most its interval, 5 s"),
        ({"window": 0}, "health: window=0"),
        ({"rise": 0}, "health: rise=0: give a whole number of at least 1"),
        ({"fall": 2.5}, "health: fall=2.5"),
        ({"flap_share": 1.5}, "health: flap_share=1.5"),
        ({"retention": -1}, "health: retention=-1"),
        ({"history_size": 0}, "health: history_size=0"),
        ({"enabled": "yes"}, "health: enabled='yes': give true or false"),
        ({"alert_on_degradation": 1}, "health: alert_on_degradation=1"),
        ({"alert_channels": "log"}, "health: alert_channels='log': give a list of channels"),
        ({"alert_channels": ["slack"]}, "'slack': give \"log\" or an Apprise URL"),
        ({"alert_channels": ["nosuch://x"]}, "Apprise cannot make anything of this URL"),
        ({"alert_channels": [7]}, "health: alert_channels: 7: give"),
        ({"alert_interval": -1}, "health: alert_interval=-1"),
        ({"checks": []}, "health: checks"),
        ({"checks": {"it": 5}}, "health: checks.it=5: give a table"),
        ({"checks": {"it": {"interval": 0}}}, "health: checks.it: interval=0"),
        ({"checks": {"it": {"criticality": "urgent"}}}, "checks.it: criticality='urgent'"),
        ({"checks": {"it": {"interval": 1, "timeout": 2}}}, "check 'it': timeout=2: give at most"),
        ({"components": {"it": {"warning": 101}}}, "health: components.it: warning=101"),
        ({"components": {"it": {"fatal": 85}}}, "component 'it': critical=80 and fatal=85"),
    ],
)
def test_values_that_cannot_be(system: System, options: dict[str, Any], words: str) -> None:
    """Refused at once, with what is allowed; those in force stay."""
    with pytest.raises(ConfigurationError) as refused:
        system.configure({"health": options})

    assert words in str(refused.value)
    assert system.health.settings == HealthSettings()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"intervall": 5}, "health: unknown setting 'intervall'; did you mean 'interval'"),
        (
            {"checks": {"it": {"intervl": 5}}},
            "checks.it: unknown setting 'intervl'; did you mean 'interval'",
        ),
        (
            {"components": {"it": {"warn": 5}}},
            "components.it: unknown setting 'warn'; did you mean 'warning'",
        ),
    ],
)
def test_names_that_do_not_exist(options: dict[str, Any], words: str) -> None:
    """Say what was meant."""
    with pytest.raises(UnknownSettingError) as refused:
        Settings.of({"health": options})

    assert words in str(refused.value)


def test_settings_by_name_are_over_the_code(system: System) -> None:
    """Given before or after the check is registered."""
    tree = {"health": {"checks": {"it": {"interval": 30, "timeout": timedelta(seconds=9)}}}}
    system.configure(tree)
    system.health.check("it", fine, interval=5, timeout=1, criticality="high")
    [check] = system.health.checks
    assert (check.interval, check.timeout, check.criticality) == (30.0, 9.0, "high")

    system.configure({"health": {"checks": {"it": {"criticality": "low"}}}})
    [check] = system.health.checks
    assert (check.interval, check.timeout, check.criticality) == (5.0, 1.0, "low")


def test_settings_that_do_not_fit_the_check_change_nothing(system: System) -> None:
    """All or nothing: not the rest of them either."""
    circuit = system.circuits.get("payments", failure_threshold=5)
    system.health.check("it", fine, timeout=3)
    tree = {
        "circuits": {"payments": {"failure_threshold": 9}},
        "health": {"rise": 7, "checks": {"it": {"interval": 2}}},
    }

    with pytest.raises(ConfigurationError, match="check 'it': timeout=3: give at most its int"):
        system.configure(tree)

    assert circuit.settings.failure_threshold == 5
    assert system.health.settings.rise == 2
    assert system.health.checks[0].interval == 5.0


def test_settings_that_a_check_does_not_fit_refuse_it(system: System) -> None:
    """Where they came first."""
    system.configure({"health": {"checks": {"it": {"interval": 2}}}})

    with pytest.raises(ConfigurationError, match="check 'it': timeout=3"):
        system.health.check("it", fine, timeout=3)
    assert system.health.checks == ()


def test_sources_add_up(system: System) -> None:
    """Later ones win, setting by setting."""
    system.configure(
        {"health": {"rise": 4, "fall": 5, "checks": {"a": {"interval": 9}, "b": {"interval": 8}}}},
        source="file",
    )
    system.configure({"health": {"fall": 6, "checks": {"a": {"timeout": 2}}}}, source="app")
    system.health.check("a", fine)

    settings = system.health.settings
    assert (settings.rise, settings.fall) == (4, 6)
    assert settings.checks == {"a": {"interval": 9.0, "timeout": 2.0}, "b": {"interval": 8.0}}
    assert (system.health.checks[0].interval, system.health.checks[0].timeout) == (9.0, 2.0)


def test_the_environment_and_files_reach_them(system: System, tmp_path: Path) -> None:
    """As every other setting."""
    path = tmp_path / "resilience.toml"
    path.write_text(
        '[health]\nrise = 3\n[health.checks.postgres]\ncriticality = "critical"\n'
        "[health.components.database]\nwarning = 99\n",
        encoding="utf-8",
    )
    environ = {
        "RESILIENCE__HEALTH__FALL": "4",
        "RESILIENCE__HEALTH__CHECKS__POSTGRES__INTERVAL": "7.5",
    }

    system.configure(Settings.load(path, environ=environ))
    system.health.check("postgres", fine, component="database")

    assert (system.health.settings.rise, system.health.settings.fall) == (3, 4)
    [check] = system.health.checks
    assert (check.interval, check.criticality) == (7.5, "critical")


def test_a_changed_interval_is_kept_from_now_on(system: System, clock: Any) -> None:
    """An unchanged one keeps its schedule."""
    changed: list[float] = []
    same: list[float] = []
    system.health.check("changed", lambda: changed.append(clock.monotonic()), interval=5)
    system.health.check("same", lambda: same.append(clock.monotonic()), interval=5)
    system.tick()
    clock.advance(1)

    system.configure({"health": {"checks": {"changed": {"interval": 60}}}})
    for _ in range(20):
        system.tick()
        clock.advance(1)

    assert changed == [0.0, 1.0]
    assert same[0] == 0.0
    assert 4.0 <= same[1] <= 5.0


def test_thresholds_of_one_component(system: System, clock: Any) -> None:
    """The level follows them; the others keep the common ones."""
    system.configure({"health": {"components": {"strict": {"warning": 99.9, "critical": 99}}}})
    results = iter([False, True] + [True] * 38)
    for name in ("strict", "usual"):
        system.health.check(name, lambda: next(results), interval=5)
    for _ in range(20):
        clock.advance(5)
        system.tick()

    components = system.health.report().components
    assert (components["strict"].score, components["strict"].level) == (95.0, "critical")
    assert (components["usual"].score, components["usual"].level) == (100.0, "ok")
    system.configure({"health": {}})
    assert system.health.report().components["strict"].level == "ok"


def test_a_section_that_is_made_in_code() -> None:
    """As a dataclass, with the same checks."""
    settings = Settings(health=HealthSettings(interval=timedelta(seconds=9)))  # type: ignore[arg-type]

    assert settings.health.interval == 9.0
    assert HealthSettings().thresholds("x") == {"warning": 95.0, "critical": 80.0, "fatal": 50.0}


def test_names_as_the_environment_spells_them(system: System) -> None:
    """Variables have no dashes, dots or spaces."""
    environ = {"RESILIENCE__HEALTH__CHECKS__MY_MAIN_DB__INTERVAL": "7"}

    system.configure(Settings.load(None, environ=environ))
    system.health.check("my-main.db", fine)

    assert system.health.checks[0].interval == 7.0


def test_settings_for_what_does_not_exist(system: System) -> None:
    """A near name is most likely a mistake at once; any other once the app starts."""
    system.health.check("postgres", fine, component="database")
    with pytest.warns(ConfigurationWarning, match="health check 'postgers', which does not exist"):
        system.configure({"health": {"checks": {"postgers": {"interval": 9}}}})
    with pytest.warns(ConfigurationWarning, match="health component 'databse', which does not"):
        system.configure({"health": {"components": {"databse": {"warning": 99}}}})

    system.configure({"health": {"checks": {"mailer": {"interval": 9}}}})
    with pytest.warns(ConfigurationWarning, match="health check 'mailer', which does not exist"):
        system.start()
