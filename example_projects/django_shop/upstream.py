"""The calls to the service behind the shop, each with what to do when it does not answer."""

from functools import cache
from typing import Any

import httpx2
from django.conf import settings

from django_shop import freshness
from resilience import circuit, fallback, feature
from storefront.watch import QUICK, is_our_mistake


@cache
def client() -> httpx2.Client:
    """Return the one client of this process: its connections are kept and shared by all threads."""
    told = settings.SHOP
    return httpx2.Client(base_url=told.upstream_url, timeout=told.upstream_timeout)


# Prices change rarely: those of five minutes ago are better than none.
@fallback(stale_for=300)
@circuit("prices", slow_call_duration=0.2, ignore=is_our_mistake, **QUICK)
def prices() -> dict[str, int]:
    """Return cents by sku."""
    found: dict[str, int] = _answer("GET", "/prices")
    return found


def _left_out(user: str) -> list[str]:
    freshness.leave_out("recommendations")
    return []


# A page without recommendations is a page; slow ones are no better than none. When there is no
# time for all, they are what is left out.
@feature("recommendations", otherwise=_left_out, priority=20)
@fallback([])
@circuit("recommendations", slow_call_duration=0.2, ignore=is_our_mistake, **QUICK)
def recommendations(user: str) -> list[str]:
    """Return the skus recommended to a user."""
    found: list[str] = _answer("GET", f"/recommendations/{user}")
    return found


# Nothing stands in for a payment. An open circuit says so at once: 503 with `Retry-After`.
@circuit("payment", ignore=is_our_mistake, **QUICK)
def pay(order: str, cents: int) -> None:
    """Pay an order."""
    _answer("POST", "/payments", {"order": order, "cents": cents})


def _answer(method: str, path: str, document: object = None) -> Any:
    response = client().request(method, path, json=document)
    return response.raise_for_status().json()
