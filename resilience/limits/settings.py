"""What the limits of a system share, as settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from resilience.core.checks import whole
from resilience.core.section import Check, Section


@dataclass(frozen=True, slots=True)
class LimitsSettings(Section):
    """What all limits share; those of single functions are set by name.

    Args:
        workers: calls of timed sync functions that may run at once, >= 1; further ones queue
            for what is left of their time.
    """

    TITLE: ClassVar[str] = "limits"
    CHECKS: ClassVar[Mapping[str, Check]] = {"workers": whole}

    workers: int = 64
