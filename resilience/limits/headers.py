"""Deadlines in HTTP headers: how long the caller waits, and how long those we call may take."""

from __future__ import annotations

import re
from collections.abc import Mapping

from resilience.core.checks import seconds as checked_seconds
from resilience.core.deadline import remaining

HEADER = "X-Request-Timeout"

_PLAIN = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?(ms|s)?", re.ASCII)
_GRPC = re.compile(r"([0-9]{1,8})([HMSmun])", re.ASCII)

_UNITS = {"s": 1.0, "ms": 0.001}
_GRPC_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}

_PLAIN_HEADERS = {
    "x-request-timeout": "s",
    "request-timeout": "s",
    "x-request-timeout-ms": "ms",
    "x-envoy-expected-rq-timeout-ms": "ms",
}
"""`{header: the unit of a number without one}`; the last is what Envoy tells those behind it."""

DEADLINES = frozenset({*_PLAIN_HEADERS, "grpc-timeout"})
"""All headers that are read, in lower case."""


def deadline_from_headers(headers: Mapping[str, str], *, most: float = 3600.0) -> float | None:
    """Return the seconds, > 0 and <= `most`, that the caller of a request waits; None: unknown.

    Read are `X-Request-Timeout` and `Request-Timeout` (seconds, or with a unit: `1500ms`),
    `X-Request-Timeout-Ms` and Envoy's `X-Envoy-Expected-Rq-Timeout-Ms` (milliseconds), and
    `grpc-timeout` (`1500m`). Of several the shortest holds. What is no such time is ignored, and
    so is 0, by which some mean "no limit".

    Args:
        headers: `{name: value}`; names in any case.
        most: seconds, > 0; longer ones count as this.

    Source:
        gRPC over HTTP/2, *Requests*: Timeout. Envoy, *HTTP header manipulation*.
    """
    ceiling = checked_seconds("most", most)
    found = [_seconds(str(name).lower(), value) for name, value in headers.items()]
    given = [each for each in found if each]
    return min(ceiling, *given) if given else None


def deadline_headers() -> dict[str, str]:
    """Return the header that tells whom we call how long we wait; none without a deadline.

    The seconds left have three digits, and are never fewer than 0.001.
    """
    left = remaining()
    return {} if left is None else {HEADER: f"{max(left, 0.001):.3f}"}


def _seconds(name: str, value: object) -> float | None:
    if name == "grpc-timeout":
        match = _GRPC.fullmatch(str(value).strip())
        return float(match[1]) * _GRPC_UNITS[match[2]] if match else None
    unit = _PLAIN_HEADERS.get(name)
    match = _PLAIN.fullmatch(str(value).strip()) if unit else None
    return float(match[1]) * _UNITS[match[2] or unit or "s"] if match else None
