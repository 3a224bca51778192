"""Experiments from files, and where in them something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from resilience import ConfigurationError, Experiment, Latency, Outage
from resilience.chaos.files import load

WANTED = [
    Experiment("slow", Latency(2.0, 0.1), "payments", 30.0, 0.5, ("error_rate <= 0.05",)),
    Experiment("gone", Outage(), "orders", None, match={"header": {"X-Test": "1"}}),
]
TOML = """
[[experiments]]
name = "slow"
target = "payments"
duration = 30.0
share = 0.5
steady_state = ["error_rate <= 0.05"]
fault = {kind = "latency", seconds = 2.0, jitter = 0.1}

[[experiments]]
name = "gone"
fault = "outage"
target = "orders"
match = {header = {X-Test = "1"}}
"""
YAML = """
experiments:
  - name: slow
    target: payments
    duration: 30.0
    share: 0.5
    steady_state: ["error_rate <= 0.05"]
    fault: {kind: latency, seconds: 2.0, jitter: 0.1}
  - name: gone
    fault: outage
    target: orders
    match: {header: {X-Test: "1"}}
"""


def written(folder: Path, name: str, text: str) -> Path:
    """Return a file with that text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "text"), [("x.toml", TOML), ("x.yaml", YAML), ("x.yml", YAML)])
def test_a_file_gives_its_experiments(tmp_path: Path, name: str, text: str) -> None:
    """The same in both languages."""
    assert load(written(tmp_path, name, text)) == WANTED


def test_one_experiment_needs_no_list(tmp_path: Path) -> None:
    """The whole file is the experiment."""
    text = 'name = "gone"\nfault = "outage"\ntarget = "payments"\n'

    found = load(written(tmp_path, "x.toml", text))

    assert found == [Experiment("gone", Outage(), "payments", None)]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("x.toml", 'name = "slow\n', "x.toml:1:13: "),
        ("x.toml", TOML.replace("outage", "outrage"), "x.toml:10:1: unknown fault 'outrage'"),
        ("x.yaml", "name: [slow\n", "x.yaml:2:1: "),
        ("x.yaml", YAML.replace("outage", "outrage"), "x.yaml:9:5: unknown fault 'outrage'"),
        ("x.yaml", "", "x.yaml:1:1: give an experiment"),
        ("x.yaml", "just text", "x.yaml:1:1: give an experiment"),
        ("x.json", "{}", "give a .toml, .yaml or .yml file"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_column(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    """So that an editor can go there."""
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, name, text))

    assert said in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """In words, not as an OSError."""
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        load(tmp_path / "none.toml")
