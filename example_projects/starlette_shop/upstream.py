"""The calls to the service behind the shop, each with what to do when it does not answer."""

from typing import Annotated, Any

import httpx2
from fastapi import Depends, Request

from resilience import circuit, fallback, feature
from starlette_shop import freshness
from storefront.watch import QUICK, is_our_mistake


def _left_out(upstream: "Upstream", user: str) -> list[str]:
    freshness.leave_out("recommendations")
    return []


class Upstream:
    """The service, as the shop calls it.

    Args:
        client: what calls it; one for the whole process, as its connections are shared.
    """

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    # Prices change rarely: those of five minutes ago are better than none.
    @fallback(stale_for=300)
    @circuit("prices", slow_call_duration=0.2, ignore=is_our_mistake, **QUICK)
    async def prices(self) -> dict[str, int]:
        """Return cents by sku."""
        found: dict[str, int] = await self._answer("GET", "/prices")
        return found

    # A page without recommendations is a page; slow ones are no better than none. When there is no
    # time for all, they are what is left out.
    @feature("recommendations", otherwise=_left_out, priority=20)
    @fallback([])
    @circuit("recommendations", slow_call_duration=0.2, ignore=is_our_mistake, **QUICK)
    async def recommendations(self, user: str) -> list[str]:
        """Return the skus recommended to a user."""
        found: list[str] = await self._answer("GET", f"/recommendations/{user}")
        return found

    # Nothing stands in for a payment. An open circuit says so at once: 503 with `Retry-After`.
    @circuit("payment", ignore=is_our_mistake, **QUICK)
    async def pay(self, order: str, cents: int) -> None:
        """Pay an order."""
        await self._answer("POST", "/payments", {"order": order, "cents": cents})

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    async def _answer(self, method: str, path: str, document: object = None) -> Any:
        response = await self._client.request(method, path, json=document)
        return response.raise_for_status().json()


async def _of_the_app(request: Request) -> Upstream:
    upstream: Upstream = request.app.state.upstream
    return upstream


AppUpstream = Annotated[Upstream, Depends(_of_the_app)]
"""The app's upstream, as in `async def shelf(upstream: AppUpstream)`."""
