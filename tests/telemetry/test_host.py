"""What this process and its machine have left."""

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from resilience import System
from resilience.telemetry.host import Host
from resilience.testing import ManualClock

GIB = 1 << 30
PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Give a machine of files: 8 GiB, 2 of them in use, and a process of 1,000 pages."""
    write(tmp_path, "proc/self/statm", "4000 1000 300 1 0 500 0\n")
    write(tmp_path, "proc/self/cgroup", "0::/\n")
    write(
        tmp_path, "proc/meminfo", "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 6291456 kB\n"
    )
    write(tmp_path, "proc/stat", "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    """Write a file below `root`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii")


def host_of(root: Path, clock: ManualClock | None = None) -> Host:
    """Return a host whose files are below `root`."""
    return Host(clock or ManualClock(), proc=root / "proc", cgroups=root / "cgroup")


def test_without_a_limit_memory_is_the_machines(files: Path) -> None:
    """Bytes of the process, and of the machine what is not available."""
    memory = host_of(files).memory()

    assert memory is not None
    assert (memory.rss, memory.used, memory.limit) == (1000 * PAGE, 2 * GIB, 8 * GIB)
    assert host_of(files).memory_share() == 0.25


def test_a_containers_limit_counts_without_its_page_cache(files: Path) -> None:
    """Version 2: what the kernel can give up is no use of memory."""
    write(files, "cgroup/memory.max", f"{GIB}\n")
    write(files, "cgroup/memory.current", f"{GIB * 3 // 4}\n")
    write(files, "cgroup/memory.stat", f"anon 1\ninactive_file {GIB // 4}\n")

    memory = host_of(files).memory()

    assert memory is not None
    assert (memory.used, memory.limit, memory.share) == (GIB // 2, GIB, 0.5)


def test_a_group_without_a_limit_is_none(files: Path) -> None:
    """Version 2 writes max, version 1 a number beyond all memory."""
    write(files, "cgroup/memory.max", "max\n")
    write(files, "cgroup/memory.current", "77\n")
    write(files, "proc/self/cgroup", "4:memory:/\n0::/\n")
    write(files, "cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    write(files, "cgroup/memory/memory.usage_in_bytes", "77\n")

    memory = host_of(files).memory()

    assert memory is not None
    assert memory.limit == 8 * GIB


def test_the_tightest_group_above_the_process_counts(files: Path) -> None:
    """A limit further up kills just as well."""
    write(files, "proc/self/cgroup", "0::/pod/app\n")
    write(files, "cgroup/pod/app/memory.max", f"{2 * GIB}\n")
    write(files, "cgroup/pod/app/memory.current", f"{GIB // 2}\n")
    write(files, "cgroup/pod/memory.max", f"{GIB}\n")
    write(files, "cgroup/pod/memory.current", f"{GIB * 3 // 4}\n")

    memory = host_of(files).memory()

    assert memory is not None
    assert (memory.limit, memory.share) == (GIB, 0.75)


def test_version_one_under_another_mount(files: Path) -> None:
    """A container mounts its own group, while the path is the host's."""
    write(files, "proc/self/cgroup", "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n")
    write(files, "cgroup/memory/memory.limit_in_bytes", f"{GIB}\n")
    write(files, "cgroup/memory/memory.usage_in_bytes", f"{GIB}\n")
    write(files, "cgroup/memory/memory.stat", f"total_inactive_file {GIB // 2}\n")

    assert host_of(files).memory_share() == 0.5


def test_a_path_that_leads_out_of_the_mount_is_not_followed(files: Path) -> None:
    """A group outside the namespace shows as `/../..`."""
    write(files, "proc/self/cgroup", "0::/../../elsewhere\n")
    write(files, "cgroup/memory.max", f"{4 * GIB}\n")
    write(files, "cgroup/memory.current", f"{3 * GIB}\n")

    assert host_of(files).memory_share() == 0.75


def test_what_cannot_be_known_is_none(tmp_path: Path) -> None:
    """No Linux, no number; nothing fails."""
    host = host_of(tmp_path)
    host.sample()
    host.sample()

    assert (host.memory(), host.memory_share(), host.rss()) == (None, None, None)
    assert (host.cpu_share(), host.process_cpu(), host.loop_lag()) == (None, None, None)


def test_the_machines_cpu_is_what_was_busy_since(files: Path) -> None:
    """Of 100 ticks since, 30 were neither idle nor waiting for a disk."""
    clock = ManualClock()
    host = host_of(files, clock)
    host.sample()
    assert host.cpu_share() is None

    clock.advance(1)
    write(files, "proc/stat", "cpu  110 5 110 860 10 0 5 0 0 0\n")
    host.sample()

    assert host.cpu_share() == pytest.approx(0.3)


def test_a_quota_counts_before_the_machine(files: Path) -> None:
    """Half a CPU allowed, a quarter of a second used in one: half of it."""
    clock = ManualClock()
    host = host_of(files, clock)
    write(files, "cgroup/cpu.max", "50000 100000\n")
    write(files, "cgroup/cpu.stat", "usage_usec 1000000\nuser_usec 1\n")
    host.sample()

    clock.advance(1)
    write(files, "cgroup/cpu.stat", "usage_usec 1250000\nuser_usec 1\n")
    host.sample()

    assert host.cpu_share() == pytest.approx(0.5)


def test_a_quota_of_version_one(files: Path) -> None:
    """Its files are in two controllers."""
    clock = ManualClock()
    host = host_of(files, clock)
    write(files, "proc/self/cgroup", "3:cpu:/app\n2:cpuacct:/app\n")
    write(files, "cgroup/cpu/app/cpu.cfs_quota_us", "200000\n")
    write(files, "cgroup/cpu/app/cpu.cfs_period_us", "100000\n")
    write(files, "cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(files, "cgroup/cpu/cpu.cfs_period_us", "100000\n")
    write(files, "cgroup/cpuacct/app/cpuacct.usage", "1000000000\n")
    host.sample()

    clock.advance(2)
    write(files, "cgroup/cpuacct/app/cpuacct.usage", "4000000000\n")
    host.sample()

    assert host.cpu_share() == pytest.approx(0.75)


def test_the_look_back_is_bounded(files: Path) -> None:
    """Five seconds after it ended, a busy time is forgotten."""
    clock = ManualClock()
    host = host_of(files, clock)
    host.sample()
    for second in range(1, 8):
        clock.advance(1)
        write(files, "proc/stat", f"cpu  200 0 100 {800 + 100 * second} 0 0 0 0\n")
        host.sample()

    assert host.cpu_share() == 0.0


def test_this_machine_can_be_read() -> None:
    """Real numbers of this very process, on a system with /proc."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("there is no /proc here")
    host = Host()
    before = host.rss()
    assert before is not None
    ballast = bytearray(64 << 20)
    host.sample()
    spent = time.process_time() + 0.05
    while time.process_time() < spent:
        ballast[::4096] = b"x" * len(ballast[::4096])
    host.sample()

    after = host.memory()

    assert after is not None
    assert after.rss > before + (32 << 20)
    assert 0 < after.share <= 1
    assert (host.process_cpu() or 0.0) > 0.0
    assert 0.0 <= (host.cpu_share() or 0.0) <= 1.0
    assert 0.0 < host.disk("/").share <= 1.0


def test_a_disk_that_is_not_there_says_so() -> None:
    """Rather than that it is empty."""
    with pytest.raises(FileNotFoundError):
        Host().disk("/no/such/place")


def test_a_blocked_loop_is_seen_while_it_is_blocked() -> None:
    """From another thread; once it goes on, the delay stays for a second."""
    host = Host()
    while_blocked: list[float] = []

    def watch(blocked: threading.Event, seen: threading.Event) -> None:
        assert blocked.wait(10)
        until = time.monotonic() + 10
        while (host.loop_lag() or 0.0) < 0.05 and time.monotonic() < until:
            time.sleep(0.005)
        while_blocked.append(host.loop_lag() or 0.0)
        seen.set()

    async def serve() -> float | None:
        host.sample()
        blocked, seen = threading.Event(), threading.Event()
        watcher = threading.Thread(target=watch, args=(blocked, seen))
        watcher.start()
        blocked.set()
        assert seen.wait(20)  # what must not be done on a loop
        watcher.join()
        await asyncio.sleep(0.15)
        return host.loop_lag()

    afterwards = asyncio.run(serve())

    assert while_blocked[0] >= 0.05
    assert afterwards is not None
    assert afterwards >= 0.05
    assert host.loop_lag() is None, "the loop is closed"


def test_a_stopped_engine_leaves_the_loop_alone() -> None:
    """Its timer goes with it, and comes back when it starts again."""
    system = System()

    async def serve() -> list[float | None]:
        seen = []
        for _ in range(2):
            driver = asyncio.create_task(system.runtime.engine.run())
            for _ in range(2000):  # 20 s at most
                if system.host.loop_lag() is not None:
                    break
                await asyncio.sleep(0.01)
            seen.append(system.host.loop_lag())
            await system.runtime.engine.stop_async()
            await driver
            seen.append(system.host.loop_lag())
        return seen

    first, stopped, again, over = asyncio.run(serve())

    assert first is not None
    assert again is not None
    assert (stopped, over) == (None, None)


def test_another_loop_is_followed_in_its_turn() -> None:
    """The engine may come to run on a new loop; the old one's timer is no longer looked at."""
    host = Host()

    async def beat() -> float | None:
        host.sample()
        return host.loop_lag()

    assert asyncio.run(beat()) is not None
    assert host.loop_lag() is None
    assert asyncio.run(beat()) is not None
