"""What has to be there for the plugin and the contracts, and comes first."""

import sys
from pathlib import Path

import pytest

import resilience.testing
from resilience.testing import StoppableSystem
from tests.plugin.suites import pytest_in, suite

EARLY = """
from resilience import circuit

@circuit("early")
def early(): ...
"""


@pytest.mark.parametrize(
    ("plugins", "expected"), [(("-p", "resilience", "-p", "mine"), "1 passed"),
                              (("-p", "mine"), "load that first, by `-p resilience`")],
)  # fmt: skip
def test_a_plugin_that_makes_circuits_comes_after_it(
    tmp_path: Path, plugins: tuple[str, ...], expected: str
) -> None:
    """By the name that it is installed under; the fixture says so to whoever did not."""
    test = "def test_it(resilience): pass"
    folder = suite(tmp_path, test_it=test, mine=EARLY)

    done = pytest_in(folder, plugins=plugins)

    assert expected in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "module"), [("CircuitMachine", "hypothesis"), ("StoreContract", "pytest")]
)
def test_contracts_say_which_extra_they_need(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    """Where it is not installed."""
    for kind in ("circuits", "stores"):
        monkeypatch.delitem(sys.modules, f"resilience.testing.contracts.{kind}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'resilience-web\[testing\]'"):
        getattr(resilience.testing, name)


def test_a_system_of_ones_own_can_be_stopped() -> None:
    """Its circuits, too, stand still then, and go on where its clock was moved to."""
    system = StoppableSystem({"circuits": {"bank": {"reset_timeout": 20}}})
    bank = system.circuits.get("bank")
    system.clock.stop()
    bank.force_open("a drill", "me", for_=60)
    assert str(bank.state) == "forced_open"

    system.clock.advance(61)
    system.clock.go_on()

    assert str(bank.state) == "closed"
    with pytest.raises(RuntimeError, match="runs by itself"):
        system.clock.advance(1)
