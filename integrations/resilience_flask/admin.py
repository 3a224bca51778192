"""The dashboard and its API in Flask."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, current_app, request

from resilience.web.admin import api
from resilience_flask.state import NAME, State, response_of

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def add_to(blueprint: Blueprint) -> None:
    """Add the routes of the dashboard; every method comes to us, so that none tells it is there.

    So does the path without its slash, which Flask would send on by itself, for strangers, too.
    """
    for rule in (api.ROOT, api.HOME, f"{api.HOME}<path:rest>"):
        blueprint.add_url_rule(
            rule, "admin", _serve, methods=_METHODS, provide_automatic_options=False
        )


def exempt(app: Flask) -> None:
    """Leave Flask-WTF's tokens out of it, where it is there: we look where a request comes from."""
    protection: Any = app.extensions.get("csrf")
    blueprint = app.blueprints.get(NAME)
    if blueprint is not None and hasattr(protection, "exempt"):
        protection.exempt(blueprint)


def _serve(**_: str) -> Response:
    state: State = current_app.extensions[NAME]
    actor = state.actor()
    asked = api.Request(
        method=request.method,
        path=request.path,
        query=request.query_string.decode("latin-1"),
        headers={name: request.headers[name] for name in api.HEADERS if name in request.headers},
        body=b"" if actor is None else request.stream.read(api.LARGEST + 1),
        root=request.root_path,
    )
    return response_of(api.answer(state.system, asked, actor))
