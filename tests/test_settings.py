"""Settings by name: from dicts, files and the environment, over decorators, all or nothing."""

import warnings
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

from resilience import (
    ConfigurationError,
    Settings,
    System,
    UnknownSettingError,
)
from resilience.settings import WebSettings


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """Give a settings file."""
    path = tmp_path / "resilience.toml"
    path.write_text(
        "[circuits.payments]\nreset_timeout = 10\nfailure_rate = 0.25\n"
        '[circuits."shop.views.prices"]\nwindow = 20\n'
        "[web]\nprobe_first = true\n"
    )
    return path


def test_settings_come_from_a_file_with_the_environment_over_it(toml: Path) -> None:
    """Values are TOML in both; names are matched as far as a variable can spell them."""
    settings = Settings.load(
        toml,
        environ={
            "RESILIENCE__CIRCUITS__PAYMENTS__RESET_TIMEOUT": "2.5",
            "RESILIENCE__CIRCUITS__SHOP_VIEWS_PRICES__HALF_OPEN_CALLS": "4",
            "RESILIENCE__CIRCUITS__NEW__WINDOW_CALLS": "100",
            "RESILIENCE__WEB__DEGRADED_HEADER": "false",
            "RESILIENCE_OTHER": "5",
            "PATH": "/bin",
        },
    )

    assert settings.circuits == {
        "payments": {"reset_timeout": 2.5, "failure_rate": 0.25},
        "shop.views.prices": {"window": 20, "half_open_calls": 4},
        "new": {"window_calls": 100},
    }
    assert settings.web == WebSettings(probe_first=True, degraded_header=False)


def test_no_file_and_no_environment_is_no_settings() -> None:
    """`load()` reads nothing that it was not given."""
    assert Settings.load() == Settings() == Settings.of({})


@pytest.mark.parametrize("name", ["payments", "shop.views.prices", "Payments-API", "my api"])
def test_a_variable_reaches_a_circuit_that_only_a_decorator_knows(name: str) -> None:
    """Circuits have dots, dashes and capitals; variables have none, and still mean them."""
    variable = name.upper().translate(str.maketrans("-. ", "___"))
    environ = {f"RESILIENCE__CIRCUITS__{variable}__RESET_TIMEOUT": "7"}
    before, after = System(), System(Settings.load(environ=environ))

    before.circuits.get(name)
    before.configure(Settings.load(environ=environ))
    after.circuits.get(name, reset_timeout=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before.start()
        after.start()

    assert before.circuits[name].settings.reset_timeout == 7.0
    assert after.circuits[name].settings.reset_timeout == 7.0


def test_a_dicts_name_means_only_the_circuit_of_that_name() -> None:
    """Only variables are too poor to spell a name."""
    system = System({"circuits": {"my_api": {"reset_timeout": 7}}})

    assert system.circuits.get("my-api").settings.reset_timeout == 30.0
    assert system.circuits.get("my_api").settings.reset_timeout == 7.0


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("RESILIENCE__CIRCUITS", "write RESILIENCE__SECTION__NAME__SETTING"),
        ("RESILIENCE__CIRCUITS____WINDOW", "write RESILIENCE__SECTION__NAME__SETTING"),
        ("RESILIENCE__CIRCUITS__PAYMENTS", r"circuits.payments=5: give a table"),
        ("RESILIENCE__CIRCUIT__PAYMENTS__WINDOW", "unknown settings 'circuit'.*'circuits'"),
        ("RESILIENCE__WEB__ENDPOINT", "unknown setting 'endpoint'.*'endpoints'"),
        ("RESILIENCE__WEB__ENDPOINTS", "web: endpoints=5: give true or false"),
    ],
)
def test_a_variable_that_means_nothing_is_refused(variable: str, said: str) -> None:
    """With its place in the tree, and what is allowed there."""
    with pytest.raises(ConfigurationError, match=said):
        Settings.load(environ={variable: "5"})


