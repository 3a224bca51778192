"""A passage through a WSGI app, whose body the server asks for part by part (PEP 3333)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any

from resilience.web.passage import READ, Passage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class WsgiPassage(Passage):
    """The passage of a request that has a WSGI environment, or Django's `META`.

    An integration adds how the route is found, and where the path is.
    """

    @property
    def environ(self) -> WSGIEnvironment:
        """The request's environment."""
        environ: WSGIEnvironment = self.source
        return environ

    @property
    def path(self) -> str:
        """The request's path below the app's root."""
        path: str = self.environ.get("PATH_INFO", "")
        return path

    @property
    def method(self) -> str:
        """The request's method, in upper case."""
        method: str = self.environ["REQUEST_METHOD"]
        return method

    @property
    def all_headers(self) -> Mapping[str, str]:
        """All headers of the request, `{name in lower case: value}`."""
        return {
            key[5:].replace("_", "-").lower(): value
            for key, value in self.environ.items()
            if key.startswith("HTTP_")
        }

    def read_headers(self) -> Mapping[str, str]:
        """Return those of the request's headers that a passage reads."""
        environ = self.environ
        return {name: environ[key] for key, name in _READ.items() if key in environ}

    def find_socket(self) -> Any:
        """Return the client's socket, where the server lets it be seen."""
        return self.environ.get("gunicorn.socket") or self.environ.get("werkzeug.socket")


_READ = {f"HTTP_{name.upper().replace('-', '_')}": name for name in READ}


def passing(
    passage: Passage,
    app: WSGIApplication,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Return the app's answer, with `X-Degraded` where something was stood in for.

    The passage ends with the body; at once where the server itself sends a file.
    """

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        passage.status = int(status[:3])
        passage.keep_route()
        if passage.marks and (value := passage.degraded_header()):
            headers = [*headers, ("X-Degraded", value)]
        if passage.site.system.leaving:
            _close_afterwards(start_response)
        return start_response(status, headers, exc_info)

    context = passage.context()
    try:
        body = context.run(app, environ, start)
    except BaseException:
        passage.finish(passage.status, failed=True)
        raise
    file = environ.get("wsgi.file_wrapper")
    if isinstance(file, type) and isinstance(body, file):
        passage.finish(passage.status, failed=False)
        return body  # as it is: the server knows it by its type
    return _Body(passage, context, body)


class _Body:
    """A body each of whose parts is made inside the passage."""

    __slots__ = ("_body", "_ended", "_passage", "_run")

    def __init__(self, passage: Passage, context: Context, body: Iterable[bytes]) -> None:
        self._passage = passage
        self._run = context.run
        self._body = body
        self._ended = False

    def __iter__(self) -> Iterator[bytes]:
        run, passage = self._run, self._passage
        try:
            parts = run(iter, self._body)
            while (part := run(next, parts, None)) is not None:
                yield part
        except GeneratorExit:  # closing says how it ended
            raise
        except BaseException:
            passage.finish(passage.status, failed=True)
            raise
        self._ended = True
        passage.finish(passage.status, failed=False)

    def close(self) -> None:
        """Close the app's body; the server does so whether it was read to its end or not."""
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                self._run(close)
        except BaseException:
            self._passage.finish(self._passage.status, failed=True)
            raise
        if not self._ended:
            self._passage.finish(self._passage.status, failed=False)


def _close_afterwards(start_response: StartResponse) -> None:
    """Have the server close the connection after this answer, where it lets us.

    PEP 3333 leaves connections to the server, which drops a header about them; but gunicorn's
    `start_response` is a method of its response, which can be told.
    """
    response = getattr(start_response, "__self__", None)
    close = getattr(response, "force_close", None)
    if close is not None:
        close()
