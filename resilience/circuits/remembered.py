"""What a circuit was before its process was restarted."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from resilience.circuits.states import Forced


@dataclass(frozen=True, slots=True)
class Remembered:
    """A circuit as another process left it; all times are wall-clock seconds since 1970.

    Args:
        order: what an operator ordered, or None.
        open_until: until when it rejects calls; in the past: it does not.
        opened_at: when it opened; None: it is not open.
        error: the failure it opened with, as a text.
    """

    order: Forced | None = None
    open_until: float = -inf
    opened_at: float | None = None
    error: str | None = None
