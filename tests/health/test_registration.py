"""What can be a check, and what is refused at once, by name."""

import functools
import importlib.util
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from resilience import CheckResult, ConfigurationError, DecorationError, System, UnknownSettingError
from resilience.health.watch import MOST_CHECKS


def fine() -> None:
    """Find nothing wrong."""


def needy(client: object) -> None:
    """Want something."""


def test_a_decorated_check_stays_the_function_it_was(system: System) -> None:
    """Whichever way it is written."""

    def look() -> bool:
        return True

    assert system.health.check("a")(look) is look
    assert system.health.check(look) is look
    assert system.health.check("b", look) is look
    assert [each.name for each in system.health.checks] == ["a", "look", "b"]


def test_defaults_and_what_is_given(system: System) -> None:
    """As DESIGN writes it; durations also as `timedelta`."""
    system.health.check("plain", fine)
    system.health.check(
        "postgres",
        fine,
        component="database",
        criticality="critical",
        interval=timedelta(seconds=20),
        timeout=2,
        slow_after=0.5,
    )

    plain, given = system.health.checks
    assert (plain.component, plain.criticality, plain.slow_after) == ("plain", "medium", None)
    assert (plain.interval, plain.timeout) == (5.0, 1.0)
    assert (given.component, given.criticality, given.slow_after) == ("database", "critical", 0.5)
    assert (given.interval, given.timeout) == (20.0, 2.0)


def test_a_short_interval_shortens_the_default_time_limit(system: System) -> None:
    """Only a limit that somebody gave can be wrong."""
    system.health.check("it", fine, interval=0.25)

    assert system.health.checks[0].timeout == 0.25


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interval": 0}, "check 'it': interval=0: give a number > 0"),
        ({"interval": -5}, "check 'it': interval=-5"),
        ({"interval": 0.01}, "check 'it': interval=0.01: give at least 0.1 s"),
        ({"interval": "5"}, "check 'it': interval='5'"),
        ({"interval": float("inf")}, "check 'it': interval=inf"),
        ({"timeout": 0}, "check 'it': timeout=0"),
        ({"timeout": float("nan")}, "check 'it': timeout=nan"),
        ({"timeout": True}, "check 'it': timeout=True"),
        ({"interval": 5, "timeout": 6}, "check 'it': timeout=6: give at most its interval, 5 s"),
        ({"timeout": 6}, "check 'it': timeout=6: give at most its interval, 5 s"),
        ({"slow_after": 1}, "check 'it': slow_after=1: give less than its timeout, 1 s"),
        ({"slow_after": 0}, "check 'it': slow_after=0"),
        ({"criticality": "urgent"}, "give one of low, medium, high, critical"),
        ({"criticality": "Critical"}, "criticality='Critical': give one of"),
        ({"component": ""}, "check 'it': component=''"),
        ({"component": 7}, "check 'it': component=7"),
        ({"component": "circuits"}, "component='circuits': give another name"),
        ({"component": "system"}, "component='system': give another name"),
    ],
)
def test_values_that_cannot_be(system: System, options: dict[str, Any], words: str) -> None:
    """Refused on the line that gives them, before there is a function; nothing is registered."""
    with pytest.raises(ConfigurationError) as refused:
        system.health.check("it", **options)(fine)

    assert words in str(refused.value)
    assert system.health.checks == ()


@pytest.mark.parametrize("options", [{"interval": 0}, {"criticality": "urgent"}, {"intervall": 5}])
def test_values_are_refused_before_the_function(system: System, options: dict[str, Any]) -> None:
    """So that the traceback points at the decorator."""
    with pytest.raises(ConfigurationError):
        system.health.check("it", **options)


def test_an_option_that_does_not_exist(system: System) -> None:
    """Says what was meant."""
    with pytest.raises(UnknownSettingError, match="unknown setting 'intervall'; did you mean 'int"):
        system.health.check("it", fine, intervall=3)  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", 7, None, "system", "circuits"])
def test_names_that_cannot_be(system: System, name: Any) -> None:
    """A name is a printable text, and its component's unless that has another."""
    with pytest.raises(ConfigurationError, match="check"):
        system.health.check(name, fine)


class Looker:
    """Something with methods."""

    def look(self) -> None:
        """Find nothing wrong."""

    async def look_later(self) -> None:
        """Find nothing wrong."""

    @staticmethod
    def anywhere() -> None:
        """Find nothing wrong."""

    def __call__(self) -> None:
        """Find nothing wrong."""


