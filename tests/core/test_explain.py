"""`explain`: the chain of a guarded function, each number with where it came from."""

from pathlib import Path
from typing import Any

import pytest

from resilience import Settings, System, explain


def answer(item: str = "") -> str:
    """Answer."""
    return item


def lines(call: Any) -> list[str]:
    """Return what `explain` says, line by line."""
    return [line.strip() for line in explain(call).splitlines()]


def test_explain_says_where_each_number_comes_from(
    tmp_path: Path, system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """Default, decorator, settings, file, environment, operator: the later one wins."""
    path = tmp_path / "resilience.toml"
    path.write_text('[circuits."shop.api"]\nwindow = 20\nramp = 3\n')
    environ = {"RESILIENCE__CIRCUITS__SHOP_API__RAMP": "7", "PATH": "/bin"}
    call = system.fallback("instead")(
        system.circuit("shop.api", reset_timeout=5, window=10, ramp=1, on=(OSError, KeyError))(
            answer
        )
    )
    system.configure({"circuits": {"shop.api": {"min_calls": 9}}})
    system.configure(Settings.load(path, environ=environ), source="file")
    system.circuits["shop.api"].disable("test day", "ann")

    said = lines(call)

    assert said[0] == f"{__name__}.answer (function)"
    for line in [
        "→ circuit 'shop.api'",
        "failure_rate = 0.5  (default)",
        "half_open_timeout = None  (default)",
        "reset_timeout = 5.0  (decorator)",
        "on = (OSError, KeyError)  (decorator)",
        "min_calls = 9  (settings)",
        "window = 20.0  (settings file)",
        "ramp = 7.0  (environment)",
        "disabled  (operator ann: test day)",
    ]:
        assert line in said
    assert said[-1] == "→ the call"
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == said


def test_explain_shows_each_layer_further_in(system: System) -> None:
    """The text is the chain, as one reads it from outside."""
    text = explain(system.fallback(1)(system.circuit("it")(answer)))

    heads = [line for line in text.splitlines() if "→" in line]
    assert heads == ["  → fallback", "    → circuit 'it'", "      → the call"]


def test_explain_says_that_a_circuit_is_by_key(system: System) -> None:
    """There are many of them, with one set of numbers."""
    call = system.circuit("it", key=lambda item: item, max_keys=5)(answer)

    assert "→ circuit 'it' by key" in lines(call)
    assert "max_keys = 5  (decorator)" in lines(call)
