"""What belongs to one app, and where its settings come from."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync
from starlette.concurrency import run_in_threadpool
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request

from resilience import ConfigurationError, Settings, System
from resilience.core.kinds import Kind, kind_of
from resilience.settings import WebSettings
from resilience.web import endpoints, metrics
from resilience.web.actors import awaited_actor_of, checked
from resilience.web.answers import Answer
from resilience.web.asgi import Scope, header_of

Authorize = Callable[[Request], Any]
Given = Settings | Mapping[str, Any] | str | os.PathLike[str] | None
"""Settings as an app gives them: made, a dict of their shape, the path of a TOML file, or none."""


@dataclass(slots=True)
class State:
    """What an app was set up with.

    Args:
        system: whose circuits it reports.
        web: the app's own web settings.
        authorize: tells who may see details; None: nobody may.
    """

    system: System
    web: WebSettings
    authorize: Callable[[Request], Awaitable[Any]] | None

    async def answer(self, scope: Scope, path: str) -> Answer | None:
        """Return the answer to a request for an endpoint of ours; None: `path` is none."""
        actor = None
        if endpoints.asks_who(scope["method"], path) and await _is_host_trusted(scope):
            actor = await awaited_actor_of(self.authorize, Request(scope))
        headers = {"accept": header_of(scope, b"accept")}
        asked = partial(
            endpoints.answer, self.system, self.web, scope["method"], path, headers, lambda: actor
        )
        # Metrics of a thousand circuits take longer than the loop may be held up.
        if path == endpoints.METRICS:
            return await run_sync(asked, limiter=_own_threads())
        return asked()


def _own_threads() -> CapacityLimiter:
    """Return threads that no view can take: metrics are asked for when all of those are stuck."""
    try:
        return _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(2)  # a scraper asks once at a time
        _limiter.set(limiter)
        return limiter


_limiter = RunVar[CapacityLimiter]("resilience_metrics")  # each event loop has its own


async def _is_host_trusted(scope: Scope) -> bool:
    """Tell whether the app's own check lets a request through that may not have come to it."""
    passed = 0

    async def note(*_: Any) -> None:
        nonlocal passed
        passed += 1

    async def ignore(*_: Any) -> Any:
        pass

    layers = scope["app"].user_middleware if "app" in scope else ()
    checks = [each for each in layers if each.cls is TrustedHostMiddleware]
    for check in checks:
        await check.cls(note, *check.args, **check.kwargs)(scope, ignore, ignore)
    return passed == len(checks)


def state_of(system: System, authorize: Authorize | None, given: Given, name: str) -> State:
    """Put an app's settings in force, and return its state.

    Args:
        system: whose settings they become.
        authorize: takes the request, returns who may see details, or None; sync or async.
        given: the app's settings; those of the environment are put over them.
        name: the app's, for messages.

    Raises:
        ConfigurationError: a setting is refused, or `authorize` is no function of a request.
    """
    if authorize is not None:
        authorize = checked(authorize)
    settings = _settings(given, name)
    system.configure(settings, source=f"settings of {name}")
    web = system.web_of(settings)
    metrics.prepare(system, web)
    return State(system, web, None if authorize is None else _awaitable(authorize))


def _awaitable(authorize: Authorize) -> Callable[[Request], Awaitable[Any]]:
    if kind_of(authorize) is Kind.ASYNC:
        return authorize
    # In a thread: it may look somebody up in a database.
    return lambda request: run_in_threadpool(authorize, request)


def _settings(given: Given, name: str) -> Settings:
    try:
        if isinstance(given, Settings):
            return given
        if isinstance(given, str | os.PathLike):
            return Settings.load(given, environ=os.environ)
        return Settings.merged(given or {}, os.environ, origin=f"settings of {name}")
    except ConfigurationError as error:
        raise type(error)(f"{name}: {error}") from None