@pytest.mark.parametrize(
    "call",
    [
        fine,
        Looker().look,
        Looker().look_later,
        Looker.anywhere,
        Looker(),
        functools.partial(needy, None),
        lambda: None,
        lambda retries=3: None,
    ],
)
def test_whatever_can_be_called_without_arguments(system: System, call: Any) -> None:
    """Is a check."""
    system.health.check("it", call)
    system.tick()

    assert system.health.report().components["it"].status == "pass"


def generator() -> Any:
    """Yield."""
    yield True


async def async_generator() -> Any:
    """Yield."""
    yield True


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (needy, "it is run without arguments, but missing a required argument: 'client'"),
        (Looker.look, "missing a required argument: 'self'"),
        (generator, "a generator cannot be a check"),
        (async_generator, "a generator cannot be a check"),
        (Looker, "give a function"),
        (7, "give a function"),
    ],
)
def test_what_cannot_be_run(system: System, call: Any, words: str) -> None:
    """Is refused where it is decorated."""
    with pytest.raises(DecorationError, match=words):
        system.health.check("it")(call)
    assert system.health.checks == ()


def test_a_name_that_is_taken(system: System) -> None:
    """Says by whom, and what to do."""
    system.health.check("it", fine)

    with pytest.raises(ConfigurationError) as refused:
        system.health.check("it", Looker.anywhere)

    said = str(refused.value)
    assert "check 'it' is registered already, by " in said
    assert "test_registration.fine" in said
    assert "test_registration.Looker.anywhere" in said
    assert "remove('it')" in said
    assert system.health.checks[0].call is fine


def test_two_built_on_different_lines_are_different(system: System) -> None:
    """Without a name of their own, they are known by where they are registered."""
    system.health.check("it", lambda: True)

    with pytest.raises(ConfigurationError, match="registered already"):
        system.health.check("it", lambda: True)


def test_the_same_again_takes_the_place(system: System) -> None:
    """An app factory called twice: the new function runs, what was found stays."""
    runs: list[str] = []

    def create_app(name: str) -> None:
        @system.health.check("by name", interval=5)
        def look() -> None:
            runs.append(name)

        system.health.check("by line", lambda: runs.append(name), criticality="high")

    create_app("first")
    system.tick()
    create_app("second")
    system.tick()

    assert runs == ["first", "first", "second", "second"]
    assert [each.name for each in system.health.checks] == ["by name", "by line"]
    assert len(system.health.history("by name")) == 2


def test_a_module_that_is_reloaded(system: System, tmp_path: Path) -> None:
    """The edited function takes the place, also with other numbers, or another component."""
    path = tmp_path / "checks_of_an_app.py"
    text = """
def register(system):
    pass

@system.health.check("postgres", component="{component}", interval={interval})
def postgres():
    return {answer}
"""

    def load(**values: object) -> None:
        path.write_text(text.format(**values), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("checks_of_an_app", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        module.system = system  # type: ignore[attr-defined]
        source = path.read_text(encoding="utf-8")
        exec(compile(source, path, "exec"), module.__dict__)

    load(component="database", interval=5, answer=True)
    system.tick()
    load(component="storage", interval=9, answer=False)
    system.tick()

    assert list(system.health.report().components) == ["storage"]
    assert system.health.report().components["storage"].status == "fail"
    assert [each.interval for each in system.health.checks] == [9.0]


def test_checks_are_not_without_number(system: System) -> None:
    """Made in a loop that never ends, they would fill the memory."""
    for number in range(MOST_CHECKS):
        system.health.check(f"check {number}", fine)

    with pytest.raises(ConfigurationError, match="there are 1000 checks already"):
        system.health.check("one more", fine)
    system.health.check("check 7", fine)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"status": "ok"}, "CheckResult: status='ok': give one of pass, unknown, warn, fail"),
        ({"status": True}, "CheckResult: status=True"),
        ({"observed_value": float("nan")}, "observed_value=nan: give a text"),
        ({"observed_value": [1]}, r"observed_value=\[1\]"),
        ({"observed_value": "x" * 201}, "observed_value='xxx"),
        ({"observed_unit": ""}, "observed_unit=''"),
    ],
)
def test_results_that_cannot_be(system: System, fields: dict[str, Any], words: str) -> None:
    """Refused when made: in the check, which fails by it."""
    with pytest.raises(ConfigurationError, match=words):
        CheckResult(**fields)

    system.health.check("it", lambda: CheckResult(**fields))
    system.tick()

    [check] = system.health.report().components["it"].checks
    assert check.status == "fail"
    assert "ConfigurationError: CheckResult" in str(check.output)


def test_long_outputs_are_cut() -> None:
    """They are kept a thousand times."""
    assert CheckResult(output="x" * 1000).output == "x" * 199 + "…"
    assert CheckResult(output=ValueError("no")).output == "no"  # type: ignore[arg-type]
