"""Workers over their memory limit, under real servers, with clients that keep their connections."""

import sys
from collections.abc import Iterator

import pytest

from tests.servers.apps import AppServer, Clients, eventually, runs, serving

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.timeout(120),
]

FLASK = "tests.healing.repairs.worn_out:flask_app"
STARLETTE = "tests.healing.repairs.worn_out:starlette_app"
SERVERS = {
    "gunicorn sync": ("gunicorn", FLASK, "--workers", "2"),
    "gunicorn gthread": ("gunicorn", FLASK, "--workers", "2", "--threads", "8"),
    "gunicorn asgi": ("gunicorn", STARLETTE, "--workers", "2", "-k", "asgi"),
    "uvicorn": ("uvicorn", STARLETTE, "--workers", "2"),
}


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[AppServer]:
    """Give a server of the kind that the test names."""
    with serving(*SERVERS[request.param]) as server:
        yield server


@pytest.mark.parametrize("served", SERVERS, indirect=True)
def test_a_worker_over_its_limit_is_replaced_and_no_request_fails(served: AppServer) -> None:
    """Eight clients on kept connections, who try nothing twice: no failure among thousands."""
    with Clients(served.port, "/pid", 8) as clients:
        assert eventually(lambda: clients.answered > 50)
        before = set(served.workers())

        leaked = clients.once("/leak")

        assert eventually(lambda: not runs(leaked))
        assert eventually(lambda: len(served.workers()) == 2)
        answered = clients.answered
        assert eventually(lambda: clients.answered > answered + 200)

    assert clients.failures == []
    (other,) = before - {leaked}
    assert runs(other)
    assert other in clients.pids


@pytest.mark.parametrize("served", ["uvicorn"], indirect=True)
def test_ended_without_a_farewell_requests_fail(served: AppServer) -> None:
    """So that the test above can: idle connections are closed while clients send on them."""
    with Clients(served.port, "/pid", 8) as clients:
        assert eventually(lambda: clients.answered > 50)
        victim = clients.once("/pid")

        served.end_worker(victim)

        assert eventually(lambda: not runs(victim))

    assert clients.failures != []


@pytest.mark.parametrize("kind", ["gunicorn gthread", "uvicorn"])
def test_one_after_the_other(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are over the limit from the start, each new one too: two go, and nobody notices."""
    monkeypatch.setenv("LEAK_AT_START", "1")
    with serving(*SERVERS[kind]) as server, Clients(server.port, "/pid", 8) as clients:
        seen: set[int] = set()

        def ended() -> int:
            seen.update(server.workers())
            return sum(not runs(each) for each in seen)

        assert eventually(lambda: ended() >= 2)

    assert clients.failures == []


@pytest.mark.parametrize(
    "options",
    [("gunicorn", FLASK, "--workers", "1", "--threads", "4"), ("uvicorn", STARLETTE)],
    ids=["gunicorn", "uvicorn"],
)
def test_the_only_worker_goes_on(options: tuple[str, ...]) -> None:
    """Nobody would serve meanwhile; or nobody would start another."""
    with serving(*options) as server, Clients(server.port, "/pid", 4) as clients:
        leaked = clients.once("/leak")
        answered = clients.answered

        assert eventually(lambda: clients.answered > answered + 500)

        assert runs(leaked)
        assert set(clients.pids) == {leaked}
        assert clients.failures == []


def test_without_the_flag_nothing_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much it leaks."""
    monkeypatch.setenv("RECYCLE", "0")
    with (
        serving(*SERVERS["gunicorn gthread"]) as server,
        Clients(server.port, "/pid", 4) as clients,
    ):
        leaked = clients.once("/leak")
        answered = clients.answered

        assert eventually(lambda: clients.answered > answered + 1000)

        assert runs(leaked)
        assert len(server.workers()) == 2
