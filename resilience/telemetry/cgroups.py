"""What a container may use, read from Linux's control groups, version 1 and 2.

Source: the kernel's admin guide, "Control Group v2" and "Memory Resource Controller" (v1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NO_LIMIT = 1 << 60  # version 1 writes a number near 2**63 where there is no limit


@dataclass(frozen=True, slots=True)
class Files:
    """Where one version of the control groups keeps its numbers.

    Args:
        limit: bytes of memory allowed.
        usage: bytes of memory in use, the page cache included.
        idle_cache: the line of `memory.stat` that tells how much of that is page cache which the
            kernel gives up before it kills anything.
        quota: CPU microseconds allowed in each period, then the period; version 1 has two files.
        time: CPU time used so far.
        tick: CPU seconds that one unit of `time` stands for.
    """

    limit: str
    usage: str
    idle_cache: str
    quota: tuple[str, ...]
    time: str
    tick: float


V1 = Files(
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
    ("cpu.cfs_quota_us", "cpu.cfs_period_us"),
    "cpuacct.usage",
    1e-9,
)
V2 = Files("memory.max", "memory.current", "inactive_file", ("cpu.max",), "cpu.stat", 1e-6)


class Cgroups:
    """The control groups of this process, and those above them.

    Args:
        proc: where the process's own directory of `/proc` is.
        root: where control groups are mounted.
    """

    def __init__(self, proc: Path, root: Path) -> None:
        self._proc = proc
        self._root = root

    def memory(self) -> list[tuple[int, int]]:
        """Return `(bytes in use that cannot be given up, bytes allowed)` of each limited group."""
        found = []
        for files, group in self._groups("memory"):
            limit = _number(group / files.limit)
            usage = _number(group / files.usage)
            if limit is not None and usage is not None and 0 < limit < _NO_LIMIT:
                idle = _lines(group / "memory.stat").get(files.idle_cache, 0)
                found.append((max(0, usage - idle), limit))
        return found

    def cpu(self) -> tuple[float, float] | None:
        """Return `(CPU seconds used so far, CPUs allowed)` of the narrowest limited group."""
        found: list[tuple[float, float]] = []
        for files, group in self._groups("cpu"):
            allowed = _cpus(group, files)
            used = _cpu_time(group, files, self._root)
            if allowed is not None and used is not None:
                found.append((used, allowed))
        return min(found, key=lambda each: each[1], default=None)

    def _groups(self, controller: str) -> Iterator[tuple[Files, Path]]:
        """Yield the directories that say something about `controller`, innermost first."""
        for line in _text(self._proc / "cgroup").splitlines():
            _, names, path = (line + "::").split(":")[:3]
            if not names:
                yield from ((V2, each) for each in _upwards(self._root, path))
            elif controller in names.split(","):
                for each in _upwards(self._root / controller, path):
                    yield V1, each


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """Yield a group's directory and those above it; only the mount where the path is another's.

    Inside a container the mount often is the container's own group, under the host's path.
    """
    inner = mount.joinpath(path.lstrip("/"))
    while inner != mount and mount in inner.parents:
        if inner.is_dir():
            yield inner
        inner = inner.parent
    yield mount


def _cpus(group: Path, files: Files) -> float | None:
    words = [word for name in files.quota for word in _text(group / name).split()]
    try:
        quota, period = float(words[0]), float(words[1])
    except (ValueError, IndexError):  # "max", or no such file
        return None
    return quota / period if quota > 0 and period > 0 else None


def _cpu_time(group: Path, files: Files, root: Path) -> float | None:
    if files is V2:
        used = _lines(group / files.time).get("usage_usec")
    else:
        used = _number(root / "cpuacct" / group.relative_to(root / "cpu") / files.time)
    return None if used is None else used * files.tick


def _lines(path: Path) -> dict[str, int]:
    """Return `{name: number}` of a file of `name number` lines."""
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    """Return what a file holds; nothing where there is none, or it may not be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
