"""Passages through an ASGI app, and answers to its server (ASGI 3.0, HTTP)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from traceback import walk_tb
from typing import Any

from resilience.core.classify import is_client_error, is_interruption
from resilience.core.request import present
from resilience.errors import OverloadedError
from resilience.web.answers import Answer
from resilience.web.passage import READ, Passage, Site
from resilience.web.problems import ANSWERED, answer_to

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ADDED = "resilience.added"
"""Where the scope of a request that crashed has the headers that its answer is to have besides."""

_READ = {name.encode("latin-1"): name for name in READ}


def raising(scope: Scope, error: Exception) -> App:
    """Return an app that raises `error`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app


class AsgiPassage(Passage):
    """The passage of an ASGI app's request; an integration adds how the route is found."""

    source: Scope

    @property
    def path(self) -> str:
        """The request's path below the app's root."""
        return path_below_root(self.source)

    @property
    def method(self) -> str:
        """The request's method, in upper case."""
        method: str = self.source["method"]
        return method

    @property
    def all_headers(self) -> Mapping[str, str]:
        """All headers of the request, `{name in lower case: value}`."""
        headers = self.source["headers"]
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}

    def read_headers(self) -> Mapping[str, str]:
        """Return those of the request's headers that a passage reads."""
        headers = self.source["headers"]
        return {_READ[name]: value.decode("latin-1") for name, value in headers if name in _READ}

    def find_socket(self) -> Any:
        """Return the client's socket, where the server lets it be seen.

        ASGI has no word for it; uvicorn's `receive` is a method of what has it. Without it nobody
        knows how long a request has waited for the loop.
        """
        transport = getattr(getattr(self.connection, "__self__", None), "transport", None)
        extra = getattr(transport, "get_extra_info", None)
        return None if extra is None else extra("socket")


