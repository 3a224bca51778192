"""The section `healer` of the settings."""

from datetime import timedelta
from typing import Any

import pytest

from resilience import ConfigurationError, MemoryCheckpoint, Restore, Settings, System
from resilience.healing.settings import HealerSettings


def test_defaults_are_those_of_the_design() -> None:
    """Three recoveries in 300 s, ten at once, 30 s each."""
    found = HealerSettings()

    assert (found.enabled, found.auto_recover) == (True, True)
    assert (found.max_concurrent_recoveries, found.recovery_timeout) == (10, 30.0)
    assert (found.intensity, found.intensity_period) == (3, 300.0)
    assert (found.escalation_threshold, found.health_check_interval) == (3, 5.0)


@pytest.mark.parametrize(
    ("category", "strategies"),
    [
        ("network", ("action", "retry")),
        ("database", ("action", "retry")),
        ("service", ("action", "retry")),
        ("resource", ("action",)),
        ("configuration", ("action",)),
        ("unknown", ("action",)),
    ],
)
def test_by_default_only_passing_trouble_is_tried_again(
    category: str, strategies: tuple[str, ...]
) -> None:
    """What is set wrong, or ran out, is there again at the next attempt."""
    assert HealerSettings().strategies_for(category) == strategies


def test_the_map_comes_before_the_default() -> None:
    """A category that it does not name has the default strategy."""
    restore = Restore(MemoryCheckpoint())
    found = HealerSettings.of(
        {"default_strategy": "retry", "strategy_map": {"database": ["action", restore]}}
    )

    assert found.strategies_for("database") == ("action", restore)
    assert found.strategies_for("network") == ("retry",)


def test_they_come_from_files_and_variables() -> None:
    """As all others."""
    variables = {
        "RESILIENCE__HEALER__INTENSITY": "5",
        "RESILIENCE__HEALER__RECOVERY_TIMEOUT": "12.5",
    }

    found = Settings.load(environ=variables).healer

    assert (found.intensity, found.recovery_timeout) == (5, 12.5)


def test_a_system_puts_them_in_force() -> None:
    """Also later, and from several sources."""
    system = System({"healer": {"max_wait": timedelta(seconds=2)}})
    assert system.healer.settings.max_wait == 2.0

    system.configure({"healer": {"intensity": 7}}, source="file")

    assert (system.healer.settings.max_wait, system.healer.settings.intensity) == (2.0, 7)


def test_wrong_settings_leave_those_in_force() -> None:
    """All or nothing."""
    system = System({"healer": {"intensity": 7}})

    with pytest.raises(ConfigurationError):
        system.configure({"healer": {"intensity": 5, "cool_down": -1}})

    assert system.healer.settings.intensity == 7


def test_what_cannot_be_is_refused_by_name() -> None:
    """Unknown names with what was meant, values with what is allowed."""
    wrong: Any
    for wrong, message in (
        ({"intensty": 3}, "healer: unknown setting 'intensty'; did you mean 'intensity'"),
        ({"enabled": 1}, "healer: enabled=1: give true or false"),
        ({"max_concurrent_recoveries": 0}, "at least 1"),
        ({"recovery_timeout": 0}, "recovery_timeout=0: give a number > 0"),
        ({"escalation_threshold": 0}, "at least 1"),
        ({"health_check_interval": -5}, "give a number > 0"),
        ({"intensity": 1.5}, "intensity=1.5: give a whole number"),
        ({"intensity_period": 0}, "give a number > 0"),
        ({"cool_down": "long"}, "cool_down='long': give a number"),
        ({"max_wait": -1}, "max_wait=-1: give a number >= 0"),
        ({"history": 0}, "at least 1"),
        ({"default_strategy": "pray"}, "unknown strategy 'pray'"),
        ({"default_strategy": "fallback"}, "'fallback' needs something to answer with"),
        ({"strategy_map": {"netwrok": "retry"}}, "unknown category 'netwrok'; did you mean"),
        ({"strategy_map": {"network": "rety"}}, r"strategy_map\['network'\]: unknown strategy"),
        ({"strategy_map": "retry"}, "strategy_map='retry': give a table"),
        ({"channels": ["slak"]}, "unknown channel 'slak'; did you mean 'slack'"),
        ({"channels": ["slack://"]}, "Apprise cannot make anything of this URL"),
        ({"channels": "log"}, "give a list of channels"),
        ({"channels": 3}, "give a list of channels"),
    ):
        with pytest.raises(ConfigurationError, match=message):
            System({"healer": wrong})


def test_handlers_serve_the_channels_of_the_settings() -> None:
    """Whichever comes first, also when other settings are put in force."""
    told: list[str] = []
    system = System({"healer": {"channels": ["slack"], "default_strategy": "action"}})

    @system.healer.handler("slack")
    def tell(text: str, context: dict[str, Any]) -> None:
        told.append(text)

    system.configure({"healer": {"channels": ["slack", "log"], "default_strategy": "action"}})
    system.healer.failed("database", "postgres", "is down", "critical")
    system.stop()

    assert len(told) == 1
    with pytest.raises(ConfigurationError, match="did you mean 'slack'"):
        system.healer.handler("slak")
