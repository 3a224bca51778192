"""Every parameter of a circuit that is out of range or unknown is refused at once, by name."""

import math
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from resilience import (
    CircuitSettings,
    ConfigurationError,
    Settings,
    System,
    UnknownSettingError,
)

NO_NUMBERS = ["ten", "5", None, True, False, [5], math.nan, math.inf, -math.inf, 1j]
WHOLE = [0, -1, 2.5, 5.0, timedelta(seconds=5), *NO_NUMBERS]
SHARE = [-0.1, 10**400, 1.1, timedelta(seconds=0.5), *NO_NUMBERS]
SECONDS = [10**400, 0, 0.0, -1, timedelta(0), timedelta(seconds=-1), *NO_NUMBERS]
FROM_ZERO = [10**400, -0.001, timedelta(seconds=-1), *NO_NUMBERS]
ERRORS = [None, "OSError", 5, int, (OSError, "x"), [int], OSError("an object")]
FUNCTIONS = ["len", 5, (len,)]
BAD: dict[str, tuple[list[Any], str]] = {
    "failure_threshold": (WHOLE, "a whole number of at least 1"),
    "failure_rate": (SHARE, "a number >= 0 and <= 1"),
    "min_calls": (WHOLE, "a whole number of at least 1"),
    "window": (SECONDS, "a number > 0"),
    "window_calls": (WHOLE, "a whole number of at least 1"),
    "slow_call_duration": (FROM_ZERO, "a number >= 0"),
    "slow_call_rate": ([0, 0.0, *SHARE], "a number > 0 and <= 1"),
    "reset_timeout": (SECONDS, "a number > 0"),
    "reset_timeout_multiplier": ([0.99, -2, timedelta(seconds=2), *NO_NUMBERS], "a number >= 1"),
    "reset_timeout_max": (SECONDS, "a number > 0"),
    "half_open_calls": (WHOLE, "a whole number of at least 1"),
    "success_threshold": (WHOLE, "a whole number of at least 1"),
    "half_open_timeout": (SECONDS, "a number > 0"),
    "ramp": (FROM_ZERO, "a number >= 0"),
    "on": (ERRORS, "an exception type, a tuple of them, or a function"),
    "ignore": (ERRORS, "an exception type, a tuple of them, or a function"),
    "on_result": (FUNCTIONS, "a function"),
    "key": (FUNCTIONS, "a function"),
    "max_keys": (WHOLE, "a whole number of at least 1"),
}
MAY_BE_NONE = {
    "min_calls",
    "window_calls",
    "slow_call_duration",
    "half_open_timeout",
    "on_result",
    "key",
}


def by_decorator(name: str, value: Any) -> None:
    """Give a setting to `@circuit`, which is refused before there is a function."""
    System().circuit("it", **{name: value})


def by_get(name: str, value: Any) -> None:
    """Give a setting to `circuits.get`."""
    System().circuits.get("it", **{name: value})


def by_dict(name: str, value: Any) -> None:
    """Give a setting by a dict."""
    System({"circuits": {"it": {name: value}}})


def by_reload(name: str, value: Any) -> None:
    """Give a setting to a system that runs."""
    System().configure({"circuits": {"it": {name: value}}})


def test_every_parameter_is_tried() -> None:
    """The table above knows all settings there are."""
    assert [field.name for field in fields(CircuitSettings)] == list(BAD)


@pytest.mark.parametrize("give", [by_decorator, by_get, by_dict, by_reload])
@pytest.mark.parametrize("name", BAD)
def test_values_out_of_range_are_refused(give: Callable[[str, Any], None], name: str) -> None:
    """The error names setting, value and range, however it was given."""
    values, allowed = BAD[name]
    for value in values:
        if value is None and name in MAY_BE_NONE:
            continue
        with pytest.raises(ConfigurationError) as raised:
            give(name, value)

        text = str(raised.value)
        if name == "key" and give is not by_decorator:
            assert "key= can only be given to @circuit" in text
        else:
            assert f"{name}=" in text
            assert f"give {allowed}" in text


@pytest.mark.parametrize("name", sorted(MAY_BE_NONE))
def test_none_is_the_default_where_it_may_stand(name: str) -> None:
    """What may be None can be given as None."""
    settings = CircuitSettings.of({name: None})

    assert settings == CircuitSettings()


@pytest.mark.parametrize("give", [by_decorator, by_get, by_dict, by_reload])
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("reset_timeot", "reset_timeout"),
        ("failure_treshold", "failure_threshold"),
        ("max_key", "max_keys"),
    ],
)
def test_an_unknown_parameter_is_refused_with_near_names(
    give: Callable[[str, Any], None], name: str, meant: str
) -> None:
    """A misspelt setting is a TypeError that says what was meant."""
    with pytest.raises(UnknownSettingError, match=f"{name!r}.*did you mean.*{meant!r}") as raised:
        give(name, 5)

    assert isinstance(raised.value, TypeError)


