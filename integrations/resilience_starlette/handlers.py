"""Error handlers: ours before any catch-all, the app's own before ours.

They are the app's innermost layer, so that its middleware (cross-origin headers, compression) does
to our answers what it does to all others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from resilience import ResilienceError
from resilience.core.kinds import Kind, kind_of
from resilience.web.asgi import ADDED, App, Scope, header_of, raising, whole_path
from resilience.web.problems import ANSWERED, answer_to


def register(handlers: dict[Any, Any]) -> None:
    """Answer `Rejected` and `DeadlineExceededError`, unless the app does so already.

    Args:
        handlers: the app's, `{exception type or status: handler}`; once all of them are there.
    """
    if ResilienceError not in handlers:
        for kind in ANSWERED:
            handlers.setdefault(kind, answer)


async def answer(connection: HTTPConnection, error: Any) -> Response:
    """Return the answer to a call that was not made or took too long."""
    if not isinstance(connection, Request):
        raise error  # what goes wrong in a websocket is the server's to see
    accept = header_of(connection.scope, b"accept")
    told = answer_to(error, accept, whole_path(connection.scope))
    headers = {**told.headers, "Content-Type": told.content_type}
    return Response(told.body, told.status, headers)


def marking(handler: Callable[..., Any]) -> Callable[..., Awaitable[Response]]:
    """Return what answers crashes as `handler` does, and says what was stood in for before.

    Our layer is inside of what answers them: what it would have put into the answer it has left in
    the scope.

    Args:
        handler: takes the request and the error, sync or async; the app's, or Starlette's own.
    """
    asked = handler if kind_of(handler) is Kind.ASYNC else partial(run_in_threadpool, handler)

    async def handle(request: Request, error: Exception) -> Response:
        response: Response = await asked(request, error)
        response.raw_headers.extend(request.scope.get(ADDED, ()))
        return response

    return handle


def refusing(scope: Scope, error: Exception) -> App:
    """Return what turns a request away as if its view had raised `error`.

    The app's error handlers and cross-origin headers have their say; nothing else of it runs.
    """
    refusal, app = raising(scope, error), scope.get("app")
    if app is None:
        return refusal
    handlers = dict(app.exception_handlers)
    register(handlers)
    refusal = ExceptionMiddleware(refusal, handlers)
    for layer in app.user_middleware:
        if layer.cls is CORSMiddleware:
            refusal = CORSMiddleware(refusal, *layer.args, **layer.kwargs)
    return refusal
