"""The health of a system's components."""

from __future__ import annotations

from resilience.core.runtime import Runtime
from resilience.telemetry.host import Host


class Health:
    """Knows how the components of one system are.

    Args:
        runtime: the system's clock, events and background engine.
        host: readings of the process and its machine.
    """

    def __init__(self, runtime: Runtime, host: Host) -> None:
        self._runtime = runtime
        self.host = host

    def verify(self, component: str) -> bool | None:
        """Run a component's checks now, in the calling thread; for the background only.

        Returns:
            True if all of them pass, False if one does not, None if it has no check.
        """
        return None
