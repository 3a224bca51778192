"""The recovery actions that ship, each measured against the real thing.

Register them by component, in the order they are to be tried::

    from resilience import system
    from resilience.healing.repairs import DisconnectRedis, DisposeEngine

    system.healer.action(DisposeEngine("database", engine))
    system.healer.action(DisconnectRedis("cache", client))
"""

from resilience.healing.repairs.clients import SwapClient
from resilience.healing.repairs.databases import CloseDjangoConnections, DisposeEngine
from resilience.healing.repairs.redis import DisconnectRedis

__all__ = ["CloseDjangoConnections", "DisconnectRedis", "DisposeEngine", "SwapClient"]
