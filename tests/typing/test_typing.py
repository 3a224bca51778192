"""The public API means to type checkers what it says: mypy and pyright read `check_*.py`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHECKED = sorted(str(path) for path in HERE.glob("check_*.py"))


def run(*command: str) -> None:
    """Run a checker at the project's root; fail with what it said."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)  # seconds; the first run fills the checker's cache
def test_mypy_agrees() -> None:
    """Every `assert_type` holds, every expected mistake is found, nothing else is."""
    pytest.importorskip("mypy")

    run(sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", *CHECKED)


@pytest.mark.timeout(300)
def test_pyright_agrees() -> None:
    """The same by pyright, strict in this folder."""
    pyright = shutil.which("pyright", path=str(Path(sys.executable).parent))
    if pyright is None:
        pytest.skip("pyright is not installed beside this Python")

    run(pyright, *CHECKED)


def test_there_is_something_to_check() -> None:
    """The folder is found, wherever the tests are started from."""
    assert len(CHECKED) >= 3
