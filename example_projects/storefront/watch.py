"""How closely the shops watch the service behind them.

The numbers suit a service that answers in milliseconds, and a demo that lasts seconds: a circuit
opens on three failures in the last six calls and asks again after 2, then every 3 seconds, with
one call. In production start with the defaults.
"""

from typing import TypedDict

import httpx2


class Watch(TypedDict):
    """Arguments that all three circuits share; seconds and calls."""

    failure_threshold: int
    window_calls: int
    reset_timeout: float
    reset_timeout_max: float
    half_open_calls: int
    success_threshold: int


QUICK: Watch = {
    "failure_threshold": 3,
    "window_calls": 6,
    "reset_timeout": 2.0,
    "reset_timeout_max": 3.0,
    "half_open_calls": 1,
    "success_threshold": 1,
}


def is_our_mistake(error: BaseException) -> bool:
    """Tell whether the service is well and says that we asked wrongly; 429 is its own trouble."""
    if not isinstance(error, httpx2.HTTPStatusError):
        return False
    return error.response.status_code < 500 and error.response.status_code != 429
