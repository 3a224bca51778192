"""What the fleet's benchmark makes of the calls it sees, and that it runs."""

import json
import sys

import pytest

from benchmarks.fleet import __main__ as bench
from benchmarks.fleet import storm
from benchmarks.fleet.crew import Call
from benchmarks.fleet.measures import Found, all_refuse, rounds_of
from benchmarks.fleet.sharing import OURS
from tests.servers.redis import RedisServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Redis does not run there")


def test_all_refuse_when_the_last_worker_does() -> None:
    """None while one of them never did."""
    early = [Call(0.0, 0.0, "failed"), Call(0.01, 0.01, "refused"), Call(0.02, 0.02, "refused")]
    late = [Call(0.0, 0.0, "failed"), Call(0.03, 0.03, "refused")]

    assert all_refuse([early, late]) == 0.03
    assert all_refuse([early, late[:1]]) is None


def test_rounds_of_trials_are_told_apart_by_their_pauses() -> None:
    """A round is a burst."""
    assert rounds_of([2.0, 2.1, 2.1, 4.3, 6.6, 6.7]) == [3, 1, 2]
    assert rounds_of([]) == []


def test_a_burst_that_opened_not_everywhere_counts_as_late() -> None:
    """The median is of all of them, not of the lucky ones."""
    assert Found(opened=[0.02, 0.03, 0.04]).opened_median == 0.03
    assert Found(opened=[0.02, None, None]).opened_median is None


def test_a_target_is_missed_by_what_is_above_it() -> None:
    """A fleet that never agrees again is above any."""
    good = Found(call=400, opened=[0.02], leaked=[24], trials=[3], agreed=0.1, commands=1.0)
    bad = Found(call=900, opened=[None], leaked=[160], trials=[8], innocents=0.9, failed=7,
                agreed=None, commands=9.0)  # fmt: skip
    for ours, met in ((good, True), (bad, False)):
        found = {bench.ALONE: Found(call=400, opened=[0.1], leaked=[160]), OURS: ours}
        held = [(each, each.figure(found)) for each in bench.TARGETS]
        assert {each["met"] for each in bench.as_json(found, held)["targets"]} == {met}
        assert all(line.endswith("met)" if met else "MISSED)") for line in bench.as_verdicts(held))


def test_two_workers_are_measured_on_a_real_redis(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it finds is of the right kind; how fast is for longer runs to say."""
    if not RedisServer.is_installed():
        pytest.skip("redis-server is not installed")
    for name, shorter in {"SETTLE": 0.5, "ROUNDS": 0, "ILL": 0.3, "GONE": 0.5}.items():
        monkeypatch.setattr(f"benchmarks.fleet.measures.{name}", shorter)

    assert bench.main(["--quick", "--json", "--workers", "2", "--only", OURS]) == 0

    [ours] = json.loads(capsys.readouterr().out)["ways"]
    assert 0 < ours["call"] < 1e6
    assert all(each is not None for each in ours["opened"])
    assert (ours["innocents"], ours["failed"]) == (0.0, 0)
    assert ours["agreed"] is not None
    assert 0 < ours["commands"] < 25  # a trial may just be given back; 50 if it never rested


def test_a_storm_leaks_what_a_fleet_of_that_size_cannot_help() -> None:
    """Twenty failures are needed; what comes until all have heard of it is the price."""
    found = storm.storm(8, 0.00003)

    assert 20 <= found.leaked <= 30
    assert found.opened < 0.05
    assert storm.storm(8, 0.00003) == found


def test_a_store_that_is_too_slow_shows_in_a_storm() -> None:
    """Letters wait for those before them."""
    quick, slow = storm.storm(40, 0.00003), storm.storm(40, 0.002)

    assert slow.opened > 2 * quick.opened
    assert slow.waited > 0.02 > quick.waited


def test_storms_of_several_sizes_make_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each."""
    assert storm.main(["--workers", "2", "--workers", "8", "--script", "50"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split("|")[1].strip() for line in lines] == ["workers", "---", "2", "8"]
