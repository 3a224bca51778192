"""Actions and probes for the Chaos Toolkit, which ask a running app by its admin API.

In an experiment of the toolkit::

    {"type": "action", "name": "prices are gone",
     "provider": {"type": "python", "module": "resilience.chaos.toolkit", "func": "begin",
                  "arguments": {"url": "http://localhost:8000", "token": "…",
                                "experiment": {"name": "gone", "fault": "outage",
                                               "target": "prices", "duration": 30}}}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from resilience.errors import ChaosRefusedError, ConfigurationError

__all__ = ["begin", "circuit_state", "halt", "health_score", "level", "result"]

TIMEOUT = 10.0
REASON = "Chaos Toolkit"


def begin(url: str, token: str, experiment: Mapping[str, Any]) -> dict[str, Any]:
    """Begin an experiment in the app; it ends by itself after its duration.

    Args:
        url: where the app is, as "http://localhost:8000".
        token: sent as `Authorization: Bearer`, for the app's `authorize`.
        experiment: name, fault, target and so on, as a file describes it.

    Raises:
        ChaosRefusedError: the app refuses; says why.
    """
    _order(url, token, action="chaos.plan", experiment=dict(experiment))
    return _order(url, token, action="chaos.run", name=experiment.get("name"))


def halt(url: str, token: str) -> dict[str, Any]:
    """Stop all experiments of the app at once; for rollbacks."""
    return _order(url, token, action="chaos.halt")


def circuit_state(url: str, token: str, name: str) -> str:
    """Return a circuit's state, as "closed"; a probe with a text as its tolerance.

    Raises:
        ConfigurationError: the app shows no circuit of that name.
    """
    for each in _state(url, token)["circuits"]:
        if each["name"] == name:
            return str(each["state"])
    raise ConfigurationError(f"{url}: no circuit {name!r}")


def health_score(url: str, token: str) -> float:
    """Return how well the app is, 0-100; a probe with a range as its tolerance."""
    return float(_state(url, token)["health"]["score"])


def level(url: str, token: str) -> str:
    """Return the app's level of service, as "normal"."""
    return str(_state(url, token)["level"]["level"])


def result(url: str, token: str, name: str) -> dict[str, Any]:
    """Return what came of the last run of an experiment.

    Raises:
        ConfigurationError: it has not ended, or never ran.
    """
    for each in (_state(url, token)["experiments"] or {"results": []})["results"]:
        if each["name"] == name:
            found: dict[str, Any] = each
            return found
    raise ConfigurationError(f"{url}: no result of experiment {name!r}")


def _state(url: str, token: str) -> dict[str, Any]:
    return _asked(_request(url, "state"), token)


def _order(url: str, token: str, **order: Any) -> dict[str, Any]:
    body = json.dumps({"reason": REASON, **order}).encode()
    request = _request(url, "actions", body)
    request.add_header("Content-Type", "application/json")
    return _asked(request, token)


def _request(url: str, what: str, body: bytes | None = None) -> Request:
    if not url.startswith(("http://", "https://")):
        raise ConfigurationError(f"url={url!r}: give an http or https address")
    return Request(f"{url.rstrip('/')}/resilience/api/{what}", body)  # noqa: S310 - http only


def _asked(request: Request, token: str) -> dict[str, Any]:
    request.add_header("Authorization", f"Bearer {token}")
    request.add_header("Accept", "application/json")
    try:
        with urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310 - http only
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        raise ChaosRefusedError(f"{request.full_url}: {error.code} {_detail(error)}") from None


def _detail(error: HTTPError) -> str:
    try:
        with error:  # it holds the connection
            told = json.load(error)
    except (ValueError, OSError, HTTPException):  # it may break off
        return ""
    return str(told.get("detail", "")) if isinstance(told, dict) else ""
