"""Memory that is held and not used, in a real process."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import cachetools
import pytest

from resilience import ConfigurationError, System
from resilience.healing.actions import Outcome
from resilience.healing.repairs import FreeMemory
from resilience.telemetry.host import Host
from resilience.testing import ManualClock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MEGABYTE = 2**20


@pytest.fixture
def garbage() -> Iterator[None]:
    """Leave 60 MB or more of small objects in cycles, which Python's collector has not seen."""
    gc.collect()
    gc.disable()
    for _ in range(200_000):
        cycle: list[object] = [bytes(200)]
        cycle.append(cycle)
    del cycle
    yield
    gc.enable()


def test_it_gives_back_what_is_garbage(garbage: None, clock: ManualClock) -> None:
    """Tens of megabytes, which Python and glibc would keep."""
    host = Host()
    before = host.rss()
    assert before is not None
    action = FreeMemory("memory", host, soft_limit=before - 20 * MEGABYTE, clock=clock)
    assert action.due() is not None

    record = action.run()

    assert record.before - record.after > 40 * MEGABYTE
    assert record.outcome is Outcome.VERIFIED
    assert action.due() is None


class Fake(Host):
    """A host that says what the test wants."""

    def __init__(self, rss: int | None, share: float | None = None) -> None:
        super().__init__()
        self.told = rss
        self.share = share

    def rss(self) -> int | None:
        """Return bytes."""
        return self.told

    def memory_share(self) -> float | None:
        """Return a share."""
        return self.share


@pytest.mark.parametrize(
    ("rss", "share", "limit", "due"),
    [
        (300 * MEGABYTE, None, 256 * MEGABYTE, "300 MB in use, over 256 MB"),
        (256 * MEGABYTE, None, 256 * MEGABYTE, None),
        (None, None, 256 * MEGABYTE, None),
        (None, 0.91, 0.8, "91% of all memory is in use, over 80%"),
        (None, 0.8, 0.8, None),
        (None, None, 0.8, None),
    ],
)
def test_the_limit_is_in_bytes_or_a_share(
    rss: int | None, share: float | None, limit: float, due: str | None
) -> None:
    """Of this process, or of all that shares the container; unknown is no reason."""
    assert FreeMemory("memory", Fake(rss, share), soft_limit=limit).due() == due


def test_it_runs_once_a_minute_and_is_off_after_two_useless_runs(
    system: System, clock: ManualClock
) -> None:
    """Memory that is really used stays used: looking for garbage would only cost."""
    host = Fake(300 * MEGABYTE)
    action = system.healer.watch(FreeMemory("memory", host, soft_limit=MEGABYTE))
    for _ in range(40):
        system.tick()
        clock.advance(5)

    runs = action.history()

    assert [each.outcome for each in runs] == [Outcome.UNCHANGED] * 2
    assert runs[1].at - runs[0].at >= 60
    assert (runs[1].switched_off, action.off) == (True, True)


@pytest.mark.parametrize(
    ("after", "changed"), [(95, True), (96, False), (100, False), (120, False), (None, None)]
)
def test_five_percent_is_worth_it(after: int | None, changed: bool | None) -> None:
    """Of 100 MB."""
    assert FreeMemory("memory", Fake(1)).changed(100, after) is changed


def test_caches_are_dropped_first(clock: ManualClock) -> None:
    """What can be made again goes before anything is collected."""
    cache: cachetools.LRUCache[str, str] = cachetools.LRUCache(10)
    cache["tea"] = "assam"

    FreeMemory("memory", Fake(MEGABYTE), drop=[cache], clock=clock).run()

    assert len(cache) == 0


def test_wrong_arguments_are_refused() -> None:
    """By name."""
    with pytest.raises(ConfigurationError, match="soft_limit=0"):
        FreeMemory("memory", Host(), soft_limit=0)
    with pytest.raises(ConfigurationError, match="neither a method clear nor cache_clear"):
        FreeMemory("memory", Host(), drop=[Path()])
