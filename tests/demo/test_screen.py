"""What people see of a run: the live view, its lines, and the summary."""

import io
import time

import pytest
from rich.console import Console, RenderableType

from resilience.demo import screen, summary
from resilience.demo.measure import Kind, Sample
from resilience.demo.plan import CIRCUITS, Plan
from resilience.demo.report import outcome
from resilience.demo.stage import Shop
from resilience.demo.upstreams import Upstream
from tests.demo.books import book

PLAN = Plan(duration=10.0, rate=20.0, baseline=True)


def drawn(what: RenderableType) -> str:
    """Return what a terminal of 80 columns shows."""
    console = Console(file=io.StringIO(), width=80, force_terminal=False)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def scene() -> screen.Scene:
    """Give two shops, 3 seconds into a run of 10."""
    guarded = Shop(True, "http://shop", "t0ken", Upstream("http://upstream"), book(12))
    bare = Shop(False, "http://bare", "t0ken", Upstream("http://other"), book(14))
    for number in range(10):
        guarded.tally.add(Sample(2.1 + number / 20, 0.005, Kind.STALE, 200))
        bare.tally.add(Sample(2.1 + number / 20, 0.3, Kind.FAILED, 502))
    guarded.upstream.sick_calls, bare.upstream.sick_calls = 7, 1234
    states = {"prices": "open", "recommendations": "half_open", "payment": "closed"}
    checks = {f"circuit:{name}": [{"observedValue": states[name]}] for name in CIRCUITS}
    guarded.circuits.see("host-4711", checks, time.time())
    return screen.Scene(PLAN, [guarded, bare], lambda: 3.0)


def test_the_picture_shows_act_circuits_answers_and_times(scene: screen.Scene) -> None:
    """All on one screen of 80 columns, side by side."""
    shown = drawn(screen.picture(scene))

    rows = {line.split("  ")[0].strip(): line for line in shown.splitlines()}
    assert "3.0 / 10 s" in shown
    assert "the upstream is sick: prices hang, recommendations fail, payments hang" in shown
    assert rows["worker host-4711"].split()[2:] == ["○", "open", "◐", "half-open", "●", "closed"]
    assert rows["stale"].split()[1] == "10"
    assert rows["failed"].split()[1:3] == ["0", "10"]
    assert "5 ms / 5 ms" in rows["p50 / p99 of 3 s"]
    assert "300 ms / 300 ms" in rows["p50 / p99 of 3 s"]
    assert rows["calls to the sick upstream"].split()[-2:] == ["7", "1234"]
    assert rows["connections to orders hit"].split()[-2:] == ["12", "14"]
    assert len(shown.splitlines()) <= 24


def test_a_line_tells_one_second_of_one_shop(scene: screen.Scene) -> None:
    """The same, for logs."""
    guarded, bare = (screen.line(scene, shop, 3) for shop in scene.shops)

    assert guarded.split()[:5] == ["3", "s", "sick", "with", "resilience"]
    assert "stale 10  fallback 0" in guarded
    assert guarded.endswith("sick calls 7    open 2/3")
    assert "failed 10  p99   300 ms  sick calls 1234" in bare


def test_the_summary_has_both_columns(scene: screen.Scene) -> None:
    """Figures, and what is unknown as a dash."""
    outcomes = [outcome(shop, PLAN) for shop in scene.shops]
    console = Console(file=io.StringIO(), width=80)

    summary.print_summary(console, PLAN, scene.shops, outcomes)

    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    rows = {line.strip().split("  ")[0]: line.split()[-2:] for line in lines[1:]}
    assert lines[0] == (
        "10 s at 20 requests a second; the upstream sick from 2 to 6 s; "
        "connections cut from 7.6 to 9.2 s (PostgreSQL 15.4)"
    )
    assert rows["5xx to users"] == ["0", "10"]
    assert rows["calls that reached the sick upstream"] == ["7", "1234"]
    assert rows["time to open all circuits"] == ["-", "-"]


def test_addresses_are_ready_to_paste(scene: screen.Scene) -> None:
    """Whole commands, with the token and the upstream's own address."""
    told = "\n".join(summary.addresses(scene.shops[0]))

    assert "curl -H 'Authorization: Bearer t0ken' http://shop/health" in told
    assert (
        """curl -X PUT http://upstream/behaviour -d '{"mode": "hang", "path": "/prices"}'""" in told
    )
