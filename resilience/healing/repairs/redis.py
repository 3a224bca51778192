"""Redis connections that lead to a server which is no longer the primary."""

from __future__ import annotations

from typing import Any, Unpack

from resilience.errors import ConfigurationError
from resilience.healing.actions import Action, ActionOptions
from resilience.healing.named import Named, over

MOVED = Named(redis="ReadOnlyError ConnectionError MasterDownError")


class DisconnectRedis(Action):
    """Closes the idle connections of a redis-py pool; the next command opens a new one.

    After a failover the address leads to the new primary, and the pool still to the old one,
    which refuses every write. Connections in use are left to who uses them.

    Args:
        component: what it recovers.
        client: a `redis.Redis`, its `connection_pool`, or their asyncio twins.
        options: those of `Action`.

    Raises:
        ConfigurationError: it is none of these.
    """

    def __init__(self, component: str, client: Any, **options: Unpack[ActionOptions]) -> None:
        self._pool = getattr(client, "connection_pool", client)
        if not hasattr(self._pool, "disconnect"):
            raise ConfigurationError(
                f"DisconnectRedis({component!r}): {client!r} has no connection pool: "
                "give a redis.Redis or its connection_pool"
            )
        super().__init__(component, **over(options, on=MOVED))

    def act(self) -> Any:
        """Close them; an awaitable for an asyncio pool."""
        return self._pool.disconnect(inuse_connections=False)

    def measure(self) -> int | None:
        """Count the idle connections that are open."""
        idle = getattr(self._pool, "_available_connections", None)
        return None if idle is None else sum(map(_is_open, list(idle)))

    def applies(self, error: BaseException | None) -> bool:
        """Tell whether there is an idle connection that could be at fault."""
        return super().applies(error) and self.measure() != 0


def _is_open(connection: Any) -> bool:
    connected = getattr(connection, "is_connected", None)  # of asyncio
    if isinstance(connected, bool):
        return connected
    return getattr(connection, "_sock", None) is not None
