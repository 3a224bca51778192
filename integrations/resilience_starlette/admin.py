"""The dashboard and its API in Starlette and FastAPI."""

from __future__ import annotations

from asyncio import FIRST_COMPLETED, create_task, to_thread, wait
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from resilience.web import endpoints
from resilience.web.actors import awaited_actor_of
from resilience.web.admin import api
from resilience.web.admin.stream import HEADERS, boards, stream
from resilience.web.asgi import Receive, Scope, Send, header_of, path_below_root, respond
from resilience_starlette.state import State


def admin_routes(state: State) -> list[BaseRoute]:
    """Return the routes of the dashboard; none where nobody is authorized."""
    if state.authorize is None:
        return []
    state.system.recent  # noqa: B018 - from now on it is kept
    paths = (api.ROOT, api.HOME, f"{api.HOME}{{rest:path}}")
    return [
        Route(path, Admin(state, path), name="resilience:admin", include_in_schema=False)
        for path in paths
    ]


class Admin:
    """The dashboard; an ASGI app rather than a function, so that it answers every method itself."""

    def __init__(self, state: State, path: str) -> None:
        self._state = state
        self._is_home = path in (api.ROOT, api.HOME)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or stream events for as long as somebody listens."""
        endpoints.leave_out()  # a stream of events is under way for hours
        asked = Request(scope, receive)
        actor = await awaited_actor_of(self._state.authorize, asked)
        read = await _read(scope, asked, actor)
        if actor is not None and (read.method, read.path) == ("GET", api.STREAM):
            await _stream(self._state, read, receive, send)
            return
        if actor is not None and api.waits(read.path):
            found = await to_thread(api.answer, self._state.system, read, actor)
        else:
            found = api.answer(self._state.system, read, actor)
        await respond(found, send)


async def _read(scope: Scope, asked: Request, actor: object | None) -> api.Request:
    headers = {name: header_of(scope, name.encode()) for name in api.HEADERS}
    body = b""
    if actor is not None:
        async for part in asked.stream():
            body += part
            if len(body) > api.LARGEST:
                break
    return api.Request(
        method=scope["method"],
        path=_path(scope),
        query=scope["query_string"].decode("latin-1"),
        headers={name: value for name, value in headers.items() if value},
        body=body,
        root=scope.get("root_path", ""),
        live=api.STREAMED,
    )


def _path(scope: Scope) -> str:
    """Return the path as the dashboard knows it, whatever mount it is below."""
    path = path_below_root(scope)
    return path[path.find(api.ROOT) :] if api.ROOT in path else path


async def _stream(state: State, read: api.Request, receive: Receive, send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    telling = create_task(_tell(_told(state, read), send))
    gone = create_task(_gone(receive))
    try:
        await wait((telling, gone), return_when=FIRST_COMPLETED)
    finally:
        telling.cancel()
        gone.cancel()


def _told(state: State, read: api.Request) -> AsyncGenerator[bytes]:
    if api.shows_board(read):
        return boards(state.system, may_operate=read.frame.may_operate)
    after = api.after_of(read) if read.headers.get("last-event-id") else None
    return stream(state.system, after)


async def _tell(parts: AsyncGenerator[bytes], send: Send) -> None:
    async with aclosing(parts):
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _gone(receive: Receive) -> None:
    message: Any = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()
