"""The shop's pages, and the same for programs."""

import re
from asyncio import gather
from collections.abc import Mapping
from dataclasses import replace
from json import JSONDecodeError
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from fastapi.templating import Jinja2Templates

from resilience import CircuitState, System, critical, sheddable
from resilience_starlette.dependencies import AppSystem
from starlette_shop.freshness import Fresh
from starlette_shop.upstream import AppUpstream, Upstream
from storefront import TEMPLATES
from storefront.orders import Order, OrderBook
from storefront.products import Product, on_sale

router = APIRouter()
templates = Jinja2Templates(TEMPLATES)

GUEST = "guest"
_USER = re.compile(r"[\w.-]{1,40}")
_ORDER = re.compile(r"[\w-]{1,64}")


@router.get("/")
async def shelf(
    request: Request,
    upstream: AppUpstream,
    freshness: Fresh,
    system: AppSystem,
    user: str = GUEST,
) -> Response:
    """Show what is on sale, and what this user may like."""
    products, recommended = await _offer(upstream, _known(user))
    shown = {
        "products": products.values(),
        "recommended": recommended,
        "prices": freshness.of("prices"),
        "recommendations": freshness.of("recommendations"),
        "paying": _is_payment_well(system),
        "order": uuid4().hex,
    }
    return templates.TemplateResponse(request, "shelf.html", shown)


@router.get("/api/prices")
async def price_list(upstream: AppUpstream, freshness: Fresh) -> dict[str, Any]:
    """Return cents by sku, and how fresh they are."""
    prices = await upstream.prices()
    return {"prices": prices, "freshness": {"prices": freshness.of("prices")}}


@router.get("/api/shop/{user}")
async def shop(user: str, upstream: AppUpstream, freshness: Fresh) -> dict[str, Any]:
    """Return what the page shows, and how fresh each part is."""
    products, recommended = await _offer(upstream, _known(user))
    return {
        "user": user,
        "products": [{"sku": each.sku, "name": each.name, "cents": each.cents}
                     for each in products.values()],
        "recommendations": [each.sku for each in recommended],
        "freshness": {part: freshness.of(part) for part in ("prices", "recommendations")},
    }  # fmt: skip


@router.get("/api/recommendations/{user}")
@sheddable
async def recommended(user: str, upstream: AppUpstream, freshness: Fresh) -> dict[str, Any]:
    """Return what a user may like; nobody waits for it, so it is the first to be turned away."""
    skus = await upstream.recommendations(_known(user))
    part = {"recommendations": freshness.of("recommendations")}
    return {"user": user, "recommendations": skus, "freshness": part}


@router.post("/orders", status_code=201)
@critical
async def order(request: Request, upstream: AppUpstream) -> Response:
    """Take an order of one product and pay it; a form, or a JSON object with `sku` and `order`.

    The same number again is the same order. The price is the shop's own, never the client's; one
    of the last five minutes will do.
    """
    sent = await _sent(request)
    sku, number = str(sent.get("sku", "")), str(sent.get("order") or uuid4().hex)
    if not _ORDER.fullmatch(number):
        raise HTTPException(400, "order: 1 to 64 letters, digits, - and _")
    product = on_sale(await upstream.prices()).get(sku)
    if product is None:
        raise HTTPException(400, f"sku: there is no {sku[:40]!r} on sale")
    taken = await _pay(request.app.state.orders, upstream, Order(number, sku, product.cents))
    if prefers_page(request):
        paid = {"product": replace(product, cents=taken.cents), "order": number}
        return templates.TemplateResponse(request, "receipt.html", paid, status_code=201)
    return JSONResponse({"order": number, "sku": sku, "cents": taken.cents}, 201)


async def _pay(book: OrderBook, upstream: Upstream, order: Order) -> Order:
    """Write the order down, have it paid, and write that down; not twice."""
    taken = await run_in_threadpool(book.take, order)
    if taken.sku != order.sku:
        raise HTTPException(409, "order: there is one of that number, of another product")
    if not taken.paid:
        await upstream.pay(taken.number, taken.cents)
        await run_in_threadpool(book.settle, taken.number)
    return taken


def prefers_page(request: Request) -> bool:
    """Tell whether the client would rather have a page than JSON: browsers say so."""
    return "text/html" in request.headers.get("accept", "")


async def _sent(request: Request) -> Mapping[str, Any]:
    """Return the fields of a form, or of a JSON object."""
    if "json" not in request.headers.get("content-type", ""):
        return await request.form()
    try:
        document = await request.json()
    except JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        raise HTTPException(400, "send a JSON object with sku")
    return document


async def _offer(upstream: Upstream, user: str) -> tuple[dict[str, Product], list[Product]]:
    # Side by side: a sick service for recommendations does not hold up the prices.
    prices, skus = await gather(upstream.prices(), upstream.recommendations(user))
    products = on_sale(prices)
    return products, [products[sku] for sku in skus if sku in products]


def _known(user: str) -> str:
    if not _USER.fullmatch(user):
        raise HTTPException(400, "user: 1 to 40 letters, digits, . - _")
    return user


def _is_payment_well(system: System) -> bool:
    state = system.circuits["payment"].state
    return state not in (CircuitState.OPEN, CircuitState.FORCED_OPEN)
