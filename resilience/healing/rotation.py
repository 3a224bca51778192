"""Whether this worker is to get requests."""

from __future__ import annotations

from resilience.clock import Clock


class Rotation:
    """Whether this worker stands in the rotation of a load balancer, as `/health/ready` says it.

    Args:
        clock: tells when it is back.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._out: tuple[float, str] | None = None  # until when, and why

    @property
    def reason(self) -> str | None:
        """Why it is out; None: it is in."""
        out = self._out
        return out[1] if out is not None and self._clock.monotonic() < out[0] else None

    @property
    def is_out(self) -> bool:
        """Tell whether it is out."""
        return self.reason is not None

    def leave(self, reason: str, *, for_: float) -> None:
        """Step out; it is back by itself, as without requests it cannot show that it is well.

        Args:
            reason: why, in words.
            for_: seconds, > 0.
        """
        self._out = (self._clock.monotonic() + for_, reason)

    def come_back(self) -> None:
        """Step in at once."""
        self._out = None
