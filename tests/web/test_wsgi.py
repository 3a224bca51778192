"""A passage around a WSGI app, as a server drives it: part by part, and in any context."""

import contextvars
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import FileWrapper

import pytest

from resilience import System, remaining
from resilience.core import degraded
from resilience.testing import ManualClock
from resilience.web.passage import Outcome
from resilience.web.wsgi import passing
from tests.web.passages import PlainPassage

Answer = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


def answering(body: Iterable[bytes], status: str = "200 OK") -> Answer:
    """Return an app that always gives this answer."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start(status, [])
        return body

    return app


class Request:
    """One request to an app, and what the server saw of the answer."""

    def __init__(self, system: System, app: Answer, **environ: Any) -> None:
        self.passage = PlainPassage(system, deadline=10)
        self.started: list[tuple[str, list[tuple[str, str]]]] = []
        self.body: Any = passing(self.passage, app, environ, self._start)
        self.parts = iter(self.body)

    def _start(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        self.started.append((status, headers))


def test_every_part_is_made_inside_the_passage(system: System, clock: ManualClock) -> None:
    """Also where the server asks for each in another context; and nothing is left there."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        start("200 OK", [])
        for _ in range(3):
            clock.advance(1)
            yield str(remaining()).encode()

    request = Request(system, app)
    contexts = [contextvars.Context() for _ in range(3)]
    parts = [context.run(next, request.parts) for context in contexts]

    assert parts == [b"9.0", b"8.0", b"7.0"]
    assert [context.run(remaining) for context in contexts] == [None] * 3
    assert request.passage.outcome is None
    with pytest.raises(StopIteration):
        next(request.parts)
    assert request.passage.outcome == Outcome(200, False, 3.0)


def test_closing_is_inside_the_passage_too(system: System) -> None:
    """What an app does last has the request's time, and the body's own `close` is called."""
    seen: list[float | None] = []

    class Parts(list[bytes]):
        def close(self) -> None:
            seen.append(remaining())

    request = Request(system, answering(Parts([b"a"])))
    request.body.close()

    assert seen == [10.0]
    assert request.passage.outcome == Outcome(200, False, 0.0)


def test_what_was_degraded_before_the_start_is_named(system: System) -> None:
    """In a header of its own, beside the app's."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> list[bytes]:
        degraded.mark("prices", "stale")
        start("200 OK", [("X-App", "1")])
        return [b""]

    assert Request(system, app).started == [
        ("200 OK", [("X-App", "1"), ("X-Degraded", "prices=stale")])
    ]


def test_an_app_that_raises_has_failed(system: System) -> None:
    """Before it began an answer."""
    passage = PlainPassage(system)

    with pytest.raises(ZeroDivisionError):
        passing(passage, lambda environ, start: [b"" * (1 // 0)], {}, lambda *_: print)

    assert passage.outcome == Outcome(None, True, 0.0)


def test_a_body_that_breaks_off_has_failed(system: System) -> None:
    """With the status that was sent; closing it afterwards changes nothing."""

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterator[bytes]:
        start("200 OK", [])
        yield b"part"
        raise ConnectionError

    request = Request(system, app)
    assert next(request.parts) == b"part"
    with pytest.raises(ConnectionError):
        next(request.parts)
    request.body.close()

    assert request.passage.outcome == Outcome(200, True, 0.0)


def test_a_body_that_cannot_be_closed_has_failed(system: System) -> None:
    """And its error reaches the server, whose log it belongs in."""

    class Parts(list[bytes]):
        def close(self) -> None:
            raise OSError("the disk is gone")

    request = Request(system, answering(Parts(), "204 No Content"))
    with pytest.raises(OSError, match="the disk is gone"):
        request.body.close()

    assert request.passage.outcome == Outcome(204, True, 0.0)


def test_a_file_is_left_to_the_server(system: System, tmp_path: Any) -> None:
    """Which knows it by its type, and may send it without reading it."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    file = FileWrapper(path.open("rb"))

    request = Request(system, answering(file), **{"wsgi.file_wrapper": FileWrapper})

    assert request.body is file
    assert request.passage.outcome == Outcome(200, False, 0.0)
    request.body.close()
