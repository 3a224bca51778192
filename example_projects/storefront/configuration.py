"""What a shop is told, whatever framework it is in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import ArgumentError

from storefront.orders import DEFAULT_URL, check


class ShopConfigurationError(RuntimeError):
    """The shop cannot start like this; says what to set."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A shop's configuration.

    Args:
        upstream_url: the address of the service with prices, recommendations and payments.
        upstream_timeout: seconds, 0.01 to 60, that the shop waits for it each time.
        database: where orders are kept, as SQLAlchemy has it: PostgreSQL or SQLite.
        health_token: whoever sends it as a bearer token sees the details of `/health`; "": nobody.
        target: seconds, 0.01 to 60, within which 95 % of requests are to be served:
            recommendations are left out as far as that takes; None: nobody cares.
        baseline: all guards off, for comparison.
    """

    upstream_url: str
    upstream_timeout: float
    database: str
    health_token: str
    target: float | None
    baseline: bool

    @classmethod
    def of(cls, given: Mapping[str, Any] | None = None) -> "Configuration":
        """Return what the environment says: `UPSTREAM_URL`, and `UPSTREAM_TIMEOUT` and so on.

        Args:
            given: the same names, over the environment.

        Raises:
            ShopConfigurationError: one of them is missing or wrong.
        """
        told = {**os.environ, **(given or {})}
        target = told.get("SHOP_TARGET")
        return cls(
            upstream_url=_address(str(told.get("UPSTREAM_URL", ""))),
            upstream_timeout=_seconds("UPSTREAM_TIMEOUT", told.get("UPSTREAM_TIMEOUT", 0.3)),
            database=_database(str(told.get("SHOP_DATABASE", DEFAULT_URL))),
            health_token=str(told.get("SHOP_HEALTH_TOKEN", "")),
            target=_seconds("SHOP_TARGET", target) if target else None,
            baseline=str(told.get("SHOP_BASELINE", "0")) == "1",
        )

    def holder(self, authorization: str) -> str | None:
        """Return who sends an `Authorization` header, if it is the holder of the token."""
        sent = authorization.removeprefix("Bearer ")
        known = bool(self.health_token) and compare_digest(
            sent.encode(), self.health_token.encode()
        )
        return "token" if known else None


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ShopConfigurationError(
            f"UPSTREAM_URL is {url!r}: set it to the address of the service with prices, "
            "recommendations and payments, such as http://127.0.0.1:8001"
        )
    return url


def _database(url: str) -> str:
    try:
        check(url)
    except (ArgumentError, ImportError) as error:
        raise ShopConfigurationError(
            f"SHOP_DATABASE cannot be used ({error}): give such as sqlite:///orders.db, "
            "or postgresql+psycopg://user@host/shop"
        ) from None
    return url


def _seconds(name: str, given: Any) -> float:
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0.01 <= seconds <= 60:
        raise ShopConfigurationError(f"{name} is {given!r}: give seconds, 0.01 to 60")
    return seconds
