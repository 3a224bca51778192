"""Held clients against a real local server: leaked connections, moved services, old clients."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
import requests

from flaky_upstream.server import Upstream
from resilience import ConfigurationError, System, UnknownSettingError
from resilience.healing.actions import Outcome
from resilience.healing.clients import holder_of
from resilience.healing.repairs import SwapClient
from resilience.testing import ManualClock
from tests.examples.shops import running_upstream
from tests.servers.process import free_port

SYNC = {"httpx": httpx, "httpx2": httpx2}


@pytest.fixture(scope="module")
def service() -> Iterator[Upstream]:
    """Give a server on a loopback port."""
    with running_upstream() as server:
        yield server


def small(library: Any, kind: str, url: str) -> Any:
    """Return a client with room for two connections, which waits 50 ms for one."""
    limits = library.Limits(max_connections=2)
    timeout = library.Timeout(5.0, pool=0.05)
    made = getattr(library, kind)
    return made(base_url=url, limits=limits, timeout=timeout, trust_env=False)


def leak(client: Any) -> None:
    """Leave two answers unread and open, as code that forgets to close does."""
    for _ in range(2):
        client.send(client.build_request("GET", "/prices"), stream=True)


def asked(client: Any, times: int = 10) -> list[str]:
    """Ask so often; return what came of it."""
    outcomes = []
    for _ in range(times):
        try:
            outcomes.append(str(client.get("/prices").status_code))
        except Exception as error:
            outcomes.append(type(error).__name__)
    return outcomes


# -- leaked connections ---------------------------------------------------------------------------


@pytest.mark.parametrize("library", SYNC.values(), ids=SYNC)
def test_a_leaked_pool_fails_for_ever_without_it(library: Any, service: Upstream) -> None:
    """Ten of ten, though the service is well."""
    with small(library, "Client", service.address) as client:
        leak(client)

        assert asked(client) == ["PoolTimeout"] * 10


@pytest.mark.parametrize("library", SYNC.values(), ids=SYNC)
def test_a_held_client_fails_no_more(library: Any, service: Upstream, system: System) -> None:
    """The request that found no connection had not left: the new client sends it."""
    client = system.client(lambda: small(library, "Client", service.address))
    leak(client)

    assert asked(client) == ["200"] * 10
    (action,) = system.healer.actions("http client")
    (record,) = action.history()
    assert (record.before, record.after, record.outcome) == (1, 2, Outcome.CHANGED)
    client.close()


def test_an_async_client_fails_no_more(service: Upstream, system: System) -> None:
    """The same on a loop, where the old one is closed as well."""

    async def scenario() -> None:
        client = system.client(lambda: small(httpx2, "AsyncClient", service.address))
        for _ in range(2):
            await client.send(client.build_request("GET", "/prices"), stream=True)
        old = holder_of(client).client

        assert [(await client.get("/prices")).status_code for _ in range(10)] == [200] * 10

        assert isinstance(system.runtime.clock, ManualClock)
        system.runtime.clock.advance(5.0)
        system.tick()
        async with asyncio.timeout(20):
            while not old.is_closed:  # noqa: ASYNC110 - a client tells nobody
                await asyncio.sleep(0.01)
        await client.aclose()

    asyncio.run(scenario())


def test_an_async_client_is_replaced_under_trio_too(service: Upstream, system: System) -> None:
    """It serves both, and so does what holds it."""
    trio = pytest.importorskip("trio", reason="trio is not installed")

    async def scenario() -> list[int]:
        client = system.client(lambda: small(httpx2, "AsyncClient", service.address))
        for _ in range(2):
            await client.send(client.build_request("GET", "/prices"), stream=True)
        statuses = [(await client.get("/prices")).status_code for _ in range(3)]
        await client.aclose()
        return statuses

    assert trio.run(scenario) == [200] * 3


def test_the_old_client_is_closed_after_its_read_timeout(
    service: Upstream, system: System, clock: ManualClock
) -> None:
    """Not before: what it has begun may end."""
    client = system.client(lambda: small(httpx2, "Client", service.address))
    unread = client.send(client.build_request("GET", "/prices"), stream=True)
    old = holder_of(client).client
    holder_of(client).swap()

    clock.advance(4.9)
    system.tick()
    assert not old.is_closed
    assert unread.read()
    clock.advance(0.2)
    system.tick()

    assert (old.is_closed, client.is_closed) == (True, False)
    client.close()


# -- nobody there ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["httpx", "httpx2", "requests"])
def test_three_connect_errors_in_a_row_ask_for_another(
    kind: str, service: Upstream, system: System
) -> None:
    """Such as after a move that only a new client hears of."""
    addresses = [service.address, service.address]
    gone = f"http://127.0.0.1:{free_port()}"

    def made() -> Any:
        if kind == "requests":
            return Based(addresses[-1])
        return small(SYNC[kind], "Client", addresses[-1])

    client = system.client(made)
    assert asked(client, 1) == ["200"]
    holder_of(client).client.base_url = gone

    outcomes = asked(client, 10)

    # The third is sent again, to the address that it was made for.
    failed = "ConnectionError" if kind == "requests" else "ConnectError"
    assert outcomes == [failed] * 3 + ["200"] * 7
    client.close()


class Based(requests.Session):
    """A session whose paths are relative to an address."""

    def __init__(self, base_url: str) -> None:
        super().__init__()
        self.trust_env = False
        self.base_url = base_url

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """Ask for a path."""
        return super().request(method, self.base_url + url, *args, **kwargs)


def test_errors_that_are_not_in_a_row_ask_for_nothing(service: Upstream, system: System) -> None:
    """Each success begins to count anew; so does an error of another kind."""
    client = system.client(lambda: small(httpx2, "Client", service.address))
    present = holder_of(client).client
    for _ in range(3):
        assert asked(client, 1) == ["200"]
        present.base_url = f"http://127.0.0.1:{free_port()}"
        assert asked(client, 2) == ["ConnectError"] * 2
        present.base_url = service.address

    assert holder_of(client).made == 1
    client.close()


def test_a_service_that_is_down_makes_no_flood_of_clients(
    system: System, clock: ManualClock, service: Upstream
) -> None:
    """A client that never worked is not to blame; one that did is replaced once."""
    port = free_port()
    client = system.client(lambda: small(httpx2, "Client", f"http://127.0.0.1:{port}"))
    for _ in range(5):
        asked(client, 5)
        clock.advance(60)
    assert holder_of(client).made == 1

    holder_of(client).client.base_url = service.address
    asked(client, 1)
    holder_of(client).client.base_url = f"http://127.0.0.1:{port}"
    for _ in range(5):
        asked(client, 5)
        clock.advance(60)

    assert holder_of(client).made == 2
    client.close()


def test_a_dry_run_replaces_nothing(service: Upstream, system: System) -> None:
    """The record says that it would have."""
    client = system.client(
        lambda: small(httpx2, "Client", service.address), component="prices", dry_run=True
    )
    leak(client)

    assert asked(client, 3) == ["PoolTimeout"] * 3
    (action,) = system.healer.actions("prices")
    assert [each.outcome for each in action.history()] == [Outcome.DRY] * 3
    client.close()


def test_many_threads_replace_it_once(service: Upstream, system: System) -> None:
    """All of them meet the full pool, and one new client serves them."""
    client = system.client(lambda: small(httpx2, "Client", service.address))
    leak(client)
    start = threading.Barrier(8)
    outcomes: list[list[str]] = []

    def work() -> None:
        start.wait(20)
        outcomes.append(asked(client, 1))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()

    assert holder_of(client).made == 2
    assert outcomes == [["200"]] * 8
    client.close()


def test_a_body_that_can_be_read_once_is_sent_once(service: Upstream, system: System) -> None:
    """It was not touched by the client that had no connection for it."""
    client = system.client(lambda: small(httpx2, "Client", service.address))
    leak(client)

    answer = client.post(
        "/payments",
        content=(part for part in [b'{"order": "7", ', b'"cents": 1450}']),
        headers={"Content-Length": "29", "Content-Type": "application/json"},
    )

    assert answer.status_code == 201
    client.close()


# -- being a client -------------------------------------------------------------------------------


def test_it_is_made_when_it_is_first_used(system: System, service: Upstream) -> None:
    """Not on import, where a fork may follow."""
    made = []

    def factory() -> Any:
        made.append(1)
        return small(httpx2, "Client", service.address)

    client = system.client(factory)
    assert not made

    assert client.get("/prices").status_code == 200
    assert len(made) == 1
    client.close()


def test_it_passes_for_what_it_holds(system: System, service: Upstream) -> None:
    """Libraries that take a client check its class, and read its attributes."""
    client = system.client(lambda: small(httpx, "Client", service.address))

    assert isinstance(client, httpx.Client)
    assert client.base_url == service.address
    assert "build_request" in dir(client)
    assert repr(client).startswith("<held <httpx.Client")
    with pytest.raises(AttributeError, match="set it in the factory"):
        client.base_url = "http://elsewhere"
    with pytest.raises(TypeError, match="no held client"):
        holder_of(httpx.Client)
    client.close()


def test_a_block_closes_it(system: System, service: Upstream) -> None:
    """And those that wait to be closed, too."""
    with system.client(lambda: small(httpx2, "Client", service.address)) as client:
        client.get("/prices")
        first = holder_of(client).client
        holder_of(client).swap()
        client.get("/prices")
        second = holder_of(client).client

    assert (first.is_closed, second.is_closed) == (True, True)


def test_an_async_block_closes_it(system: System, service: Upstream) -> None:
    """With `aclose`, as async clients have it; `close` they have not."""

    async def scenario() -> bool:
        held = system.client(lambda: small(httpx2, "AsyncClient", service.address))
        async with held as client:
            assert (await client.get("/prices")).status_code == 200
            inner = holder_of(held).client
            with pytest.raises(AttributeError):
                client.close()
        return bool(inner.is_closed)

    assert asyncio.run(scenario())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_fork_makes_a_client_of_its_own(system: System, service: Upstream) -> None:
    """Parent and child never share a connection."""
    client = system.client(lambda: small(httpx2, "Client", service.address))
    parents = holder_of(client).client
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        own = holder_of(client).client
        os.write(write, b"own" if own is not parents else b"shared")
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(read, 10) == b"own"
    os.close(read)
    os.close(write)
    client.close()


def test_two_clients_of_a_component_have_an_action_each(system: System) -> None:
    """Neither takes the other's place."""
    for _ in range(2):
        system.client(httpx2.Client, component="prices")

    names = [each.name for each in system.healer.actions("prices")]
    assert names == ["SwapClient", "SwapClient 2"]


