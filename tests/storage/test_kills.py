"""Eight workers write one file and are killed: it stays whole, with all that was written."""

import os
import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from resilience import System
from resilience.storage.journal import Journal
from resilience.storage.tables import Row

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

WORKERS = 8
KILLS = 200
TABLE = "circuit_breaker_state_history"


def write_until_killed(journal: Journal, worker: int, told: int) -> None:
    """Write as a worker does, batch after batch; tell each number once its flush has returned."""
    number = 0
    while True:
        for _ in range(50):
            number += 1
            values = {"at": float(number), "worker": str(worker), "component": "c", "type": "t"}
            journal.record(Row(TABLE, values))
        while journal.flush() and journal.status().error:
            pass
        if not journal.status().queued:
            os.write(told, f"{worker} {number}\n".encode())


def started(journal: Journal, worker: int, told: int) -> int:
    """Return the pid of a forked worker."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            write_until_killed(journal, worker, told)
        finally:
            os._exit(1)
    return pid


def killed_in_the_middle(journal: Journal, after: float) -> Counter[str]:
    """Return `{worker: the last number it told}` of workers killed `after` seconds of writing."""
    read, told = os.pipe()
    pids = [started(journal, worker, told) for worker in range(WORKERS)]
    os.close(told)
    said = os.read(read, 10_000)  # at least one writes by now
    time.sleep(after)  # the random moment itself is what is tried
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as pipe:
        said += pipe.read()
    lines = [line.split() for line in said.decode().splitlines()]
    return Counter({worker: int(number) for worker, number in lines})


@pytest.mark.stress
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_file_survives_kills(tmp_path: Path) -> None:
    """After each of 200 kills the file passes its check and lacks nothing that was flushed."""
    moments = random.Random(5)
    path = tmp_path / "journal.db"
    system = System({"journal": {"url": f"sqlite:///{path}", "batch_size": 20}})
    system.journal.open()
    for _ in range(KILLS):
        told = killed_in_the_middle(system.journal, moments.uniform(0.0, 0.05))

        with sqlite3.connect(path, timeout=20) as file:
            [check] = file.execute("PRAGMA quick_check").fetchone()
            rows = dict(file.execute(f"SELECT worker, MAX(at) FROM {TABLE} GROUP BY worker"))
            counts = dict(file.execute(f"SELECT worker, COUNT(*) FROM {TABLE} GROUP BY worker"))
            file.execute(f"DELETE FROM {TABLE}")
        file.close()
        assert check == "ok"
        assert told
        for worker, number in told.items():
            assert rows[worker] >= number
            assert counts[worker] == rows[worker]
    system.configure({"journal": {"enabled": False}})
