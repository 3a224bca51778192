"""Caches that are emptied, circuits that are reset, and states that are put back."""

import json
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

import cachetools
import pytest

from resilience import CircuitState, ConfigurationError, FileCheckpoint, MemoryCheckpoint, System
from resilience.healing.actions import Outcome
from resilience.healing.records import Result
from resilience.healing.repairs import ClearCache, ResetCircuit, RestoreState
from resilience.testing import ManualClock

# -- caches ---------------------------------------------------------------------------------------


def test_a_cachetools_cache_is_emptied_under_its_lock(clock: ManualClock) -> None:
    """It is not safe among threads by itself."""
    cache: cachetools.TTLCache[str, str] = cachetools.TTLCache(10, 60)
    lock = threading.Lock()
    cache.update({"tea": "assam", "mug": "stoneware"})

    class Watched:
        def __enter__(self) -> None:
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            assert not cache
            lock.release()

    record = ClearCache("products", cache, lock=Watched(), clock=clock).run()

    assert (record.before, record.after, record.outcome) == (2, 0, Outcome.CHANGED)
    assert not lock.locked()


def test_a_cached_function_is_emptied(clock: ManualClock) -> None:
    """The standard library's, and cachetools'."""
    cached = lru_cache(str)
    cached(1)

    record = ClearCache("products", cached, clock=clock).run()

    assert (record.before, record.after) == (1, 0)


def test_a_django_cache_is_emptied() -> None:
    """By its alias; in a process of its own, as settings hold for a whole one."""
    code = """
import django
from django.conf import settings
settings.configure(CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}})
from django.core.cache import cache
from resilience.healing.repairs import ClearCache
cache.set("tea", "assam")
record = ClearCache("products", cache).run()
print(cache.get("tea"), record.before, record.outcome)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=50
    )

    assert (ran.stdout, ran.stderr) == ("None None done\n", "")


def test_two_runs_on_an_empty_cache_switch_it_off(clock: ManualClock) -> None:
    """There was nothing in it that could be at fault."""
    action = ClearCache("products", dict[str, str](), clock=clock, cool_down=0)

    records = [action.run() for _ in range(3)]

    assert [each.outcome for each in records] == [Outcome.UNCHANGED] * 2 + [Outcome.REFUSED]


def test_what_cannot_be_emptied_is_refused() -> None:
    """When it is given."""
    with pytest.raises(ConfigurationError, match="give a cache"):
        ClearCache("products", 7)


# -- circuits -------------------------------------------------------------------------------------


def test_a_circuit_is_reset(system: System, clock: ManualClock) -> None:
    """It is closed, and its failures are forgotten."""
    circuit = system.circuits.get("payments", failure_threshold=1)
    with pytest.raises(ConnectionError), circuit:
        raise ConnectionError
    assert circuit.state is CircuitState.OPEN

    record = ResetCircuit("payments", circuit, clock=clock).run()

    assert (record.before, record.after, record.outcome) == ("open", "closed", Outcome.CHANGED)
    assert circuit.snapshot().failures == 0


@pytest.mark.parametrize("is_first", [True, False])
def test_a_circuit_is_reset_when_its_component_was_recovered(
    system: System, *, is_first: bool
) -> None:
    """Whatever it was registered before or after; callers need not wait for trial calls."""
    is_up = False
    circuit = system.circuits.get("payments", failure_threshold=1)

    def connect() -> None:
        nonlocal is_up
        is_up = True

    @system.heal("payments", strategy="action")
    @system.circuit("payments", failure_threshold=1)
    def charge() -> str:
        if not is_up:
            raise ConnectionError
        return "charged"

    system.health.check("payments", component="payments")(lambda: is_up)
    if is_first:
        system.healer.action(ResetCircuit("payments", circuit))
    system.healer.action("payments")(connect)
    if not is_first:
        system.healer.action(ResetCircuit("payments", circuit))

    assert charge() == "charged"
    assert circuit.state is CircuitState.CLOSED
    assert [each.result for each in system.healer.history()] == [Result.SUCCEEDED]


def test_an_operators_order_is_not_reset(system: System, clock: ManualClock) -> None:
    """A circuit that somebody has opened by hand stays open; and one that is closed needs none."""
    circuit = system.circuits.get("payments")
    action = ResetCircuit("payments", circuit, clock=clock)
    assert not action.applies(None)

    circuit.force_open("maintenance", "ann", for_=600)

    assert not action.applies(ConnectionError())
    assert action.run().outcome is Outcome.UNCHANGED
    assert circuit.state is CircuitState.FORCED_OPEN


# -- states ---------------------------------------------------------------------------------------


def test_the_last_good_state_is_put_back(tmp_path: Path, clock: ManualClock) -> None:
    """From its file, whose checksum is right."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json")
    checkpoint.save({"mug": 1450})
    prices: dict[str, Any] = {"mug": "free"}

    record = RestoreState("prices", checkpoint, prices.update, clock=clock).run()

    assert prices == {"mug": 1450}
    assert (record.outcome, record.after.startswith("last state of")) == (Outcome.CHANGED, True)


@pytest.mark.parametrize("how", ["checksum", "schema"])
def test_a_damaged_state_gives_way_to_the_one_before(
    tmp_path: Path, how: str, clock: ManualClock
) -> None:
    """Whether a bit has flipped, or the app expects another shape; the record says: stale."""
    path = tmp_path / "prices.json"
    FileCheckpoint(path).save({"mug": 1450})
    FileCheckpoint(path).save(["mug", 1500])
    if how == "checksum":
        path.write_bytes(path.read_bytes().replace(b"1500", b"1501"))
    checkpoint = FileCheckpoint(path, valid=lambda state: isinstance(state, dict))
    prices: dict[str, Any] = {}

    record = RestoreState("prices", checkpoint, prices.update, clock=clock).run()

    assert prices == {"mug": 1450}
    assert record.after.startswith("stale state of")


def test_a_state_that_is_not_good_gives_way_to_the_one_before(clock: ManualClock) -> None:
    """Though it was kept whole."""
    checkpoint = MemoryCheckpoint()
    checkpoint.save({"mug": 1450})
    checkpoint.save({"mug": -1})
    prices: dict[str, Any] = {}
    action = RestoreState(
        "prices", checkpoint, prices.update, verify=lambda: prices["mug"] > 0, clock=clock
    )

    assert action.run().outcome is Outcome.VERIFIED
    assert prices == {"mug": 1450}


def test_with_no_good_state_it_fails(clock: ManualClock) -> None:
    """And says so in its record; nothing is raised."""
    record = RestoreState("prices", MemoryCheckpoint(), json.dumps, clock=clock).run()

    assert (record.outcome, record.detail) == (
        Outcome.FAILED,
        "LookupError: no state that was kept is good",
    )


def test_wrong_arguments_are_refused() -> None:
    """By name."""
    with pytest.raises(ConfigurationError, match="no checkpoint"):
        RestoreState("prices", {}, print)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="put_back=7"):
        RestoreState("prices", MemoryCheckpoint(), 7)  # type: ignore[arg-type]
