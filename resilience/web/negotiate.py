"""What a client would rather read, a page or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

_PAGE = "text/html"
_DATA = ("application/json", "application/problem+json", "application/health+json")
_QUALITY = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")

Rank = tuple[float, int]
"""Quality 0-1, and how exactly the type was named: 2 itself, 1 its family, 0 any, -1 not."""


def prefers_html(accept: str) -> bool:
    """Tell whether a page suits the client better; where it does not care, JSON it is.

    Args:
        accept: the Accept header's value; empty where there is none.

    Source: RFC 9110, section 12.5.1. Of two types of the same quality the one that is named more
    exactly wins: `text/html, */*` asks for a page.
    """
    ranges = list(_ranges(accept))
    page = _rank(ranges, _PAGE)
    return page[0] > 0 and page > max(_rank(ranges, each) for each in _DATA)


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        media, *parameters = (each.strip().lower() for each in part.split(";"))
        weights = [each[2:] for each in parameters if each.startswith("q=")]
        weight = weights[0] if weights else "1"
        if media and _QUALITY.fullmatch(weight):
            yield media, float(weight)


def _rank(ranges: list[tuple[str, float]], media: str) -> Rank:
    """Return the rank of a type: the range that names it most exactly decides."""
    names = ("*/*", media.split("/", maxsplit=1)[0] + "/*", media)
    found = [(names.index(name), weight) for name, weight in ranges if name in names]
    exactness, weight = max(found, default=(-1, 0.0))
    return weight, exactness
