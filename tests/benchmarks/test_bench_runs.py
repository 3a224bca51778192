"""The benchmark's arithmetic on fake timers, and the command without any peer installed."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import loops
from benchmarks.calls import Group
from benchmarks.footprint import Measure, bytes_each
from benchmarks.peers import Peer, load_peers
from benchmarks.report import (
    Run,
    Target,
    as_json,
    as_text,
    over_best_peer,
    ratio,
    verdicts,
)
from benchmarks.rounds import Subject, Timing, time_rounds

ROOT = Path(__file__).parents[2]


class FakeTimer:
    """A clock in ns that only moves when a call says so."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        """Return the time."""
        return self.now

    def costing(self, ns: int) -> Callable[[], None]:
        """Return a call that takes `ns`."""

        def call() -> None:
            self.now += ns

        return call


def run_of(timings: Sequence[Timing], peers: Sequence[str] = ()) -> Run:
    """Return a run that has timed one group called "sync"."""
    run = Run(rounds=len(timings[0].samples), seed=1)
    run.versions = dict.fromkeys(peers, "1.0")
    subjects = tuple(Subject(timing.name, lambda calls: calls) for timing in timings)
    run.timings["sync"] = (Group("Sync", timings[0].name, subjects), list(timings))
    return run


def test_a_sample_is_the_time_per_call_net_of_the_loop() -> None:
    """A call of 100 ns in a loop whose turn takes 10 ns costs 90 ns."""
    timer = FakeTimer()
    subject = Subject("work", loops.plain(timer.costing(100), timer))

    [timing] = time_rounds(
        [subject], lambda calls: calls * 10, rounds=3, passes=2, pass_ns=50_000, seed=1
    )

    assert timing.samples == (90.0, 90.0, 90.0)
    assert timing.median == 90.0


def test_every_loop_times_each_of_its_calls() -> None:
    """Seven calls of 30 ns take 210 ns in every shape of loop."""
    timer = FakeTimer()
    call = timer.costing(30)

    class Thing:
        def work(self) -> None:
            call()

        def __enter__(self) -> None:
            call()

        def __exit__(self, *_: object) -> None:
            pass

    async def async_call() -> None:
        call()

    def failing() -> None:
        call()
        raise KeyError

    assert loops.plain(call, timer)(7) == 210
    assert loops.awaited(async_call, timer)(7) == 210
    assert loops.method(Thing(), timer)(7) == 210
    assert loops.block(Thing(), timer)(7) == 210
    assert loops.caught(lambda: failing, KeyError, timer)(7) == 210
    assert loops.empty(timer)(7) == 0


def test_the_best_pass_of_a_round_counts() -> None:
    """A pass that was interrupted does not enter the round's sample."""
    costs = iter([500, 100, 900] * 100)
    calls_made: list[int] = []

    def loop(calls: int) -> int:
        calls_made.append(calls)
        return calls * (100 if len(calls_made) == 1 else next(costs))

    [timing] = time_rounds(
        [Subject("work", loop)], lambda calls: 0, rounds=4, passes=3, pass_ns=6_400, seed=1
    )

    assert timing.samples == (100.0,) * 4
    assert len(calls_made) == 1 + 4 * 3


def test_rounds_interleave_in_an_order_given_by_the_seed() -> None:
    """Each pass has every subject once; the same seed gives the same order, another another."""

    def order(seed: int) -> list[str]:
        seen: list[str] = []

        def loop(name: str, calls: int) -> int:
            seen.append(name)
            return calls

        subjects = [Subject(name, partial(loop, name)) for name in "abcdef"]
        time_rounds(subjects, lambda calls: calls, rounds=2, passes=3, pass_ns=64, seed=seed)
        return seen[len(subjects) :]  # without the calibration

    first = order(1)
    passes = [first[at : at + 6] for at in range(0, len(first), 6)]
    assert [sorted(each) for each in passes] == [list("abcdef")] * 2 * 3
    assert len({tuple(each) for each in passes}) > 1
    assert first == order(1)
    assert first != order(2)


def test_a_ratio_is_the_median_of_the_rounds_ratios() -> None:
    """A round that was slow for both sides leaves the ratio as it is."""
    ours = Timing("ours", (200.0, 2000.0, 230.0))
    theirs = Timing("theirs", (100.0, 1000.0, 100.0))

    assert ours.over(theirs) == 2.0
    assert ours.median == 230.0
    assert ours.quartiles == (215.0, 1115.0)


def test_threads_share_the_calls_out() -> None:
    """Eight threads make the calls of a sample, each its eighth."""
    made: list[None] = []

    elapsed = loops.threaded(lambda: made.append(None), 8)(80)

    assert len(made) == 80
    assert elapsed > 0


