"""The JSON API does what its own description says, whatever comes."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.web.admin.dashboards import DASHBOARDS, with_history

COMMAND = Path(sys.executable).parent / "schemathesis"


@pytest.mark.skipif(shutil.which(COMMAND) is None, reason="schemathesis is not installed")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("framework", ["flask", "starlette", "django"])
def test_schemathesis_finds_nothing(framework: str, tmp_path: Path) -> None:
    """Valid and invalid requests of every operation, from the description that is served."""
    dashboard: Any = DASHBOARDS[framework](with_history(tmp_path))
    with dashboard as address:
        ran = subprocess.run(
            [
                COMMAND, "run", f"{address}/resilience/api/openapi.json",
                "--max-examples", "15", "--seed", "7", "--no-color",
            ],
            capture_output=True, text=True, check=False, timeout=170, cwd=tmp_path,
        )  # fmt: skip

    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "No issues found" in ran.stdout