class Edge:
    """An ASGI layer: each request's passage begins and ends here.

    The passage ends with the last part of the body: what an app does after that, such as its
    background tasks, nobody waits for. A client that goes away is no failure. Calls that were not
    made, or took too long, are answered, and requests turned away when not all can be served.

    Args:
        app: the app it is around; whoever in it answers such errors itself wins.
        site: the same, as passages know it.
        passage: makes the passage of a request, out of the site, the scope and `receive`.
        view_of: tells the view that is to serve a request, before the app has looked; None: none.
        refusing: returns what answers a request that was turned away with an error, in the app's
            own way; what it raises is answered here.
        probe: answers probes before the app is asked; None: the app does.
    """

    def __init__(  # noqa: PLR0917 - the app, and how it is looked at
        self,
        app: App,
        site: Site,
        passage: Callable[[Site, Scope, Receive], Passage] = AsgiPassage,
        view_of: Callable[[Scope], Any] = lambda scope: None,
        refusing: Callable[[Scope, Exception], App] = raising,
        probe: Callable[[Scope], Awaitable[Answer | None]] | None = None,
    ) -> None:
        self.app = app
        self._site = site
        self._passage = passage
        self._view_of = view_of
        self._refusing = refusing
        self._probe = probe

    async def __call__(  # noqa: C901 - every request goes through it: a call less is quicker
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve a connection."""
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        if self._probe is not None and (probe := await self._probe(scope)) is not None:
            await respond(probe, send)
            return
        site, app, ended = self._site, self.app, False
        passage = self._passage(site, scope, receive)
        if not passage.at_ease:
            app = self._admitting(passage, scope)

        # A function rather than a coroutine, as one frame less is quicker.
        def sending(message: Message) -> Awaitable[None]:
            nonlocal ended
            kind = message["type"]
            if kind == "http.response.start":
                passage.status = message["status"]
                if passage.marks or passage.site.system.leaving:
                    message = _marked(passage, message)
            elif kind == "http.response.body" and not message.get("more_body"):
                ended = True
                passage.finish(passage.status, False)
            return send(message)

        entry = present.set(passage)
        passage.outer = entry.old_value
        try:
            await app(scope, receive, sending)
        except BaseException as error:
            if not await _answered(error, passage, sending):
                passage.finish(passage.status, _is_failure(error, passage.status, send))
                scope[ADDED] = _marked(passage, {}).get("headers", ())
                raise
        finally:
            if not ended:  # also where our own answer could not be sent
                passage.finish(passage.status, False)
            try:  # noqa: SIM105 - costs nothing, and `suppress` does
                present.reset(entry)
            except ValueError:  # a dropped coroutine is closed in another context
                pass

    async def _others(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what is no HTTP request, and of which nothing is known."""
        if scope["type"] != "lifespan":
            self._site.ensure()
        await self.app(scope, receive, send)

    def _admitting(self, passage: Passage, scope: Scope) -> App:
        try:
            passage.admit(partial(self._view_of, scope))
        except OverloadedError as error:
            return self._refusing(scope, error)
        return self.app


async def _answered(error: BaseException, passage: Passage, send: Send) -> bool:
    """Answer a call that was not made or took too long; tell whether it was one."""
    if not isinstance(error, (*ANSWERED, ExceptionGroup)):
        return False
    found = _to_answer(error)
    if found is None or passage.status is not None:  # or its answer has begun
        return False
    scope = passage.source
    await respond(answer_to(found, header_of(scope, b"accept"), whole_path(scope)), send)
    return True


class Refusal:
    """An app that does not start: the server hears why.

    A framework makes its layers when the server first calls it; an error raised there some servers
    take for an app without a lifespan, and say nothing.

    Args:
        error: what is wrong.
    """

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a connection."""
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(self._error)})
        raise self._error.with_traceback(None)


async def respond(answer: Answer, send: Send) -> None:
    """Send a whole answer; to HEAD the server sends it without the body."""
    headers = {"Content-Type": answer.content_type, **answer.headers}
    headers["Content-Length"] = str(len(answer.body))
    encoded = [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": answer.body})


def header_of(scope: Scope, name: bytes) -> str:
    """Return a request header's value, its lines joined by commas; "" where there is none."""
    values = [value.decode("latin-1") for each, value in scope["headers"] if each == name]
    return ", ".join(values)


def path_below_root(scope: Scope) -> str:
    """Return the request's path below what the server or a mount calls the app's root."""
    return _below(scope.get("root_path", ""), scope["path"])


def whole_path(scope: Scope) -> str:
    """Return the request's path from the host on; servers differ in whether it has the root."""
    path: str = scope["path"]
    root: str = scope.get("app_root_path", scope.get("root_path", ""))  # below a mount: Starlette
    return root + path if _below(root, path) == path else path


def _below(root: str, path: str) -> str:
    below = path.removeprefix(root)
    return below if below[:1] in ("", "/") else path


def _to_answer(error: Exception) -> Any:
    """Return the error that is answered: of a task group's the first, if it has no others."""
    if isinstance(error, ExceptionGroup) and error.split(ANSWERED)[1] is not None:
        return None
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _marked(passage: Passage, message: Message) -> Message:
    """Return an answer's first message with our headers added."""
    if value := passage.degraded_header():
        message = _with_header(message, b"x-degraded", value)
    if passage.site.system.leaving and passage.source.get("http_version", "").startswith("1"):
        message = _with_header(message, b"connection", "close")
    return message


def _with_header(message: Message, name: bytes, value: str) -> Message:
    return {**message, "headers": [*message.get("headers", ()), (name, value.encode("ascii"))]}


def _is_failure(error: BaseException, status: int | None, send: Send) -> bool:
    if is_interruption(error) or _is_lost(error, send):
        return False
    if not is_client_error(error):
        return True
    # Starlette calls every OSError of a streamed body a client that went away.
    cause = error.__context__
    return status is not None and isinstance(cause, OSError) and not _is_lost(cause, send)


def _is_lost(error: BaseException, send: Send) -> bool:
    """Tell whether an error says that the connection is gone: the server's `send` raised it."""
    if isinstance(error, BaseExceptionGroup):
        return any(_is_lost(each, send) for each in error.exceptions)
    if not isinstance(error, OSError):
        return False
    code = getattr(getattr(send, "__func__", send), "__code__", None)
    if code is None:  # not written in Python: it leaves no trace, and apps have few such errors
        return True
    return any(frame.f_code is code for frame, _ in walk_tb(error.__traceback__))
