"""What a running app is at, as the shell is told."""

import json
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from resilience.commands.showing import table
from resilience.commands.state import CIRCUITS
from resilience.testing import FakeFleet, ManualClock
from resilience.web.admin.remote import Remote, RemoteError
from tests.commands.conftest import Shop
from tests.commands.running import run, told


def test_status_shows_what_is_not_as_it_should_be(url: str, shop: Shop) -> None:
    """And only that; programs get it all."""
    assert "1 of 1 circuits closed" in run("status").stdout

    shop.system.circuits["prices"].force_open("the bank is down", "ada")
    shop.system.degradation.degrade("reduced", "a sale")

    said = run("status").stdout
    assert "level reduced (a sale)" in said
    assert "forced_open" in said
    assert "offers" in said
    assert told("status")["circuits"][0]["state"] == "forced_open"


def test_a_failing_health_is_an_exit_status(url: str, shop: Shop) -> None:
    """3, for scripts; what there is to see is said all the same."""
    assert run("health").exit_code == run("status").exit_code == 0

    shop.fall_ill()

    for command in ("health", "status"):
        result = run(command)
        assert result.exit_code == 3
        assert "database" in result.stdout
        assert "health is failing" in result.stderr


def test_circuits_are_listed_or_told_one_by_one(url: str, shop: Shop) -> None:
    """An open one is an exit status of 3."""
    assert [each["name"] for each in told("circuits")["circuits"]] == ["prices"]
    assert told("circuits", "prices")["state"] == "closed"

    shop.system.circuits["prices"].force_open("a drill", "ada")

    assert run("circuits", "prices").exit_code == 3
    result = run("circuits", "pries")
    assert (result.exit_code, "did you mean 'prices'" in result.stderr) == (1, True)


def test_events_come_newest_first(url: str, shop: Shop) -> None:
    """With who did what."""
    shop.system.circuits["prices"].force_open("a drill", "ada")
    shop.system.circuits["prices"].release("over", "ada")

    types = [e["type"] for e in told("events")["events"] if e["component"] == "prices"]

    assert types.index("circuit_closed" if "circuit_closed" in types else types[0]) == 0
    assert "circuit_forced" in run("events").stdout


def test_tables_fit_eighty_columns() -> None:
    """Without columns that say nothing; numbers and states are whole, and no word is lost."""
    name, error = "payments-gateway-of-the-eu", "ConnectionError: nobody answers there today"
    quiet = {"name": name, "state": "forced_closed", "calls": 12345, "last_error": None}
    noisy = {**quiet, "failures": 99999, "rejected": 12345, "retry_after": 12.5}

    def shown(width: int, *rows: dict[str, Any]) -> list[str]:
        console = Console(width=width, file=StringIO())
        with console.capture() as said:
            console.print(table(CIRCUITS, rows))
        return said.get().splitlines()

    assert shown(80, quiet)[0].split() == ["name", "state", "calls"]
    lines = shown(80, quiet, {**noisy, "last_error": error})
    assert sum("forced_closed  12345" in each for each in lines) == 2
    assert all(word in "".join(shown(60, noisy)).replace(" ", "") for word in ("12.5", "99999"))
    letters = Counter("".join(lines).replace(" ", ""))
    assert letters >= Counter((name + name + error).replace(" ", ""))


def test_status_says_who_shares_the_store(url: str, shop: Shop, clock: ManualClock) -> None:
    """Or that it does not answer."""
    store = FakeFleet(clock)
    shop.system.fleet.use(store, worker="one")
    shop.system.fleet.exchange()
    assert "1 worker shares fake" in run("status").stdout

    store.down = True
    shop.system.fleet.exchange()
    assert "on its own: fake does not answer" in run("status").stdout


def test_watch_goes_on_while_nobody_answers(
    url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so; a refusal of the first look ends it."""
    told, nobody = Remote.state, iter([RemoteError("nobody answers"), None])

    def state(app: Remote) -> dict[str, Any]:
        error = next(nobody, None)
        if error is not None:
            raise error
        return told(app)

    monkeypatch.setattr(Remote, "state", state)
    words = ("watch", "--interval", "0.2", "--times")

    result = run(*words, "2")
    assert result.exit_code == 0
    assert ["nobody answers" in each for each in result.stdout.splitlines()] == [True, False]
    nobody = iter([RemoteError("nobody answers")])
    assert json.loads(run(*words, "1", "--json").stdout)["error"] == "nobody answers"
    assert run(*words, "1", "--token", "wrong").exit_code == 1
    assert run(*words, "1", "--url", "shop").exit_code == 1


def test_ctrl_c_ends_watch(url: str, shop: Shop) -> None:
    """Without a traceback, and with 0: it has no end of its own."""
    watching = subprocess.Popen(
        [sys.executable, "-m", "resilience", "watch", "--interval", "0.2"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with watching:
        assert watching.stdout is not None
        assert "all circuits closed" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        _, said = watching.communicate(timeout=60)

    assert (watching.returncode, said) == (0, "")


@pytest.mark.parametrize("no_colour", [False, True])
def test_colours_are_for_terminals_that_want_them(
    url: str, shop: Shop, monkeypatch: pytest.MonkeyPatch, no_colour: bool
) -> None:
    """NO_COLOR leaves them out."""
    shop.system.circuits["prices"].force_open("a drill", "ada")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour:
        monkeypatch.setenv("NO_COLOR", "1")

    said = run("circuits").stdout

    assert ("\x1b[1;31mforced_open" in said, "\x1b[1mforced_open" in said) == (
        not no_colour, no_colour,
    )  # fmt: skip


def test_watch_prints_a_line_for_each_look(url: str, shop: Shop) -> None:
    """Where there is no terminal; JSON lines for programs."""
    shop.system.circuits["prices"].force_open("a drill", "ada")

    lines = run("watch", "--interval", "0.2", "--times", "2").stdout.splitlines()
    looks = run("watch", "--times", "1", "--json").stdout.splitlines()

    assert len(lines) == 2
    assert all("prices forced_open" in line for line in lines)
    assert json.loads(looks[0])["health"]["status"] == "warn"


@pytest.mark.parametrize("command", ["status", "circuits", "watch", "doctor"])
def test_without_a_server_it_says_what_to_give(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than to show this process's own, empty circuits."""
    monkeypatch.delenv("RESILIENCE_URL", raising=False)

    result = run(command)

    assert result.exit_code == 1
    assert "Give the address of a running one by --url or RESILIENCE_URL" in result.stderr


def test_a_wrong_token_is_said(url: str) -> None:
    """With what the app has to be given."""
    result = run("status", "--token", "a wrong token")

    assert (result.exit_code, "an `authorize` that knows it" in result.stderr) == (1, True)


def test_the_program_itself_asks_a_server(url: str, shop: Shop) -> None:
    """In a process of its own, in plain text where it writes to a pipe."""
    with suppress(ConnectionError):
        shop.prices()

    done = subprocess.run(
        [sys.executable, "-m", "resilience", "circuits"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert "prices  closed" in done.stdout
    assert "\x1b" not in done.stdout


def test_flask_has_the_same_commands(url: str, shop: Shop) -> None:
    """`flask resilience …`, with the app's own guards for its doctor."""
    runner = shop.app.test_cli_runner()

    listed = runner.invoke(args=["resilience", "circuits", "--json"])
    examined = runner.invoke(args=["resilience", "doctor", "--url", "", "--json"])

    assert json.loads(listed.stdout)["circuits"][0]["name"] == "prices"
    checks = {each["check"] for each in json.loads(examined.stdout)["findings"]}
    assert checks == {"circuit_without_timeout"}
