"""Where a framework is not installed, its integration says what to install."""

import subprocess
import sys

import pytest

ABSENT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name == {framework!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import {package}
"""


@pytest.mark.parametrize("framework", ["flask", "starlette"])
def test_the_extra_is_named(framework: str) -> None:
    """As what is missing is its own framework, and nothing else."""
    code = ABSENT.format(framework=framework, package=f"resilience_{framework}")

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert f"pip install 'resilience-web[{framework}]'" in ran.stderr
