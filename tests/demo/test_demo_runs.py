"""The demo as a program: real processes, a real outage, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from resilience.demo import postgres
from resilience.demo.frameworks import FRAMEWORKS
from resilience.demo.programs import PATIENCE as TIME_TO_END
from tests.demo.runs import Demo, eventually

Start = Callable[..., Demo]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def skip_if_too_slow(told: Any) -> None:
    """Skip where the demo itself says that nothing can be measured on this machine now."""
    slow = [each for each in told["problems"] if "this machine is too slow" in each]
    if slow:
        pytest.skip(slow[0])


@pytest.fixture
def start() -> Iterator[Start]:
    """Give what starts a demo; all are ended after the test."""
    started: list[Demo] = []

    def begin(*arguments: str, **environ: str) -> Demo:
        started.append(Demo(*arguments, **environ))
        return started[-1]

    yield begin
    for demo in started:
        demo.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_run_with_a_baseline_says_what_resilience_is_worth(start: Start, framework: str) -> None:
    """The same outage: most users served and the upstream spared, or nobody and nothing."""
    demo = start("--framework", framework, "--json", "--baseline", "--duration", "8")

    status, out, progress = demo.finish(90)

    told = json.loads(out)
    skip_if_too_slow(told)
    ours, theirs = told["resilience"], told["baseline"]
    assert (status, told["sound"], told["problems"]) == (0, True, [])
    assert ours["requests"] == theirs["requests"] == 8 * 40
    assert sum(ours["answers"].values()) == ours["requests"]
    # Of 128 requests in the outage about 19 are orders, for which nothing can stand in.
    assert ours["server_errors"]["total"] <= 45
    assert ours["server_errors"]["failed"] * 3 < theirs["server_errors"]["failed"]
    assert ours["sick_upstream_calls"] * 1.5 < theirs["sick_upstream_calls"]
    assert ours["answers"]["stale"] > 0 < ours["answers"]["fallback"]
    assert theirs["answers"]["stale"] == theirs["answers"]["fallback"] == 0
    assert 0 < ours["time_to_open_seconds"] < 0.4 * 8
    assert 0 <= ours["time_to_recover_seconds"] < 0.4 * 8
    assert theirs["time_to_open_seconds"] is None
    sick = [each["latency_seconds"]["sick"]["p50"] for each in (ours, theirs)]
    # Where threads wait, so does everyone behind them; an event loop has none to run out of.
    assert framework == "starlette" or sick[0] * 3 < sick[1]
    assert (ours["orders"]["sent"] > 0, ours["orders"]["lost"]) == (True, 0)
    assert "  8 s cut     without" in progress
    assert demo.processes() == []
    assert demo.folders() == []


@pytest.mark.timeout(120)
@pytest.mark.skipif(not postgres.is_installed(), reason="postgresql is not installed")
def test_no_order_is_lost_while_connections_are_cut(start: Start) -> None:
    """All of them, four times a second; without guards that costs orders."""
    demo = start("--acts", "outage", "--json", "--baseline", "--duration", "12")

    _, out, _ = demo.finish(90)

    told = json.loads(out)
    ours, theirs = told["resilience"]["orders"], told["baseline"]["orders"]
    assert [each for each in told["problems"] if "order" in each] == []
    assert ours["kept_in"].startswith("PostgreSQL 1")
    assert (ours["failed"], ours["unwritten"], ours["lost"]) == (0, 0, 0)
    assert ours["sent"] == theirs["sent"] >= 8
    assert ours["connections_cut"] >= 3
    assert theirs["lost"] > 0
    assert demo.processes() == []


@pytest.mark.timeout(120)
def test_without_postgresql_it_locks_files_and_says_so(start: Start) -> None:
    """Several times while customers order; without guards that costs orders, too."""
    demo = start("--acts", "outage", "--json", "--baseline", "--duration", "12", "--sqlite")

    _, out, _ = demo.finish(90)

    told = json.loads(out)
    ours, theirs = told["resilience"]["orders"], told["baseline"]["orders"]
    assert [each for each in told["problems"] if "order" in each] == []
    assert ours["kept_in"] == "SQLite, as was asked for"
    assert (ours["failed"], ours["unwritten"], ours["lost"]) == (0, 0, 0)
    assert ours["connections_cut"] >= 2
    assert theirs["lost"] > 0
    assert demo.folders() == []


@pytest.mark.timeout(120)
def test_a_rush_is_served_without_extras_and_all_orders_are_taken(start: Start) -> None:
    """Two and a half times the visitors: in time with resilience, later and later without."""
    demo = start("--acts", "rush", "--json", "--baseline", "--rate", "30")

    status, out, progress = demo.finish(90)

    told = json.loads(out)
    skip_if_too_slow(told)
    ours, theirs = told["rush"]["resilience"], told["rush"]["baseline"]
    assert (status, told["sound"], told["problems"]) == (0, True, [])
    assert ours["calm"]["extras_share"] > 0.9
    assert ours["settled"]["orders_taken_share"] >= 0.9
    assert 0.15 < ours["settled"]["extras_share"] < 0.9
    assert ours["settled"]["p95_seconds"] * 2 < theirs["settled"]["p95_seconds"]
    assert ours["end"]["extras_share"] > ours["settled"]["extras_share"]
    assert ours["end"]["turned_away"] == theirs["settled"]["turned_away"] == 0
    assert " 12 s after   without" in progress
    assert demo.processes() == []


def test_without_a_terminal_it_prints_a_line_a_second_and_a_summary(start: Start) -> None:
    """Plain text, without control characters."""
    demo = start("--duration", "6")

    status, out, error = demo.finish()

    lines = out.splitlines()
    assert (status, error) == (0, "")
    assert [line.split()[0] for line in lines[1:7]] == ["1", "2", "3", "4", "5", "6"]
    acts = ["healthy", "healthy", "sick", "sick", "mended", "cut"]
    assert [line.split()[2] for line in lines[1:7]] == acts
    assert any(line.split()[:1] == ["requests"] and "240" in line for line in lines)
    assert "\x1b" not in out
    assert demo.processes() == []


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGINT, "Starting"),
        (signal.SIGINT, " 1 s healthy"),
        (signal.SIGINT, " 2 s sick"),
        (signal.SIGTERM, " 2 s sick"),
        (signal.SIGHUP, "Starting"),
    ],
)
def test_a_signal_at_any_moment_leaves_no_process(
    start: Start, number: signal.Signals, moment: str
) -> None:
    """While all starts, while all is well, while calls hang; the status names the signal."""
    demo = start("--duration", "5")
    demo.until(moment)

    demo.process.send_signal(number)

    assert demo.process.wait(TIME_TO_END + 5) == 128 + number
    assert demo.processes() == []


def test_signals_again_and_again_change_nothing(start: Start) -> None:
    """An impatient Ctrl-C, three times, neither shows a traceback nor leaves a process."""
    demo = start("--duration", "5")
    demo.until(" 2 s sick")

    for _ in range(3):
        demo.process.send_signal(signal.SIGINT)

    assert demo.process.wait(TIME_TO_END + 5) == 130
    assert demo.processes() == []
    assert "Traceback" not in demo.finish()[2]


def test_killed_hard_it_leaves_no_process(start: Start) -> None:
    """Its programs end with it, although it cannot tell them to."""
    demo = start("--duration", "60")
    demo.until(" 1 s healthy")
    kinds = ("-m flaky_upstream", "-m gunicorn", "-D ")  # the last is PostgreSQL's
    assert {kind for kind in kinds for line in demo.left() if kind in line} >= {*kinds[:2]}

    demo.process.kill()

    assert eventually(lambda: demo.left() == [])


@pytest.mark.parametrize(
    ("program", "named"), [("flaky_upstream", "upstream"), ("gunicorn", "shop")]
)
def test_a_program_that_dies_ends_the_run(start: Start, program: str, named: str) -> None:
    """With its name and status, instead of figures that mean nothing."""
    demo = start("--duration", "60")
    demo.until(" 1 s healthy")
    victim = next(pid for pid, line in demo.processes() if f"-m {program}" in line)

    os.kill(victim, signal.SIGKILL)

    status, _, error = demo.finish()
    assert status == 1
    assert error.startswith(f"resilience demo: the {named} has ended by itself with status -9")
    assert "Traceback" not in error
    assert demo.processes() == []


def test_a_shop_that_cannot_start_shows_its_last_words(start: Start) -> None:
    """What it printed is what helps: here that a setting is wrong."""
    demo = start(RESILIENCE__CIRCUITS__PRICES__WINDOW_CALLS="many")

    status, _, error = demo.finish()

    assert status == 1
    assert "the shop has ended by itself with status" in error
    assert "window_calls='many'" in error
    assert "Traceback" not in error
    assert demo.processes() == []


def test_serve_keeps_everything_running(start: Start) -> None:
    """It prints addresses at once, plays the acts, and then stays until Ctrl-C."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    demo = start("--serve", "--duration", "5", "--port", str(port))
    assert demo.until("The shop:").split()[2] == f"http://127.0.0.1:{port}/"
    asked = demo.until("Its health:").split("'")[1]
    control = demo.until("Mend it:").split()[5]
    demo.until("Everything keeps running")

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
        assert page.status == 200
    name, _, token = asked.partition(": ")
    request = urllib.request.Request(f"http://127.0.0.1:{port}/health", headers={name: token})
    with urllib.request.urlopen(request) as health:
        assert "circuit:prices" in json.load(health)["checks"]
    body = b'{"mode": "answer"}'
    with urllib.request.urlopen(urllib.request.Request(control, body, method="PUT")) as told:
        assert told.status == 200

    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(TIME_TO_END + 5) == 0
    assert demo.processes() == []


