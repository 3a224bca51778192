"""The admin API of a running server, as another process asks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from resilience.web.admin import api

PATIENCE = 10.0
"""Seconds that a server may take to answer."""


class RemoteError(RuntimeError):
    """A server did not do as it was asked; says why, and what to give instead.

    Args:
        said: why.
        status: what it answered, of HTTP; 0: nothing.
        workers: of how many workers one has answered, as it told.
    """

    def __init__(self, said: str, status: int = 0, workers: int = 1) -> None:
        super().__init__(said)
        self.status = status
        self.workers = workers


class _NoRedirects(HTTPRedirectHandler):
    """Leaves redirects alone: they would take the token elsewhere."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """Go nowhere."""


class Remote:
    """A running server.

    Args:
        url: the address of the app, such as https://shop.example.
        token: what its `authorize` knows; "": none.

    Raises:
        RemoteError: the address is none, or the token cannot be sent.
    """

    def __init__(self, url: str, token: str = "") -> None:
        if not _is_address(url):
            raise RemoteError(f"{url!r} is no address: give such as https://shop.example")
        if not (token.isascii() and token.isprintable()):
            raise RemoteError(
                "the token cannot be sent: it has a line's end, or a character that is not ASCII"
            )
        self._url = url.rstrip("/")
        self._token = token

    def state(self) -> dict[str, Any]:
        """Return everything that the worker who answers knows."""
        return self._ask(api.STATE)

    def checkup(self, server_timeout: float | None = None) -> dict[str, Any]:
        """Return what the worker who answers finds to be built so that it will not hold.

        Args:
            server_timeout: seconds after which the server ends a request; None: as it finds out.
        """
        if server_timeout is None:
            return self._ask(api.CHECKUP)
        return self._ask(f"{api.CHECKUP}?{urlencode({api.SERVER_TIMEOUT: server_timeout})}")

    def order(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Order something; return what was done.

        Raises:
            RemoteError: it was refused, or nobody answered.
        """
        return self._ask(api.ACTIONS, json.dumps(order).encode())

    def _ask(self, path: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        asked = Request(self._url + path, data=body, headers=headers)  # noqa: S310 - checked above
        try:
            with build_opener(_NoRedirects).open(asked, timeout=PATIENCE) as answer:
                told: Any = json.loads(answer.read())
        except HTTPError as error:
            raise self._refusal(error) from None
        except (URLError, OSError, HTTPException) as error:
            raise RemoteError(f"{self._url} does not answer: {error or repr(error)}") from None
        except (ValueError, RecursionError):
            raise RemoteError(f"{self._url}{path} answers, but not with JSON") from None
        if not isinstance(told, dict):
            raise RemoteError(f"{self._url}{path} answers, but not as expected")
        return told

    def _refusal(self, error: HTTPError) -> RemoteError:
        told = _told(error)
        said = str(told.get("detail", "")) or _meaning(error)
        workers = told.get("workers")
        known = workers if isinstance(workers, int) else 1
        return RemoteError(f"{self._url}: {said}", error.code, known)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return False
    sendable = url.isprintable() and " " not in url and parts.path.isascii()
    whole = bool(parts.hostname) and not (parts.query or parts.fragment)
    return parts.scheme in ("http", "https") and sendable and whole


def _told(error: HTTPError) -> dict[str, Any]:
    """Return the problem that a server tells; {} where it tells none."""
    try:
        with error:
            told: Any = json.loads(error.read(api.LARGEST))
    except (ValueError, RecursionError, OSError, HTTPException):  # it may break off
        return {}
    return told if isinstance(told, dict) else {}


def _meaning(error: HTTPError) -> str:
    """Return why a server refused that does not say it itself, in words that help."""
    if error.code == 404:
        return (
            "there is no admin API for this token: the app has to be given an `authorize` that "
            "knows it, such as resilience.web.actors.bearer({...})"
        )
    if 300 <= error.code < 400:
        return f"it redirects to {error.headers.get('Location')}: give that address"
    return f"it answers {error.code} {error.reason}"
