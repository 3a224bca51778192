"""A passage through a WSGI app, whose body the server asks for part by part (PEP 3333)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextvars import Context
from typing import TYPE_CHECKING, Any

from resilience.web.passage import Passage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


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
        value = passage.begin_answer(int(status[:3]))
        if value:
            headers = [*headers, ("X-Degraded", value)]
        if passage.system.leaving:
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

    __slots__ = ("_body", "_parts", "_passage", "_run")

    def __init__(self, passage: Passage, context: Context, body: Iterable[bytes]) -> None:
        self._passage = passage
        self._run = context.run
        self._body = body
        self._parts: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            if self._parts is None:
                self._parts = self._run(iter, self._body)
            return self._run(next, self._parts)
        except StopIteration:
            self._passage.finish(self._passage.status, failed=False)
            raise
        except BaseException:
            self._passage.finish(self._passage.status, failed=True)
            raise

    def close(self) -> None:
        """Close the app's body; the server does so whether it was read to its end or not."""
        close = getattr(self._body, "close", None)
        try:
            if close is not None:
                self._run(close)
        except BaseException:
            self._passage.finish(self._passage.status, failed=True)
            raise
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


def all_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return all headers of a request, names in lower case."""
    return {
        key[5:].replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
