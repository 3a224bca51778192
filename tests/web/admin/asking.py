"""What tests of the dashboard's API ask it by, without any framework."""

import json
from typing import Any

from resilience import System
from resilience.web.admin import api
from resilience.web.answers import Answer

JSON = {"content-type": "application/json", "host": "shop.example"}


def ask(
    system: System,
    path: str,
    method: str = "GET",
    *,
    actor: object | None = "ada",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    query: str = "",
) -> Answer:
    """Return the answer to a request."""
    request = api.Request(method, path, query, {**JSON, **(headers or {})}, body)
    return api.answer(system, request, actor)


def act(system: System, headers: Any = None, **order: Any) -> Answer:
    """Order something."""
    body = json.dumps({"reason": "because", **order}).encode()
    return ask(system, api.ACTIONS, "POST", headers=headers, body=body)


def said(answer: Answer) -> Any:
    """Return an answer's JSON."""
    return json.loads(answer.body)
