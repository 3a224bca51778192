"""A passage through an ASGI app, and answers to its server (ASGI 3.0, HTTP)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from resilience.core.classify import is_client_error, is_interruption
from resilience.errors import OverloadedError
from resilience.settings import WebSettings
from resilience.systems import System
from resilience.web.answers import Answer
from resilience.web.passage import READ, Passage
from resilience.web.problems import ANSWERED, answer_to

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PASSAGE = "resilience.passage"
"""Where the scope has the request's passage."""

_READ = {name.encode("latin-1"): name for name in READ}
_NO_HEADERS: dict[str, str] = {}


def passage_of(
    scope: Scope,
    system: System,
    web: WebSettings,
    receive: Receive | None = None,
    route_of: Callable[[Scope], str] | None = None,
) -> Passage:
    """Return the passage of a new request, and put it into its scope.

    Args:
        scope: the request.
        system: whose guards the app uses.
        web: the app's own web settings.
        receive: the server's; uvicorn's is a method of what has the connection.
        route_of: tells the template of the route, or "", once the app has found it; None: nobody.
    """
    headers = _NO_HEADERS
    for name, value in scope["headers"]:
        if name in _READ:
            headers = {**headers, _READ[name]: value.decode("latin-1")}
    path: str = path_below_root(scope) if scope.get("root_path") else scope["path"]
    passage = Passage(system, web, headers, path, scope["method"], receive, _socket_of)
    if system.runtime.watchers:
        passage.find_headers = partial(_all_headers, scope)
        passage.find_route = None if route_of is None else partial(route_of, scope)
    scope[PASSAGE] = passage
    return passage


def _all_headers(scope: Scope) -> dict[str, str]:
    """Return all of the request's headers, names in lower case."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _socket_of(receive: Receive | None) -> Any:
    """Return the client's socket, where the server lets it be seen; else None.

    ASGI has no word for it. Without it nobody knows how long a request has waited for the loop.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    extra = getattr(transport, "get_extra_info", None)
    return None if extra is None else extra("socket")


async def passing(  # noqa: PLR0917 - the app's own call, with what it goes through
    passage: Passage,
    app: App,
    scope: Scope,
    receive: Receive,
    send: Send,
    route_of: Callable[[Scope], str],
) -> None:
    """Run the app inside the passage, with `X-Degraded` where something was stood in for.

    The passage ends when the last part of the body is sent: what an app does after that, such as
    its background tasks, nobody waits for. A client that goes away is no failure.

    Args:
        passage: the request's.
        app: an ASGI app.
        scope: the request.
        receive: the server's.
        send: the server's.
        route_of: tells the template of the route, or "", once the app has found it.
    """
    gone = ended = False

    async def sending(message: Message) -> None:
        nonlocal gone, ended
        kind = message["type"]
        if kind == "http.response.start":
            passage.status = message["status"]
            if passage.marks or passage.system.leaving:
                message = _marked(passage, scope, message)
        try:
            await send(message)
        except OSError:
            gone = True
            raise
        if kind == "http.response.body" and not message.get("more_body"):
            ended = True
            passage.finish(passage.status, False, route_of(scope))

    entry = passage.enter()
    try:
        await app(scope, receive, sending)
    except BaseException as error:
        failed = not gone and _is_failure(error, passage.status)
        passage.finish(passage.status, failed, route_of(scope))
        raise
    finally:
        passage.leave(entry)
    if not ended:
        passage.finish(passage.status, False)


def raising(scope: Scope, error: Exception) -> App:
    """Return an app that raises `error`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app


class Answers:
    """An ASGI app that answers calls which were not made, or took too long, in another app.

    It turns requests away before they come to the app, when not all can be served.

    Args:
        app: that app; whoever in it answers such errors itself wins.
        view_of: tells the view that is to serve a request, before the app has looked; None: none.
        refusing: returns what answers a request that was turned away with an error, in the app's
            own way; what it raises is answered here.
    """

    def __init__(
        self,
        app: App,
        view_of: Callable[[Scope], Any] = lambda scope: None,
        refusing: Callable[[Scope, Exception], App] = raising,
    ) -> None:
        self.app = app
        self._view_of = view_of
        self._refusing = refusing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection inside a passage; what is no HTTP request is left alone."""
        passage: Passage | None = scope.get(PASSAGE)
        app = self.app
        try:
            if passage is not None and passage.pressed():
                app = self._admitting(passage, scope)
            await app(scope, receive, send)
        except (*ANSWERED, ExceptionGroup) as raised:
            error = _to_answer(raised)
            # Without a passage it is no request; with a status its answer has begun.
            if error is None or passage is None or passage.status is not None:
                raise
            accept = header_of(scope, b"accept")
            await respond(answer_to(error, accept, whole_path(scope)), send)

    def _admitting(self, passage: Passage, scope: Scope) -> App:
        try:
            passage.admit(self._view_of(scope))
        except OverloadedError as error:
            return self._refusing(scope, error)
        return self.app


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


def _marked(passage: Passage, scope: Scope, message: Message) -> Message:
    """Return an answer's first message with our headers added."""
    if value := passage.degraded_header():
        message = _with_header(message, b"x-degraded", value)
    if passage.system.leaving and scope.get("http_version", "").startswith("1"):
        message = _with_header(message, b"connection", "close")
    return message


def _with_header(message: Message, name: bytes, value: str) -> Message:
    return {**message, "headers": [*message.get("headers", ()), (name, value.encode("ascii"))]}


def _is_failure(error: BaseException, status: int | None) -> bool:
    if is_interruption(error):
        return False
    if not is_client_error(error):
        return True
    # Starlette calls every OSError of a streamed body a client that went away.
    return status is not None and isinstance(error.__context__, OSError)
