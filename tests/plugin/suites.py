"""Suites of users, run by pytest in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

PLUGINS = ("-p", "no:resilience", "-p", "resilience.pytest_plugin")  # installed or not, once
QUIET = ("-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "no:django", "-p", "no:timeout")

APP = """
import asyncio
from resilience import circuit, fallback, feature, retry, timeout

@fallback([])
@circuit("prices", failure_threshold=2, reset_timeout=30)
def prices():
    return [3, 5]

@circuit("bank", failure_threshold=2)
def pay():
    return "paid"

@circuit("rates")
async def rates():
    return 1.5
"""


def suite(folder: Path, **files: str) -> Path:
    """Write a suite, and the app that it tests."""
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
    (folder / "shop.py").write_text(APP)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text))
    return folder


def pytest_in(
    folder: Path, *options: str, plugins: tuple[str, ...] = PLUGINS
) -> subprocess.CompletedProcess[str]:
    """Run a suite."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    environ.pop("PYTEST_ADDOPTS", None)
    environ["PYTEST_XDIST_AUTO_NUM_WORKERS"] = "2"
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *QUIET, "-p", "no:asyncio", *options],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