# -- what cannot be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "http"], "'--port': 'http' is not a valid integer"),
        (["--port", "65536"], "'--port': 65536 is not in the range 0<=x<=65535"),
        (["--upstream-port", "-1"], "'--upstream-port': -1 is not in the range 0<=x<=65535"),
        (["--duration", "4"], "'--duration': 4.0 is not in the range 5<=x<=3600"),
        (["--duration", "nan"], "'--duration': 'nan' is not a number"),
        (["--rate", "1000"], "'--rate': 1000.0 is not in the range 20<=x<=100"),
        (["--rate", "inf"], "'--rate': inf is not in the range"),
        (["--port", "18765", "--upstream-port", "18765"], "are both 18765: give two"),
        (["--acts", "outage,flood"], "'--acts': 'flood' is none of outage, rush"),
        (["--acts", ","], "'--acts': give one of outage, rush"),
        (["--loud"], "No such option"),
    ],
)
def test_what_is_asked_wrongly_is_said_clearly(
    start: Start, arguments: list[str], said: str
) -> None:
    """Exit status 2, no traceback, and the option by its name."""
    status, out, error = start(*arguments).finish()

    assert (status, out.replace("Starting the upstream and the shop …\n", "")) == (2, "")
    assert said in error
    assert "Traceback" not in error


