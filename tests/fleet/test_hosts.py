"""Workers on hosts of their own: network namespaces with a cable each to where the store is."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.fleet.members import crew
from tests.servers.redis import MISSING, RedisServer, running_redis

LONG: dict[str, Any] = {"reset_timeout": 60.0}


def ip(*words: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Host:
    """A network namespace, and the cable to it.

    Args:
        number: of the host, 1-60.
    """

    def __init__(self, number: int) -> None:
        self.name = f"fleet-{os.getpid()}-{number}"
        self.command = ("ip", "netns", "exec", self.name)
        self.store = f"198.18.77.{4 * number + 1}"  # of the range for tests of networks
        self._address = f"198.18.77.{4 * number + 2}"
        self._ours, self._its = f"f{os.getpid()}-{number}a", f"f{os.getpid()}-{number}b"

    def start(self) -> None:
        """Make it, and plug it in."""
        ip("netns", "add", self.name)
        ip("link", "add", self._ours, "type", "veth", "peer", self._its, "netns", self.name)
        ip("address", "add", f"{self.store}/30", "dev", self._ours)
        ip("-n", self.name, "address", "add", f"{self._address}/30", "dev", self._its)
        ip("-n", self.name, "link", "set", self._its, "up")
        self.plug_in()

    def plug_in(self) -> None:
        """Let its packets arrive."""
        ip("link", "set", self._ours, "up")

    def pull_out(self) -> None:
        """Let its packets vanish, without a word to either side."""
        ip("link", "set", self._ours, "down")

    def close(self) -> None:
        """Remove it; its cable goes with it."""
        subprocess.run(["ip", "netns", "delete", self.name], check=False, capture_output=True)
        subprocess.run(["ip", "link", "delete", self._ours], check=False, capture_output=True)


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """Give hosts, or skip the test where none can be made."""
    if shutil.which("ip") is None:
        pytest.skip("ip (iproute2) is not installed")
    made = [Host(number + 1) for number in range(count)]
    with ExitStack() as stack:
        for each in made:
            stack.callback(each.close)
            try:
                each.start()
            except subprocess.CalledProcessError as error:
                pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
        yield made


def test_hosts_agree_and_one_that_is_unplugged_catches_up() -> None:
    """Two workers on each; the one without a cable goes on alone, and no call of it waits."""
    if not RedisServer.is_installed():
        pytest.skip(MISSING)
    with (
        hosts(2) as (one, other),
        running_redis(
            "--bind", "127.0.0.1", one.store, other.store, "--protected-mode", "no"
        ) as redis,
        crew(f"redis://{one.store}:{redis.port}/0", 2, host=one.command, **LONG) as near,
        crew(f"redis://{other.store}:{redis.port}/0", 2, host=other.command, **LONG) as far,
    ):
        near.meet(4)
        far.meet(4)

        other.pull_out()
        far.until(lambda: not any(each["online"] for each in far.all("fleet")))
        for each in near:
            each.ask("call", 5, ok=False)
        near.agree("open")
        assert far.all("call", 100) == [100, 100]
        assert max(far.all("slowest_call")) < 1.0

        other.plug_in()
        far.agree("open")
        far.meet(4)
