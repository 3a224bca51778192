"""Guards are told layer by layer, wherever their function stands."""

import json
import sys
from pathlib import Path

import pytest

from tests.commands.running import run

GUARDED = """
from resilience import System

system = System({"circuits": {"pay": {"reset_timeout": 7}}})

class Bank:
    @system.circuit("pay", min_calls=9)
    def pay(self): ...

def bare(): ...
"""


def test_explain_says_where_each_number_came_from(folder: Path) -> None:
    """Of functions and methods; as JSON, too."""
    (folder / "mis_built_calls.py").write_text(GUARDED)

    said = run("explain", "mis_built_calls:Bank.pay").stdout
    layers = json.loads(run("explain", "mis_built_calls.py:Bank.pay", "--json").stdout)["layers"]

    assert "min_calls = 9  (decorator)" in said
    assert "reset_timeout = 7.0  (settings)" in said
    assert [each["role"] for each in layers] == ["circuit"]


@pytest.mark.parametrize(
    ("place", "seen_from"),
    [
        ("mis_built_shop/calls.py", "."),
        ("./mis_built_shop/calls.py", "."),
        ("{root}/mis_built_shop/calls.py", "."),
        ("{root}/mis_built_shop/calls.py", "other"),
    ],
)
@pytest.mark.parametrize("is_package", [False, True])
def test_a_module_may_be_given_by_its_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str, seen_from: str, is_package: bool
) -> None:
    """From here, or by its whole path, in a package or not."""
    (folder / "mis_built_shop").mkdir()
    (folder / "mis_built_shop" / "calls.py").write_text(GUARDED)
    if is_package:
        (folder / "mis_built_shop" / "__init__.py").touch()
    (folder / "other").mkdir()
    monkeypatch.chdir(folder / seen_from)

    result = run("explain", f"{place.format(root=folder)}:Bank.pay")

    assert (result.exit_code, "min_calls = 9" in result.stdout) == (0, True), result.output
    sys.modules.pop("calls", None)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("mis_built_nowhere.py:pay", "no file 'mis_built_nowhere.py'"),
        ("mis_built_calls:bare", "has no guard"),
        ("mis_built_calls:Bnak.pay", "did you mean 'Bank'"),
        ("mis_built_calls", "give module:function"),
        ("mis_built_nowhere:pay", "no module 'mis_built_nowhere'"),
        ("mis_built_broken:pay", "ZeroDivisionError"),
    ],
)
def test_explain_says_what_it_cannot_find(folder: Path, place: str, expected: str) -> None:
    """And near names."""
    (folder / "mis_built_calls.py").write_text(GUARDED)
    (folder / "mis_built_broken.py").write_text("1 / 0")

    result = run("explain", place)

    assert (result.exit_code, expected in result.stderr) == (1, True), result.stderr
