"""What the service knows when it is well: prices, recommendations, payments."""

from zlib import crc32

from flaky_upstream.validation import InvalidFieldError, an_integer, an_object

PRICES = {
    "assam": 790,
    "biscuits": 350,
    "darjeeling": 1290,
    "honey": 620,
    "kettle": 5900,
    "mug": 1150,
    "oolong": 1490,
    "sencha": 1380,
    "strainer": 480,
    "teapot": 3400,
}
"""Cents by sku."""

RECOMMENDED = 3


def recommendations(user: str) -> list[str]:
    """Return the skus recommended to this user: always the same ones for the same user."""
    skus = sorted(PRICES)
    first = crc32(user.encode()) % len(skus)
    return [skus[(first + 3 * step) % len(skus)] for step in range(RECOMMENDED)]


def pay(document: object) -> dict[str, str | int]:
    """Return the receipt of a payment.

    Args:
        document: The parsed body, `{"order": text or number, "cents": amount > 0}`.

    Raises:
        InvalidFieldError: A field is missing, unknown or out of its range.
    """
    given = an_object(document, ("order", "cents"))
    order = given.get("order")
    if isinstance(order, bool) or not isinstance(order, (str, int)) or order == "":
        raise InvalidFieldError("order", order, "a number or a text that is not empty")
    an_integer("cents", given.get("cents"), 1, 10**9)
    return {"paid": order}