def test_verdicts_say_met_missed_and_not_measured() -> None:
    """A figure at its limit meets it, one above misses it, a missing peer is not a miss."""
    run = run_of([Timing("closure", (100.0,)), Timing("resilience", (300.0,))])
    targets = [
        Target("at the limit", 3.0, "x", ratio("sync", "resilience", "closure")),
        Target("above it", 2.9, "x", ratio("sync", "resilience", "closure")),
        Target("no peer", 1.0, "x", ratio("sync", "resilience", "absent")),
    ]

    found = verdicts(run, targets)

    assert [verdict.word for verdict in found] == ["met", "MISSED", "not measured"]
    assert [verdict.value for verdict in found] == [3.0, 3.0, None]


def test_the_best_peer_is_the_fastest_of_the_others() -> None:
    """The bare function is no peer, however fast."""
    timings = [
        Timing("bare", (1.0,)),
        Timing("resilience", (60.0,)),
        Timing("slow", (100.0,)),
        Timing("fast", (50.0,)),
    ]

    assert over_best_peer("sync")(run_of(timings, ["slow", "fast"])) == 1.2
    assert over_best_peer("sync")(run_of(timings)) is None


def test_tables_and_json_tell_the_same_figures() -> None:
    """The miss is printed with its figure, the peer that was left out with its reason."""
    run = run_of([Timing("closure with try/except", (100.0,)), Timing("resilience", (350.0,))])
    run.measures["Memory"] = [Measure("resilience, idle", 4000.0, "B")]
    run.left_out = {"absent": "not installed (absent)"}

    text, values = as_text(run), as_json(run)

    assert "Left out: absent: not installed (absent)" in text
    assert "3.50 x   MISSED" in text
    assert "4000 B   MISSED" in text
    assert [each["ratio"] for each in values["groups"]["sync"]["subjects"]] == [1.0, 3.5]
    missed = {
        each["target"]: each["figure"] for each in values["targets"] if each["verdict"] == "MISSED"
    }
    assert missed == {"sync / try-except closure": 3.5, "idle circuit with its function": 4000.0}
    assert json.loads(json.dumps(values))["left_out"] == run.left_out


def test_absent_and_broken_peers_are_left_out_with_one_line() -> None:
    """Neither a missing module nor a breaker that never opens stops the run."""

    def absent() -> Peer:
        raise ModuleNotFoundError("No module named 'nobody'", name="nobody")

    def never_opens() -> Peer:
        return Peer("never", "", KeyError, lambda: lambda call: call)

    found, left_out = load_peers({"absent": absent, "never": never_opens})

    assert found == []
    assert left_out["absent"] == "not installed (nobody)"
    assert "does not reject while open" in left_out["never"]


def test_a_peer_that_opens_is_found() -> None:
    """A breaker that passes, counts to five and rejects takes part."""

    def guard() -> Callable[[Any], Any]:
        failures: list[Exception] = []

        def decorate(call: Callable[[], Any]) -> Callable[[], Any]:
            def guarded() -> Any:
                if len(failures) >= 5:
                    raise KeyError("open")
                try:
                    return call()
                except Exception as error:
                    failures.append(error)
                    raise

            return guarded

        return decorate

    found, left_out = load_peers({"simple": lambda: Peer("simple", "", KeyError, guard)})

    assert [peer.name for peer in found] == ["simple"]
    assert left_out == {}


def test_memory_is_weighed_per_circuit() -> None:
    """A guard that keeps 10,000 bytes for each function weighs that much more."""

    def keeping(_name: str, call: Callable[[], Any]) -> Callable[[], Any]:
        kept = bytes(10_000)
        return lambda: (kept, call())

    bare = bytes_each(lambda _name, call: call, circuits=50)
    heavy = bytes_each(keeping, circuits=50)

    assert 10_000 < heavy - bare < 11_000


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as `make bench` does."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_the_command_runs_one_table_as_json() -> None:
    """`--only sync` gives that table alone, with ours in it, whichever peers there are."""
    answer = bench("--quick", "--json", "--only", "sync")

    assert answer.returncode == 0, answer.stderr
    values = json.loads(answer.stdout)
    assert list(values["groups"]) == ["sync"]
    subjects = {each["name"]: each for each in values["groups"]["sync"]["subjects"]}
    assert subjects["closure with try/except"]["ratio"] == 1.0
    assert subjects["resilience"]["median_ns"] > subjects["bare function"]["median_ns"] > 0
    known = {"circuitbreaker", "interlock-cb", "purgatory", "pybreaker", "pyresilience", "resilix"}
    known |= {"backoff", "stamina", "tenacity"}
    assert set(values["peers"]) | set(values["left_out"]) == known
    words = {each["target"]: each["verdict"] for each in values["targets"]}
    assert words["sync / try-except closure"] in ("met", "MISSED")
    assert words["import over wrapt and blinker"] == "not measured"


def test_an_unknown_table_is_refused_with_what_there_is() -> None:
    """`--only` names the unknown table and lists the known ones."""
    answer = bench("--only", "sync,speed")

    assert answer.returncode == 2
    assert "unknown: 'speed'; there are sync, async, method" in answer.stderr
