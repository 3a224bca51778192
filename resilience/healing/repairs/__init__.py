"""The recovery actions that ship, each measured against the real thing.

Register them by component, in the order they are to be tried::

    from resilience import system
    from resilience.healing.repairs import DisconnectRedis, DisposeEngine

    system.healer.action(DisposeEngine("database", engine))
    system.healer.action(DisconnectRedis("cache", client))
"""

from resilience.healing.repairs.caches import ClearCache
from resilience.healing.repairs.circuits import ResetCircuit
from resilience.healing.repairs.clients import SwapClient
from resilience.healing.repairs.databases import CloseDjangoConnections, DisposeEngine
from resilience.healing.repairs.files import ReplaceCorruptFile, back_up
from resilience.healing.repairs.logs import ReopenLogs
from resilience.healing.repairs.memory import FreeMemory
from resilience.healing.repairs.redis import DisconnectRedis
from resilience.healing.repairs.state import RestoreState
from resilience.healing.repairs.threads import RestartTask, RestartThread
from resilience.healing.repairs.workers import LeaveRotation, RecycleWorker

__all__ = [
    "ClearCache",
    "CloseDjangoConnections",
    "DisconnectRedis",
    "DisposeEngine",
    "FreeMemory",
    "LeaveRotation",
    "RecycleWorker",
    "ReopenLogs",
    "ReplaceCorruptFile",
    "ResetCircuit",
    "RestartTask",
    "RestartThread",
    "RestoreState",
    "SwapClient",
    "back_up",
]