def test_the_healer_can_run_it_for_another_component(system: System, service: Upstream) -> None:
    """By an action of one's own on the same held client."""
    client = system.client(lambda: small(httpx2, "Client", service.address))
    action = system.healer.action(SwapClient("checkout", client, cool_down=5))
    client.get("/prices")

    assert action.applies(httpx2.PoolTimeout(""))
    assert not action.applies(httpx2.ReadTimeout(""))
    assert action.run().outcome is Outcome.CHANGED
    client.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda system: system.client(httpx2.Client), None),
        (lambda system: system.client(7), "client: factory=7: give a function"),
        (
            lambda system: system.client(httpx2.Client, connect_errors=0),
            "client: connect_errors=0: give a whole number of at least 1",
        ),
        (lambda system: system.client(httpx2.Client, grace=-1), "client: grace=-1"),
        (lambda system: system.client(httpx2.Client, component=""), "component=''"),
        (lambda system: system.client(httpx2.Client, cool_down="x"), "cool_down='x'"),
    ],
)
def test_wrong_arguments_are_refused(
    system: System, make: Callable[[System], Any], said: str | None
) -> None:
    """By name, with what is allowed; a class is a factory."""
    if said is None:
        make(system)
        return
    with pytest.raises(ConfigurationError, match=said):
        make(system)
    with pytest.raises(UnknownSettingError, match="cool_down"):
        system.client(httpx2.Client, cooldown=1)  # type: ignore[call-arg]