@pytest.mark.parametrize(
    ("said", "meant"),
    [("1", True), ("True", True), ("ON", True), ("yes", True), ("0", False), ("FALSE", False),
     ("off", False), ("No", False)],
)  # fmt: skip
def test_variables_say_yes_and_no_as_people_write_them(said: str, meant: bool) -> None:
    """Files are TOML, where it is true and false alone."""
    environ = {"RESILIENCE__CHAOS__ENABLED": said, "RESILIENCE__WEB__SHEDDING": said}
    settings = Settings.load(environ=environ)

    assert (meant, meant) == (settings.chaos.enabled, settings.web.shedding)


def test_a_text_in_a_variable_may_look_like_a_number() -> None:
    """A prefix such as a year needs no quotes, and may have some."""
    for written in ("2026", '"2026"'):
        settings = Settings.load(environ={"RESILIENCE__FLEET__PREFIX": written})
        assert settings.fleet.prefix == "2026"


def test_a_variable_below_a_value_is_refused(toml: Path) -> None:
    """A setting has no settings."""
    with pytest.raises(UnknownSettingError, match="window is a value, not a table"):
        Settings.load(toml, environ={"RESILIENCE__CIRCUITS__SHOP_VIEWS_PRICES__WINDOW__X": "5"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[circuits", r"resilience.toml: "),
        (b"\xff\xfe", r"resilience.toml: "),
        (b"[circuit.payments]\nwindow = 1", "unknown settings 'circuit'; did you mean 'circuits'"),
        (b"circuits = 5", "circuits=5: give a table"),
        (b"[circuits]\npayments = 5", "circuits.payments=5: give a table"),
        (b"[web]\nendpoints = 1", "web: endpoints=1: give true or false"),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """With the place, and what is allowed."""
    path = tmp_path / "resilience.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match=said):
        Settings.load(path)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"PATH": "/bin"}, r"\S*resilience\.toml: circuit 'it': unknown setting 'windoww'"),
        ({"RESILIENCE__WEB__DEADLINE": "5"}, r"\S*resilience\.toml or environment: circuit 'it'"),
    ],
)
def test_a_wrong_setting_is_refused_with_where_to_look(
    tmp_path: Path, environ: dict[str, str], said: str
) -> None:
    """The file by its path, as there may be several."""
    path = tmp_path / "resilience.toml"
    path.write_text("[circuits.it]\nwindoww = 5")

    with pytest.raises(UnknownSettingError, match=said):
        Settings.load(path, environ=environ)


def test_a_file_may_begin_with_the_mark_that_some_editors_write(tmp_path: Path) -> None:
    """It means UTF-8, which TOML is anyway."""
    path = tmp_path / "resilience.toml"
    path.write_text("[circuits.it]\nwindow = 5", encoding="utf-8-sig")

    assert Settings.load(path).circuits == {"it": {"window": 5}}


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Forgotten settings are not taken for none."""
    with pytest.raises(ConfigurationError, match=r"missing\.toml: cannot be read: No such file"):
        Settings.load(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (5, "settings=5: give a table"),
        (["circuits"], r"settings=\['circuits'\]: give a table"),
        ({5: {}}, "unknown settings 5"),
        ({"circuits": {5: {}}}, "circuit name=5: give a printable text"),
        ({"circuits": {"a\nb": {}}}, "circuit name=.*give a printable text"),
        ({"circuits": {"it": {5: 5}}}, "circuit 'it': unknown setting 5"),
        ({"circuits": {"it": {"key": len}}}, "circuit 'it': key= can only be given to @circuit"),
        ({"web": {5: True}}, "web: unknown setting 5"),
    ],
)
def test_a_tree_that_cannot_be_is_refused(tree: Any, said: str) -> None:
    """When a system is made, and when it is configured."""
    with pytest.raises(ConfigurationError, match=said):
        System(tree)
    with pytest.raises(ConfigurationError, match=said):
        System().configure(tree)


def test_settings_are_frozen_and_checked_when_made() -> None:
    """A `Settings` that is there is valid, and stays it."""
    with pytest.raises(ConfigurationError, match="reset_timeout=-1"):
        Settings(circuits={"it": {"reset_timeout": -1}})
    with pytest.raises(FrozenInstanceError):
        Settings().circuits = {}  # type: ignore[misc]
