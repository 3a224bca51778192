"""What this process and its machine have left: memory, CPU, disk, and a prompt event loop.

Read from Linux's `/proc` and control groups. Elsewhere what cannot be known is None.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from resilience.clock import Clock, SystemClock
from resilience.core.copies import copied
from resilience.telemetry.cgroups import Cgroups
from resilience.telemetry.pulse import Pulse

SAMPLED_EVERY = 1.0  # seconds, for `sample` to be called
_LOOKED_BACK = 5  # samples over which CPU shares are taken


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory at one moment.

    Args:
        rss: bytes of this process that are in memory.
        used: bytes in use, page cache that can be given up aside, by all that shares `limit`.
        limit: bytes allowed: the container's, where it has a limit, else the machine's.
    """

    rss: int
    used: int
    limit: int

    @property
    def share(self) -> float:
        """Share of the limit in use, 0-1."""
        return min(1.0, self.used / self.limit)


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system at one moment.

    Args:
        total: bytes in all.
        free: bytes that this user may still write.
    """

    total: int
    free: int

    @property
    def share(self) -> float:
        """Share in use, 0-1."""
        return 1.0 - self.free / self.total if self.total else 0.0


class Host:
    """Readings of this process and its machine.

    Args:
        clock: dates the CPU samples.
        proc: where `/proc` is.
        cgroups: where control groups are mounted.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        proc: Path = Path("/proc"),
        cgroups: Path = Path("/sys/fs/cgroup"),
    ) -> None:
        self._clock: Clock = SystemClock() if clock is None else clock
        self._proc = proc
        self._cgroups = Cgroups(proc / "self", cgroups)
        self._samples: deque[_Sample] = deque(maxlen=_LOOKED_BACK + 1)
        self._pulse: Pulse | None = None
        self._pid = os.getpid()

    # -- memory and disk, read when asked -----------------------------------------------------

    def memory(self) -> Memory | None:
        """Return this process's memory, and the tightest limit around it."""
        rss = self.rss()
        pools = [*self._cgroups.memory(), *self._machine_memory()]
        if rss is None or not pools:
            return None
        used, limit = max(pools, key=lambda pool: pool[0] / pool[1])
        return Memory(rss, used, limit)

    def memory_share(self) -> float | None:
        """Return the share of the memory limit in use, 0-1."""
        memory = self.memory()
        return None if memory is None else memory.share

    def rss(self) -> int | None:
        """Return the bytes of this process that are in memory."""
        try:
            pages = (self._proc / "self" / "statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return None
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def disk(self, path: str | os.PathLike[str] = "/") -> Disk:
        """Return the space of the file system that `path` is on.

        It may wait for ever where that is a network's: ask in a thread of its own.

        Raises:
            OSError: there is no such path.
        """
        usage = shutil.disk_usage(path)
        return Disk(usage.total, usage.free)

    def _machine_memory(self) -> list[tuple[int, int]]:
        lines = dict(self._lines("meminfo"))
        try:
            total, available = (
                int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable")
            )
        except (KeyError, ValueError, IndexError):
            return []
        return [(total - available, total)] if total > 0 else []

    # -- CPU and the event loop, followed by `sample` -----------------------------------------

    def sample(self) -> None:
        """Look at the CPU, and at the event loop of the calling thread; about once a second."""
        if os.getpid() != self._pid:
            self._begin_anew()
        self._follow_loop()
        self._samples.append(
            _Sample(
                self._clock.monotonic(),
                time.process_time(),
                self._cgroups.cpu(),
                self._machine_cpu(),
            )
        )

    def cpu_share(self) -> float | None:
        """Return the share of the CPU time allowed that was used in the last seconds, 0-1.

        By all that shares it: the container where it has a quota, and the machine; the greater
        of the two. None until there are two samples.
        """
        first, last = self._span()
        if first is None or last is None:
            return None
        shares = [_of_quota(first, last), _of_machine(first, last)]
        return max((min(1.0, each) for each in shares if each is not None), default=None)

    def process_cpu(self) -> float | None:
        """Return the CPUs that this process kept busy in the last seconds, >= 0.

        A worker whose Python code runs in one thread at a time is at its end near 1.0.
        """
        first, last = self._span()
        if first is None or last is None:
            return None
        return max(0.0, (last.process - first.process) / (last.at - first.at))

    def loop_lag(self) -> float | None:
        """Return how late the event loop was at worst in the last second, seconds.

        None where no event loop drives the background engine (WSGI), or before its first sample.
        """
        pulse = self._pulse
        return None if pulse is None else pulse.lag()

    def stop(self) -> None:
        """Leave the event loop alone, until the next sample on one."""
        pulse, self._pulse = self._pulse, None
        if pulse is not None:
            pulse.stop()

    def _follow_loop(self) -> None:
        asyncio = sys.modules.get("asyncio")
        loop = None if asyncio is None else asyncio._get_running_loop()
        if loop is None or (self._pulse is not None and self._pulse.loop is loop):
            return
        self._pulse = Pulse(loop)

    def _begin_anew(self) -> None:
        """Forget, in a forked child, what the parent measured."""
        self._pid = os.getpid()
        self._samples.clear()
        self._pulse = None

    def _span(self) -> tuple[_Sample | None, _Sample | None]:
        samples = copied(self._samples)
        if len(samples) < 2 or samples[-1].at <= samples[0].at:
            return None, None
        return samples[0], samples[-1]

    def _machine_cpu(self) -> tuple[float, float] | None:
        """Return `(busy, all)` ticks of all CPUs since the machine started."""
        words = dict(self._lines("stat", " ")).get("cpu", "").split()
        if len(words) < 8:
            return None
        ticks = [int(word) for word in words[:8]]  # guests' time is part of user's
        idle = ticks[3] + ticks[4]
        return float(sum(ticks) - idle), float(sum(ticks))

    def _lines(self, name: str, separator: str = ":") -> list[tuple[str, str]]:
        """Return `(name, rest)` of each line of a file in `/proc`."""
        try:
            text = (self._proc / name).read_text(encoding="ascii", errors="replace")
        except OSError:
            return []
        parts = (line.partition(separator) for line in text.splitlines())
        return [(name, rest) for name, _, rest in parts]


@dataclass(frozen=True, slots=True)
class _Sample:
    """What was used up to one moment: CPU seconds of the process, of the quota, of the machine."""

    at: float
    process: float
    quota: tuple[float, float] | None
    machine: tuple[float, float] | None


def _of_quota(first: _Sample, last: _Sample) -> float | None:
    if first.quota is None or last.quota is None:
        return None
    used, allowed = last.quota[0] - first.quota[0], last.quota[1]
    return max(0.0, used / (allowed * (last.at - first.at)))


def _of_machine(first: _Sample, last: _Sample) -> float | None:
    if first.machine is None or last.machine is None:
        return None
    busy, everything = (
        after - before for before, after in zip(first.machine, last.machine, strict=True)
    )
    return busy / everything if everything > 0 else None
