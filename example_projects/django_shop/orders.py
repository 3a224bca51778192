"""The shop's book of orders, in a database of its own: the same in all shops here."""

from functools import cache

from django.conf import settings

from storefront.orders import OrderBook


@cache
def book() -> OrderBook:
    """Return the one book of this process."""
    return OrderBook(settings.SHOP.database)
