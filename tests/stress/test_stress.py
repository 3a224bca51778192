"""Many threads, many tasks: no call is lost, and each transition is announced once."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import resilience
from resilience import CircuitOpenError, Event, System
from resilience.testing import ManualClock

pytestmark = pytest.mark.stress

TASKS = 1000
PROGRAMS = ["workload.py", "surroundings.py"]


class UpstreamError(Exception):
    """The failure of these calls."""


def free_threaded() -> str | None:
    """Return the newest free-threaded Python at hand."""
    named = [shutil.which(f"python3.{minor}t") for minor in (15, 14, 13)]
    installed = sorted(Path.home().glob(".pyenv/versions/*t/bin/python3"), reverse=True)
    found = [path for path in [*named, *map(str, installed)] if path and has_no_gil(path)]
    return found[0] if found else None


def has_no_gil(python: str) -> bool:
    """Tell whether this interpreter starts, and without the lock."""
    asked = (
        "import sys; print(getattr(sys, '_is_gil_enabled', bool)(), sys.version_info >= (3, 13))"
    )
    answer = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
    return answer.stdout.split() == ["False", "True"]


def differences(python: str, program: str) -> Any:
    """Run what threads do on an interpreter; return what was not exact."""
    root = Path(resilience.__file__).parents[1]
    packages = [path for path in sys.path if path.endswith("site-packages")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *packages])}
    done = subprocess.run(
        [python, str(Path(__file__).with_name(program))],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("program", PROGRAMS)
def test_sixteen_threads_lose_nothing(program: str) -> None:
    """Counts are exact and transitions single, with threads changing at every turn."""
    assert differences(sys.executable, program) == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_sixteen_threads_lose_nothing_without_the_gil(program: str) -> None:
    """The same where threads really run at once."""
    python = free_threaded()
    if python is None:
        pytest.skip("no free-threaded Python (python3.13t or newer) on this machine")

    assert differences(python, program) == {}


async def upstream(number: int) -> int:
    """Let all other tasks run in between, then fail for every tenth number."""
    for _ in range(number % 7):
        await asyncio.sleep(0)
    if number % 10 == 0:
        raise UpstreamError
    return number


async def race(call: Any, numbers: list[int]) -> Counter[str]:
    """Make all calls at once, each in a task; count how they end."""

    async def one(number: int) -> str:
        try:
            await call(number)
        except UpstreamError:
            return "failures"
        except CircuitOpenError:
            return "rejected"
        return "successes"

    return Counter(await asyncio.gather(*(one(number) for number in numbers)))


@pytest.mark.parametrize("window", [{}, {"window_calls": 20 * TASKS}], ids=["seconds", "calls"])
def test_a_thousand_tasks_lose_no_count(system: System, window: dict[str, Any]) -> None:
    """Twenty rounds of 1,000 tasks are 20,000 calls and 2,000 failures."""
    guarded = system.circuit("upstream", failure_rate=0.95, min_calls=20 * TASKS, **window)(
        upstream
    )

    async def main() -> Counter[str]:
        rounds = [await race(guarded, list(range(TASKS))) for _ in range(20)]
        return sum(rounds, Counter())

    seen = asyncio.run(main())
    snapshot = system.circuits["upstream"].snapshot()

    assert seen == {"successes": 18 * TASKS, "failures": 2 * TASKS}
    assert (snapshot.calls, snapshot.failures, snapshot.rejected) == (20 * TASKS, 2 * TASKS, 0)


def test_a_thousand_tasks_of_a_stream_lose_no_count(system: System) -> None:
    """The same for async generators: one call each, however many items."""

    @system.circuit("stream", failure_rate=0.95, min_calls=TASKS)
    async def stream(number: int) -> AsyncIterator[int]:
        yield number
        yield await upstream(number)

    async def drain(number: int) -> None:
        async for _ in stream(number):
            pass

    seen = asyncio.run(race(drain, list(range(TASKS))))
    snapshot = system.circuits["stream"].snapshot()

    assert seen == {"successes": 900, "failures": 100}
    assert (snapshot.calls, snapshot.failures) == (TASKS, 100)


def test_a_thousand_tasks_make_each_transition_once(system: System, clock: ManualClock) -> None:
    """All tasks race for each opening and closing: one event, three trials, the rest rejected."""
    guarded = system.circuit("upstream", reset_timeout_multiplier=1.0, half_open_calls=3)(upstream)
    circuit = system.circuits["upstream"]
    events: list[Event] = []
    system.on_event(events.append)

    for turn in range(10):
        seen = asyncio.run(race(guarded, [10] * TASKS))
        assert (seen["successes"], circuit.state) == (0, "open")
        clock.advance(circuit.snapshot().retry_after + 0.001)
        before = circuit.snapshot().rejected
        seen = asyncio.run(race(guarded, [6] * TASKS))
        assert seen == {"successes": 3, "rejected": TASKS - 3}
        assert (circuit.snapshot().rejected - before, circuit.state) == (TASKS - 3, "closed")
        assert circuit.snapshot().generation == 3 * (turn + 1)

    kinds = [event.type for event in events if event.type != "call_rejected"]
    assert kinds == ["circuit_opened", "circuit_half_opened", "circuit_closed"] * 10


def test_a_thousand_cancelled_trials_give_back_a_thousand_places(
    system: System, clock: ManualClock
) -> None:
    """After 1,000 cancelled trial calls the three places are still there."""
    guarded = system.circuit("upstream")(upstream)
    circuit = system.circuits["upstream"]

    async def main() -> None:
        await race(guarded, [0] * 5)
        clock.advance(circuit.snapshot().retry_after + 0.001)
        for _ in range(TASKS):
            trial = asyncio.create_task(guarded(1))
            await asyncio.sleep(0)
            trial.cancel()
            await asyncio.gather(trial, return_exceptions=True)
        assert circuit.state == "half_open"
        assert await race(guarded, [1] * 20) == {"successes": 3, "rejected": 17}

    asyncio.run(main())
    assert circuit.state == "closed"
