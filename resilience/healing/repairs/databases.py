"""Database connections that died, or leaked, while the database itself is well."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, Unpack

from resilience.errors import ConfigurationError
from resilience.healing.actions import Action, ActionOptions
from resilience.healing.named import Named, over

DJANGO_LOST = Named(django="OperationalError InterfaceError")
POOL_EXHAUSTED = Named(sqlalchemy="TimeoutError")


class CloseDjangoConnections(Action):
    """Closes Django's connections that no longer work; the next query opens new ones.

    Django does that itself between two requests, and nowhere else: in a management command, a
    task or a thread of one's own a connection that the server has cut off fails for ever. It
    runs in the thread of the call that failed, as connections belong to their thread; what is
    inside `atomic()` is left alone. Under a running event loop it goes where `sync_to_async`
    runs queries.

    Args:
        component: what it recovers.
        databases: aliases to look at; default: all that this thread has used.
        options: those of `Action`. As every thread has connections of its own there is no
            cool-down, and room for 600 runs in 60 s: each costs a round trip at most.
    """

    def __init__(
        self,
        component: str,
        *,
        databases: Iterable[str] | None = None,
        **options: Unpack[ActionOptions],
    ) -> None:
        self._databases = None if databases is None else frozenset(databases)
        defaults = over(
            options, on=DJANGO_LOST, in_caller=True, cool_down=0.0, limit=600, period=60.0
        )
        super().__init__(component, **defaults)

    def act(self) -> Any:
        """Close what does not work; an awaitable under a running loop."""
        if _loop_runs():
            from asgiref.sync import sync_to_async  # Django brings it

            return sync_to_async(self._close, thread_sensitive=True)()
        return self._close()

    def measure(self) -> int | None:
        """Count this thread's open connections that are not inside a transaction."""
        return None if _loop_runs() else len(self._open())

    def changed(self, before: Any, after: Any) -> bool | None:
        """Tell whether one was closed; one that works is kept, which is no failure of the action.

        Many an `OperationalError` is a statement's own trouble, such as a lock that came too late.
        """
        return True if before is not None and after < before else None

    def applies(self, error: BaseException | None) -> bool:
        """Tell whether there is a connection that could be at fault."""
        return super().applies(error) and self.measure() != 0

    def _close(self) -> None:
        for connection in self._open():
            connection.close_if_unusable_or_obsolete()

    def _open(self) -> list[Any]:
        django = sys.modules.get("django.db")
        if django is None:
            return []
        return [
            each
            for each in django.connections.all(initialized_only=True)
            if (self._databases is None or each.alias in self._databases)
            and each.connection is not None
            and not each.in_atomic_block
        ]


class DisposeEngine(Action):
    """Gives a SQLAlchemy engine a new pool, when the old one's connections have leaked.

    Connections in use stay in use, and are closed when they are given back; those that never
    are count no longer. Connections that the server cut off need no action: the pool replaces
    them itself, and `create_engine(..., pool_pre_ping=True)` spares the one error before that.

    Args:
        component: what it recovers.
        engine: the `Engine` or `AsyncEngine`.
        options: those of `Action`. At most once in 30 s: each run lets the server see up to a
            whole pool of connections more, until the leaked ones end.

    Raises:
        ConfigurationError: it is no engine.
    """

    def __init__(self, component: str, engine: Any, **options: Unpack[ActionOptions]) -> None:
        if not (hasattr(engine, "pool") and hasattr(engine, "dispose")):
            raise ConfigurationError(
                f"DisposeEngine({component!r}): {engine!r} has no pool: "
                "give an Engine or AsyncEngine of SQLAlchemy"
            )
        self._engine = engine
        super().__init__(component, **over(options, on=POOL_EXHAUSTED, cool_down=30.0))

    def act(self) -> None:
        """Replace the pool."""
        from sqlalchemy import event

        sync = getattr(self._engine, "sync_engine", None)
        # Else what is given back late would stay open in a pool that nobody uses.
        event.listen(self._engine.pool, "checkin", _close_given_back)
        if sync is None:
            self._engine.dispose()
        else:
            # An exhausted pool has no idle connection, which could only be closed on its loop.
            sync.dispose(close=False)

    def measure(self) -> int | None:
        """Count the connections that the pool has given out; None for pools that keep none."""
        checked_out = getattr(self._engine.pool, "checkedout", None)
        return None if checked_out is None else int(checked_out())


def _close_given_back(_: Any, record: Any) -> None:
    record.invalidate()


def _loop_runs() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
