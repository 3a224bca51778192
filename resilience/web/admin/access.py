"""Whether a request that changes something was meant by whoever sends it (CSRF).

Source: the check of Go 1.25's `http.CrossOriginProtection`: browsers say by themselves where a
request comes from, so neither session nor token is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})


def is_meant(method: str, headers: Mapping[str, str]) -> bool:
    """Tell whether a request may change something: it comes from our own pages, or no browser.

    Args:
        method: the request's, in upper case.
        headers: the request's, names in lower case; "sec-fetch-site", "origin", "host" are read.
    """
    if method in _SAFE:
        return True
    site = headers.get("sec-fetch-site")
    if site:
        return site in _OWN
    origin = headers.get("origin")
    if origin is None:
        return True  # a browser would send one of both
    host = urlsplit(origin).netloc  # "" of "null", which a sandboxed page sends
    return bool(host) and host == headers.get("host", "")
