"""Experiments on a running app, from the shell."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.conftest import TOKENS, Shop
from tests.commands.running import run, told

WHY = ("--reason", "game day")
SLOW = """
name = "prices are slow"
target = "prices"
duration = 1.0
seed = 7
fault = {kind = "latency", seconds = 0.01}
"""


@pytest.fixture
def calls(shop: Shop) -> Iterator[None]:
    """Call for prices all the time, with the engine at work."""
    done = threading.Event()

    def call() -> None:
        while not done.wait(0.02):
            shop.prices()

    caller = threading.Thread(target=call)
    with shop.system:
        caller.start()
        yield
        done.set()
        caller.join()


def test_a_file_is_run_to_its_end(url: str, shop: Shop, calls: None, tmp_path: Path) -> None:
    """The result is printed; completed is 0."""
    file = tmp_path / "slow.toml"
    file.write_text(SLOW)

    result = run("chaos", "run", str(file), *WHY)

    assert result.exit_code == 0, result.output
    assert "prices are slow completed" in result.stdout
    assert "seed 7" in result.stdout
    assert shop.system.chaos.results()[-1].injected > 0
    assert "completed" in run("chaos", "list").stdout
    assert told("chaos", "list")["results"][0]["seed"] == 7
    said = run("chaos", "show", "prices are slow").stdout
    assert [each.split() for each in said.splitlines() if each.startswith("seed")] == [
        ["seed", "7"]
    ]
    assert told("chaos", "show", "prices are slow")["results"][0]["status"] == "completed"
    assert "did you mean 'prices are slow'" in run("chaos", "show", "prices are slwo").stderr


def test_what_hits_no_call_shows_nothing(url: str, shop: Shop, tmp_path: Path) -> None:
    """Completed, and still 3: nothing was tried."""
    file = tmp_path / "slow.toml"
    file.write_text(SLOW.replace("duration = 1.0", "duration = 0.2"))

    with shop.system:
        result = run("chaos", "run", str(file), *WHY)

    assert result.exit_code == 3, result.output
    assert "0 of 0 calls hit" in result.stdout
    assert "nothing is shown by: prices are slow" in result.stderr


def test_what_is_halted_is_not_completed(url: str, shop: Shop, calls: None, tmp_path: Path) -> None:
    """The run that waits leaves with 3."""
    file = tmp_path / "slow.toml"
    file.write_text(SLOW.replace("duration = 1.0", "duration = 60.0"))
    found = []
    waiting = threading.Thread(target=lambda: found.append(run("chaos", "run", str(file), *WHY)))
    waiting.start()
    until = time.monotonic() + 30
    while not shop.system.chaos.running() and time.monotonic() < until:
        time.sleep(0.02)

    run("chaos", "halt", "--reason", "enough")

    waiting.join(30)
    assert found[0].exit_code == 3
    assert "enough" in found[0].stdout
    assert "not completed: prices are slow" in found[0].stderr


def test_somebody_else_has_to_approve(url: str, shop: Shop, calls: None, tmp_path: Path) -> None:
    """It is asked for; ada cannot approve it, bob can, and then it runs by its name."""
    shop.system.configure({"chaos": {"enabled": True, "require_approval": True}})
    file = tmp_path / "slow.toml"
    file.write_text(SLOW)

    asked = run("chaos", "run", str(file), *WHY)
    alone = run("chaos", "approve", "prices are slow", *WHY)
    both = run("chaos", "approve", "prices are slow", *WHY, "--token", TOKENS["bob"])
    begun = run("chaos", "run", "prices are slow", *WHY, "--no-wait")

    assert (asked.exit_code, "resilience chaos approve" in asked.stderr) == (1, True)
    assert (alone.exit_code, both.exit_code, begun.exit_code) == (1, 0, 0), alone.stderr
    assert [each.experiment.name for each in shop.system.chaos.running()] == ["prices are slow"]
    run("chaos", "halt", *WHY)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name = "x"\nfault = "latncy"\ntarget = "prices"\n', "did you mean 'latency'"),
        ('name = "x"\nfault = "outage"\ntarget = "pries"\n', "pries"),
        ('name = "x"\nfault = \n', "x.toml:2:"),
    ],
)
def test_what_a_file_says_wrongly_is_refused(
    url: str, shop: Shop, tmp_path: Path, text: str, expected: str
) -> None:
    """By line and column; nothing is injected."""
    file = tmp_path / "x.toml"
    file.write_text(text)

    result = run("chaos", "run", str(file), *WHY)

    assert (result.exit_code, expected in result.stderr) == (1, True), result.stderr
    assert not shop.system.chaos.running()
