"""The page on levels and features tells the truth: its code runs, its settings are taken."""

import re
import subprocess
import sys
from pathlib import Path

from resilience import Settings

PAGE = Path(__file__).parents[2] / "docs" / "degradation.md"
TEXT = PAGE.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the page's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_code_runs() -> None:
    """Every block, one after the other, in an interpreter of its own."""
    code = "\n".join(blocks("python"))

    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_settings_are_taken(tmp_path: Path) -> None:
    """As a file, with the values that the page says."""
    path = tmp_path / "resilience.toml"
    path.write_text(blocks("toml")[0])

    found = Settings.load(path).degradation

    assert found.levels == {"reduced": 20, "minimal": 60, "emergency": 90}
    assert [str(rule) for rule in found.rules] == ["error_rate > 0.2"]
    assert (found.rules[0].for_, found.rules[0].clear) == (10, 0.05)
    assert found.features == {"recommendations": {"off_at": "reduced"}}
