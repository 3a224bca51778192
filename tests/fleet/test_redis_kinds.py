"""Redis behind TLS, watched over by Sentinels, and as a cluster: real ones of each."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from resilience import ConfigurationError, System
from resilience.fleet.base import Letter, Order
from resilience.fleet.redis import RedisBackend
from tests.fleet.members import crew
from tests.servers.process import LOOPBACK, free_port
from tests.servers.redis import MISSING, RedisServer, running_redis

pytestmark = pytest.mark.skipif(not RedisServer.is_installed(), reason=MISSING)


def told_through(url: str) -> str:
    """Tell an order through one backend; return what another one hears."""
    one, two = RedisBackend(url, "test", 5.0), RedisBackend(url, "test", 5.0)
    try:
        one.exchange(Letter("a", orders=(Order("level", "reduced"),)))
        (heard,) = two.exchange(Letter("b")).orders
        return heard.text
    finally:
        one.close()
        two.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Give a certificate of 127.0.0.1, and its key."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    made, key = str(folder / "made.pem"), str(folder / "key.pem")
    subprocess.run(
        [program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
         "-out", made, "-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{LOOPBACK}"],
        check=True, capture_output=True,
    )  # fmt: skip
    return made, key


def test_it_speaks_tls(certificate: tuple[str, str]) -> None:
    """And checks the certificate: one that nobody vouches for is refused."""
    made, key = certificate
    port = str(free_port())
    options = ("--tls-port", port, "--tls-cert-file", made, "--tls-key-file", key,
               "--tls-ca-cert-file", made, "--tls-auth-clients", "no")  # fmt: skip
    with running_redis(*options):
        assert told_through(f"rediss://{LOOPBACK}:{port}/0?ssl_ca_certs={made}") == "reduced"
        with pytest.raises(Exception, match="certificate verify failed"):
            told_through(f"rediss://{LOOPBACK}:{port}/0")


def test_it_works_in_a_cluster() -> None:
    """All keys of an app are in one slot."""
    # By itself it takes the port 10,000 above its own for its peers, which there may not be.
    peers = str(free_port())
    with running_redis("--cluster-enabled", "yes", "--cluster-port", peers) as node:
        node.tell("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        node.until(lambda: "cluster_state:ok" in node.tell("CLUSTER", "INFO"), "be a cluster")

        url = f"redis+cluster://{LOOPBACK}:{node.port}"
        assert told_through(url) == "reduced"
        with crew(url, 2) as workers:
            workers.meet()
            node.kill()
            workers.until(lambda: not any(each["online"] for each in workers.all("fleet")))
            assert workers.all("call", 100) == [100, 100]


class Sentinel(RedisServer):
    """Watches over a primary."""

    def __init__(self, primary: int) -> None:
        super().__init__()
        self._primary = primary

    def command(self) -> Sequence[str]:
        """Return the command that watches."""
        config = self.directory / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind {LOOPBACK}\n"
            f"sentinel monitor shop {LOOPBACK} {self._primary} 1\n"
            "sentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 3000\n"
        )
        program = shutil.which("redis-server")
        assert program is not None
        return [program, str(config), "--sentinel"]


def _is_following(replica: RedisServer) -> bool:
    return bool(replica.tell("INFO", "replication")["master_link_status"] == "up")


def _knows_of_a_replica(sentinel: Sentinel) -> bool:
    return len(sentinel.tell("SENTINEL", "REPLICAS", "shop")) == 1


def _port_of_primary(sentinel: Sentinel) -> int:
    return int(sentinel.tell("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shop")[1])


@pytest.fixture
def watched() -> Iterator[tuple[RedisServer, Sentinel]]:
    """Give a primary with a replica, and who watches over them."""
    with running_redis() as primary, running_redis() as replica:
        replica.tell("REPLICAOF", LOOPBACK, str(primary.port))
        replica.until(lambda: _is_following(replica), "follow")
        sentinel = Sentinel(primary.port)
        try:
            sentinel.start()
            sentinel.until(lambda: _knows_of_a_replica(sentinel), "see the replica")
            yield primary, sentinel
        finally:
            sentinel.close()


@pytest.mark.timeout(120)
def test_it_follows_the_primary_that_sentinels_choose(
    watched: tuple[RedisServer, Sentinel],
) -> None:
    """The old one is killed; the workers go on, and agree again by the new one."""
    primary, sentinel = watched
    url = f"redis+sentinel://{LOOPBACK}:{sentinel.port}/shop/0"
    with crew(url, 2, reset_timeout=60.0) as workers:
        workers.meet()
        primary.kill()
        assert workers.all("call", 100, "other") == [100, 100]

        sentinel.until(lambda: _port_of_primary(sentinel) != primary.port, "choose another")
        workers.until(lambda: all(each["online"] for each in workers.all("fleet")))
        for each in workers:
            each.ask("call", 5, ok=False)
        workers.agree("open")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+sentinel://localhost", "name the primary that the Sentinels watch"),
        ("redis+ring://user:secret@localhost", "unknown kind 'ring'"),
        ("memcached://localhost", "redis\\+sentinel://"),
    ],
)
def test_other_addresses_are_refused(url: str, expected: str) -> None:
    """In words that say what to give, without the password."""
    with pytest.raises(ConfigurationError, match=expected) as refused:
        System({"fleet": {"url": url}})

    assert "secret" not in str(refused.value)
