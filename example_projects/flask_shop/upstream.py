"""The calls to the service behind the shop, each with what to do when it does not answer.

The numbers suit a service that answers in milliseconds, and a demo that lasts seconds: a circuit
opens on three failures in the last six calls and asks again after 2, then every 3 seconds, with
one call. In production start with the defaults.
"""

from typing import Any, TypedDict

import httpx2
from flask import current_app

from resilience import circuit, fallback

CLIENT = "upstream"
"""Where the app keeps the client, among its extensions."""


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


def _is_our_mistake(error: BaseException) -> bool:
    """Tell whether the service is well and says that we asked wrongly; 429 is its own trouble."""
    if not isinstance(error, httpx2.HTTPStatusError):
        return False
    return error.response.status_code < 500 and error.response.status_code != 429


# Prices change rarely: those of five minutes ago are better than none.
@fallback(stale_for=300)
@circuit("prices", slow_call_duration=0.2, ignore=_is_our_mistake, **QUICK)
def prices() -> dict[str, int]:
    """Return cents by sku."""
    found: dict[str, int] = _answer("GET", "/prices")
    return found


# A page without recommendations is a page; slow ones are no better than none.
@fallback([])
@circuit("recommendations", slow_call_duration=0.2, ignore=_is_our_mistake, **QUICK)
def recommendations(user: str) -> list[str]:
    """Return the skus recommended to a user."""
    found: list[str] = _answer("GET", f"/recommendations/{user}")
    return found


# Nothing stands in for a payment. An open circuit says so at once: 503 with `Retry-After`.
@circuit("payment", ignore=_is_our_mistake, **QUICK)
def pay(order: str, cents: int) -> None:
    """Pay an order."""
    _answer("POST", "/payments", {"order": order, "cents": cents})


def _answer(method: str, path: str, document: object = None) -> Any:
    client: httpx2.Client = current_app.extensions[CLIENT]
    response = client.request(method, path, json=document)
    return response.raise_for_status().json()