def test_an_unknown_parameter_like_no_other_is_refused_with_all_names() -> None:
    """Where no name is near, all that are allowed are listed."""
    with pytest.raises(UnknownSettingError, match=r"'zzz'; known: failure_rate, .*window_calls"):
        by_decorator("zzz", 5)


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"success_threshold": 4}, "success_threshold=4 is above half_open_calls=3"),
        ({"half_open_calls": 1}, "success_threshold=2 is above half_open_calls=1"),
        ({"window_calls": 4}, "failure_threshold=5 is above window_calls=4"),
        ({"window_calls": 9, "min_calls": 10}, "min_calls=10 is above window_calls=9"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(given: dict[str, Any], refused: str) -> None:
    """A limit that can never be reached is an error, whichever of the two was given."""
    with pytest.raises(ConfigurationError, match=refused):
        System().circuit("it", **given)
    with pytest.raises(ConfigurationError, match=refused):
        System({"circuits": {"it": given}}).circuits.get("it")


def test_settings_are_judged_together_with_the_decorators() -> None:
    """A settings file may give one half of what only fits with the decorator's other half."""
    system = System({"circuits": {"it": {"success_threshold": 4}}})

    circuit = system.circuits.get("it", half_open_calls=5)

    assert (circuit.settings.success_threshold, circuit.settings.half_open_calls) == (4, 5)
    with pytest.raises(ConfigurationError, match="success_threshold=6 is above half_open_calls=5"):
        system.configure({"circuits": {"it": {"success_threshold": 6}}})
    assert circuit.settings.success_threshold == 4


@pytest.mark.parametrize(
    ("toml", "refused"),
    [
        ("reset_timeout = -1", r"circuit 'it': reset_timeout=-1: give a number > 0"),
        ("window = nan", r"circuit 'it': window=nan: give a number > 0"),
        ("failure_threshold = true", r"failure_threshold=True: give a whole number"),
        ("failure_rate = 2", r"failure_rate=2: give a number >= 0 and <= 1"),
        ("on = 'OSError'", r"on='OSError': give an exception type"),
        ("reset_timout = 5", r"unknown setting 'reset_timout'; did you mean 'reset_timeout'"),
    ],
)
def test_a_file_is_refused_likewise(tmp_path: Path, toml: str, refused: str) -> None:
    """What TOML says is checked as it is read."""
    path = tmp_path / "resilience.toml"
    path.write_text(f"[circuits.it]\n{toml}\n")

    with pytest.raises(ConfigurationError, match=refused):
        Settings.load(path)


@pytest.mark.parametrize(
    ("variable", "text", "refused"),
    [
        ("RESET_TIMEOUT", "soon", r"circuit 'it': reset_timeout='soon': give a number > 0"),
        ("RESET_TIMEOUT", "", r"reset_timeout='': give a number > 0"),
        ("WINDOW", "nan", r"window=nan: give a number > 0"),
        ("HALF_OPEN_CALLS", "1.5", r"half_open_calls=1.5: give a whole number"),
        ("RESET_TIMOUT", "5", r"unknown setting 'reset_timout'; did you mean 'reset_timeout'"),
    ],
)
def test_the_environment_is_refused_likewise(variable: str, text: str, refused: str) -> None:
    """What a variable says is checked as it is read."""
    with pytest.raises(ConfigurationError, match=refused):
        Settings.load(environ={f"RESILIENCE__CIRCUITS__IT__{variable}": text})


@pytest.mark.parametrize(
    "name",
    [
        "window",
        "slow_call_duration",
        "reset_timeout",
        "reset_timeout_max",
        "half_open_timeout",
        "ramp",
    ],
)
def test_durations_may_be_timedelta(name: str) -> None:
    """A `timedelta` becomes float seconds."""
    circuit = System().circuits.get("it", **{name: timedelta(minutes=2)})

    assert getattr(circuit.settings, name) == 120.0
    assert type(getattr(circuit.settings, name)) is float


@pytest.mark.parametrize("name", ["", "x" * 201, "two\nlines", 5])
def test_a_name_that_cannot_be_is_refused(name: Any) -> None:
    """A circuit's name is 1 to 200 printable characters."""
    with pytest.raises(ConfigurationError, match=r"name=.*: give a (printable )?text"):
        System().circuit(name)(len)
    with pytest.raises(ConfigurationError, match=r"circuit name=.*1 to 200 characters"):
        System().circuits.get(name)