@pytest.mark.parametrize("option", ["--port", "--upstream-port"])
def test_a_taken_port_is_one_clear_line(start: Start, option: str) -> None:
    """Also where the other program shares its port by SO_REUSEPORT."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = start(option, str(port))

        status, _, error = demo.finish()

    assert status == 2
    assert error == f"resilience demo: {option} {port} cannot be used: Address already in use\n"
    assert demo.processes() == []


@pytest.mark.parametrize(
    ("missing", "line"),
    [
        ("gunicorn", "resilience demo needs gunicorn: pip install 'resilience-web[demo]'"),
        ("rich", "resilience needs rich: pip install 'resilience-web[demo]'"),
        ("httpx2", "resilience demo needs httpx2: pip install 'resilience-web[demo]'"),
        ("flask", "resilience demo needs flask: pip install 'resilience-web[demo]'"),
        ("click", "resilience needs click: pip install 'resilience-web[demo]'"),
    ],
)
def test_a_missing_extra_is_one_clear_line(missing: str, line: str) -> None:
    """It names what to install; exit status 2."""
    code = f"import sys; sys.modules[{missing!r}] = None; import resilience.__main__ as m; m.main()"
    ran = subprocess.run(
        [sys.executable, "-c", code, "demo"], capture_output=True, text=True, check=False
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", f"{line}\n")


def test_only_what_the_framework_needs_has_to_be_there() -> None:
    """Of two missing ones the demo names that of the shop it was asked for."""
    code = (
        "import sys; sys.modules.update(flask=None, uvicorn_worker=None); "
        "import resilience.__main__ as m; m.main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, "demo", "--framework", "starlette"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stderr.split(":")[0]) == (2, "resilience demo needs uvicorn_worker")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "resilience demo --baseline"),
        (["--version"], "resilience, version "),
        (["demo", "--help"], "resilience demo --serve --port 8000"),
    ],
)
def test_help_shows_examples(arguments: list[str], said: str) -> None:
    """So that nobody has to guess."""
    ran = subprocess.run(
        [sys.executable, "-m", "resilience", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    assert said in ran.stdout
