"""The page on health tells the truth: its code runs, and its settings are those there are."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

from resilience import HealthSettings, Settings
from tests.test_readme import blocks, run

PAGE = "docs/health.md"
TEXT = (Path(__file__).parents[2] / PAGE).read_text(encoding="utf-8")
AFTER = """
assert {each.name for each in system.health.checks} >= {"postgres", "queue", "shop api", "disk"}
assert system.health.history("database") == []
"""


def test_the_code_runs() -> None:
    """Every block, one after the other, in an interpreter of its own."""
    ran = run(*blocks("python", PAGE), AFTER)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.count("pass") >= 2


def test_the_settings_are_good() -> None:
    """The file on the page is accepted."""
    [text] = blocks("toml", PAGE)

    settings = Settings.of(tomllib.loads(text)).health

    assert (settings.interval, settings.thresholds("database")["warning"]) == (10.0, 99.0)


def test_every_setting_is_told_with_its_default() -> None:
    """And no other."""
    table = TEXT.split("## Settings")[1]
    told: dict[str, str] = {}
    for row in re.findall(r"^\| `.+$", table, re.MULTILINE):
        names, values = (cell.strip() for cell in row.split("|")[1:3])
        told.update(
            zip(re.findall(r"\w+", names), re.findall(r"[\w.]+", values) or [""], strict=True)
        )

    assert told == {each.name: shown(getattr(HealthSettings(), each.name)) for each in SETTINGS}


SETTINGS = fields(HealthSettings)


def shown(default: object) -> str:
    """Return a default as the page writes it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return " ".join(default)
    return f"{default:g}" if isinstance(default, float | int) else ""
