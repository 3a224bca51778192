"""The shop's pages, and the same for programs."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from django_shop import freshness, upstream
from django_shop.orders import book
from django_shop.problems import ConflictError, prefers_page
from resilience import CircuitState, critical, sheddable, system
from storefront.orders import Order
from storefront.products import Product, on_sale

GUEST = "guest"
_USER = re.compile(r"[\w.-]{1,40}")
_ORDER = re.compile(r"[\w-]{1,64}")


@require_safe
def shelf(request: HttpRequest) -> HttpResponse:
    """Show what is on sale, and what this user may like."""
    products, recommended = _offer(_known(str(request.GET.get("user", GUEST))))
    shown = {
        "products": products.values(),
        "recommended": recommended,
        "prices": freshness.of("prices"),
        "recommendations": freshness.of("recommendations"),
        "paying": _is_payment_well(),
        "order": uuid4().hex,
    }
    return render(request, "shelf.html", shown)


@require_safe
def price_list(request: HttpRequest) -> HttpResponse:
    """Return cents by sku, and how fresh they are."""
    prices = upstream.prices()
    return JsonResponse({"prices": prices, "freshness": {"prices": freshness.of("prices")}})


@require_safe
def shop(request: HttpRequest, user: str) -> HttpResponse:
    """Return what the page shows, and how fresh each part is."""
    products, recommended = _offer(_known(user))
    told = {
        "user": user,
        "products": [{"sku": each.sku, "name": each.name, "cents": each.cents}
                     for each in products.values()],
        "recommendations": [each.sku for each in recommended],
        "freshness": {part: freshness.of(part) for part in ("prices", "recommendations")},
    }  # fmt: skip
    return JsonResponse(told)


@require_safe
@sheddable
def recommended(request: HttpRequest, user: str) -> HttpResponse:
    """Return what a user may like; nobody waits for it, so it is the first to be turned away."""
    skus = upstream.recommendations(_known(user))
    part = {"recommendations": freshness.of("recommendations")}
    return JsonResponse({"user": user, "recommendations": skus, "freshness": part})


@require_POST
@critical
def order(request: HttpRequest) -> HttpResponse:
    """Take an order of one product and pay it; the same number again is the same order.

    The price is the shop's own, never the client's; one of the last five minutes will do.
    """
    sent = _sent(request)
    sku, number = str(sent.get("sku", "")), str(sent.get("order") or uuid4().hex)
    if not _ORDER.fullmatch(number):
        raise BadRequest("order: 1 to 64 letters, digits, - and _")
    product = on_sale(upstream.prices()).get(sku)
    if product is None:
        raise BadRequest(f"sku: there is no {sku[:40]!r} on sale")
    taken = _pay(Order(number, sku, product.cents))
    if prefers_page(request):
        paid = {"product": replace(product, cents=taken.cents), "order": number}
        return render(request, "receipt.html", paid, status=201)
    return JsonResponse({"order": number, "sku": sku, "cents": taken.cents}, status=201)


def _pay(order: Order) -> Order:
    """Write the order down, have it paid, and write that down; not twice."""
    taken = book().take(order)
    if taken.sku != order.sku:
        raise ConflictError("order: there is one of that number, of another product")
    if not taken.paid:
        upstream.pay(taken.number, taken.cents)
        book().settle(taken.number)
    return taken


def _sent(request: HttpRequest) -> Mapping[str, Any]:
    """Return the fields of a form, or of a JSON object."""
    if request.content_type != "application/json":
        fields: Mapping[str, Any] = request.POST
        return fields
    try:
        document = json.loads(request.body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BadRequest("send a JSON object with sku")
    return document


def _offer(user: str) -> tuple[dict[str, Product], list[Product]]:
    products = on_sale(upstream.prices())
    skus = upstream.recommendations(user)
    return products, [products[sku] for sku in skus if sku in products]


def _known(user: str) -> str:
    if not _USER.fullmatch(user):
        raise BadRequest("user: 1 to 40 letters, digits, . - _")
    return user


def _is_payment_well() -> bool:
    state = system.circuits["payment"].state
    return state not in (CircuitState.OPEN, CircuitState.FORCED_OPEN)
