"""The shop's pages, and the same for programs."""

import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request
from werkzeug.datastructures import MIMEAccept

from flask_shop import freshness, upstream
from resilience import CircuitState, critical, sheddable, system
from storefront.orders import Order, OrderBook
from storefront.products import Product, on_sale

blueprint = Blueprint("shop", __name__)

ORDERS = "orders"
"""Where the app keeps its book of orders, among its extensions."""

GUEST = "guest"
_USER = re.compile(r"[\w.-]{1,40}")
_ORDER = re.compile(r"[\w-]{1,64}")


@blueprint.get("/")
def shelf() -> str:
    """Show what is on sale, and what this user may like."""
    products, recommended = _offer(_known(request.args.get("user", GUEST)))
    return render_template(
        "shelf.html",
        products=products.values(),
        recommended=recommended,
        prices=freshness.of("prices"),
        recommendations=freshness.of("recommendations"),
        paying=_is_payment_well(),
        order=uuid4().hex,
    )


@blueprint.get("/api/prices")
def price_list() -> Response:
    """Return cents by sku, and how fresh they are."""
    prices = upstream.prices()
    return jsonify(prices=prices, freshness={"prices": freshness.of("prices")})


@blueprint.get("/api/shop/<user>")
def shop(user: str) -> Response:
    """Return what the page shows, and how fresh each part is."""
    products, recommended = _offer(_known(user))
    return jsonify(
        user=user,
        products=[{"sku": each.sku, "name": each.name, "cents": each.cents}
                  for each in products.values()],
        recommendations=[each.sku for each in recommended],
        freshness={part: freshness.of(part) for part in ("prices", "recommendations")},
    )  # fmt: skip


@blueprint.get("/api/recommendations/<user>")
@sheddable
def recommended(user: str) -> Response:
    """Return what a user may like; nobody waits for it, so it is the first to be turned away."""
    skus = upstream.recommendations(_known(user))
    part = {"recommendations": freshness.of("recommendations")}
    return jsonify(user=user, recommendations=skus, freshness=part)


@blueprint.post("/orders")
@critical
def order() -> tuple[str | Response, int]:
    """Take an order of one product and pay it; the same number again is the same order.

    The price is the shop's own, never the client's; one of the last five minutes will do.
    """
    sent = _sent()
    sku, number = str(sent.get("sku", "")), str(sent.get("order") or uuid4().hex)
    if not _ORDER.fullmatch(number):
        abort(400, "order: 1 to 64 letters, digits, - and _")
    product = on_sale(upstream.prices()).get(sku)
    if product is None:
        abort(400, f"sku: there is no {sku[:40]!r} on sale")
    taken = _pay(Order(number, sku, product.cents))
    if prefers_page(request.accept_mimetypes):
        bought = replace(product, cents=taken.cents)
        return render_template("receipt.html", product=bought, order=number), 201
    return jsonify(order=number, sku=sku, cents=taken.cents), 201


def _pay(order: Order) -> Order:
    """Write the order down, have it paid, and write that down; not twice."""
    book: OrderBook = current_app.extensions[ORDERS]
    taken = book.take(order)
    if taken.sku != order.sku:
        abort(409, "order: there is one of that number, of another product")
    if not taken.paid:
        upstream.pay(taken.number, taken.cents)
        book.settle(taken.number)
    return taken


def prefers_page(accept: MIMEAccept) -> bool:
    """Tell whether the client would rather have a page than JSON."""
    return accept.best_match(["application/json", "text/html"]) == "text/html"


def _sent() -> Any:
    """Return the fields of a form, or of a JSON object."""
    if not request.is_json:
        return request.form
    document = request.get_json()
    return document if isinstance(document, dict) else abort(400, "send a JSON object with sku")


def _offer(user: str) -> tuple[dict[str, Product], list[Product]]:
    products = on_sale(upstream.prices())
    skus = upstream.recommendations(user)
    return products, [products[sku] for sku in skus if sku in products]


def _known(user: str) -> str:
    return user if _USER.fullmatch(user) else abort(400, "user: 1 to 40 letters, digits, . - _")


def _is_payment_well() -> bool:
    state = system.circuits["payment"].state
    return state not in (CircuitState.OPEN, CircuitState.FORCED_OPEN)
