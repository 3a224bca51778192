"""A client that can be replaced while the code that uses it runs on."""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import Any

from resilience.core.checks import duration, function, whole
from resilience.core.loops import beside
from resilience.core.runtime import Runtime
from resilience.healing.actions import Action
from resilience.healing.named import Named

EXHAUSTED = Named(httpx="PoolTimeout", httpx2="PoolTimeout")
UNCONNECTED = Named(
    httpx="ConnectError ConnectTimeout",
    httpx2="ConnectError ConnectTimeout",
    requests="ConnectTimeout",
)
"""Failures to connect, before anything was sent."""

UNREACHABLE = Named(
    httpx="ConnectError ConnectTimeout",
    httpx2="ConnectError ConnectTimeout",
    requests="ConnectionError ConnectTimeout",  # the former also means one that broke off
)

GRACE = 60.0
"""Seconds until a replaced client is closed, where it tells no read timeout of its own."""


class ClientHolder:
    """Makes a client when it is first used, and another when that one is worn out.

    A process makes its own: a client that came with a fork is not used. The old one goes on with
    what it has begun, and is closed after its read timeout. A request that had not left by then
    is sent by the new one.

    Args:
        factory: makes a client, set up as it is to be.
        runtime: the clock, and the background engine that closes old clients.
        connect_errors: so many in a row, >= 1, ask for a new client.
        grace: seconds, >= 0, until an old client is closed; None: its read timeout.

    Raises:
        ConfigurationError: one of them is refused.
    """

    def __init__(
        self,
        factory: Callable[[], Any],
        runtime: Runtime,
        connect_errors: int = 3,
        grace: Any = None,
    ) -> None:
        self._factory = function("client: factory", factory)
        self._runtime = runtime
        self._connect_errors = whole("client: connect_errors", connect_errors)
        self._grace = None if grace is None else duration("client: grace", grace)
        self.action: Action | None = None  # what replaces the client; set by who makes both
        self._begin()
        _holders.add(self)

    def _begin(self) -> None:
        self._lock, self._replacing = threading.Lock(), threading.Lock()
        self._client: Any = None
        self._failures = 0  # connect errors in a row
        self._retired: list[Any] = []
        self._loop: Any = None  # where an async client is used
        self.made = 0
        self.has_worked = False

    @property
    def client(self) -> Any:
        """The present client."""
        client = self._client
        return self._first() if client is None else client

    def _first(self) -> Any:
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    def swap(self) -> None:
        """Use a new client from now on; close the old one when its calls should be over."""
        new = self._make()
        with self._lock:
            old, self._client = self._client, new
            self._failures = 0
            self.has_worked = False
            if old is not None:
                self._retired.append(old)
        if old is not None:
            self._close_later(old)

    def _make(self) -> Any:
        client = self._factory()
        send = getattr(client, "send", None)
        if send is not None:
            watch = self._watched_async if iscoroutinefunction(send) else self._watched
            client.send = watch(client, send)
        self.made += 1
        return client

    # -- watching calls -----------------------------------------------------------------------

    def _watched(self, client: Any, send: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(send)
        def watched(*args: Any, **kwargs: Any) -> Any:
            try:
                answer = send(*args, **kwargs)
            except Exception as error:
                if self._is_worn_out(client, error):
                    self._replace(client, error)
                if self._may_go_again(client, error):
                    return self.client.send(*args, **kwargs)
                raise
            self._worked(client)
            return answer

        return watched

    def _watched_async(self, client: Any, send: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(send)
        async def watched(*args: Any, **kwargs: Any) -> Any:
            self._loop = _running_loop()
            try:
                answer = await send(*args, **kwargs)
            except Exception as error:
                if self._is_worn_out(client, error):
                    # Making one reads certificates, which takes tens of milliseconds.
                    await beside(partial(self._replace, client, error))
                if self._may_go_again(client, error):
                    return await self.client.send(*args, **kwargs)
                raise
            self._worked(client)
            return answer

        return watched

    def _worked(self, client: Any) -> None:
        if client is self._client:
            self._failures = 0
            self.has_worked = True

    def _is_worn_out(self, client: Any, error: Exception) -> bool:
        """Count a failure, and tell whether it asks for another client."""
        if client is not self._client:
            return False
        if EXHAUSTED(error):
            return True
        self._failures = self._failures + 1 if UNREACHABLE(error) else 0
        return self._failures >= self._connect_errors

    def _may_go_again(self, client: Any, error: Exception) -> bool:
        """Tell whether a request has not left, and there is another client by now to send it."""
        return client is not self._client and (EXHAUSTED(error) or UNCONNECTED(error))

    def _replace(self, client: Any, error: Exception) -> None:
        """Replace a client that is worn out; whoever else meets it waits until that is done."""
        action = self.action
        with self._replacing:
            if client is self._client and action is not None and action.applies(error):
                action.run()

    # -- closing ------------------------------------------------------------------------------

    def _close_later(self, old: Any) -> None:
        wait = _read_timeout(old) if self._grace is None else self._grace
        loop = self._loop

        def close() -> None:
            duty.cancel()
            with self._lock:
                if old not in self._retired:
                    return  # closed with the holder
                self._retired.remove(old)
            _close(old, loop)

        engine = self._runtime.engine
        duty = engine.every(
            max(wait, 0.001), close, name="closing an old client", blocking=True, first=wait
        )
        engine.ensure()

    def close(self) -> None:
        """Close the present client and those that wait for it."""
        for each in self._all():
            each.close()

    async def aclose(self) -> None:
        """Close the present client and those that wait for it; for async ones."""
        for each in self._all():
            await each.aclose()

    def _all(self) -> list[Any]:
        with self._lock:
            retired, self._retired = self._retired, []
        return retired if self._client is None else [*retired, self._client]

    def after_fork(self) -> None:
        """Begin anew in a forked child: sockets are the parent's."""
        self._inherited = self._client  # kept, as closing it could speak on the parent's sockets
        self._begin()


class Client:
    """What users hold: it is the present client in everything but its identity.

    Attributes are read from the present client each time, so keep this and not what it returns.
    """

    __slots__ = ("__weakref__", "_holder")

    # Libraries that are handed a client check its class.
    __class__: Any = property(lambda self: type(self._holder.client))

    def __init__(self, holder: ClientHolder) -> None:
        object.__setattr__(self, "_holder", holder)

    def __getattr__(self, name: str) -> Any:
        if name in ("close", "aclose"):
            getattr(self._holder.client, name)  # an async client has no close
            return getattr(self._holder, name)
        return getattr(self._holder.client, name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"{name} cannot be set on a held client, which may be replaced at any time: "
            "set it in the factory given to resilience.client"
        )

    def __dir__(self) -> list[str]:
        return dir(self._holder.client)

    def __repr__(self) -> str:
        return f"<held {self._holder.client!r}>"

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.close()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._holder.aclose()


def holder_of(client: Any) -> ClientHolder:
    """Return what holds a client that `resilience.client` has given.

    Raises:
        TypeError: it is no such client.
    """
    if type(client) is not Client:
        raise TypeError(f"{client!r} is no held client: give what resilience.client returned")
    holder: ClientHolder = client._holder
    return holder


def _running_loop() -> Any:
    """Return the loop that runs here; None under trio, which closes no client for others."""
    asyncio = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()


def _read_timeout(client: Any) -> float:
    read = getattr(getattr(client, "timeout", None), "read", None)  # of httpx
    return float(read) if isinstance(read, int | float) else GRACE


def _close(client: Any, loop: Any) -> None:
    """Close a client; an async one on the loop that it was used on, if that still runs."""
    close = getattr(client, "aclose", None)
    if close is None:
        client.close()
    elif loop is not None and loop.is_running():
        import asyncio

        asyncio.run_coroutine_threadsafe(close(), loop)


_holders: weakref.WeakSet[ClientHolder] = weakref.WeakSet()


def _after_fork() -> None:
    for holder in list(_holders):
        holder.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
