"""Error handlers: ours before any catch-all, the user's own before ours."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, current_app, request

from resilience import ResilienceError
from resilience.web.problems import ANSWERED, answer_to
from resilience_flask.state import response_of


def register(app: Flask) -> None:
    """Answer `Rejected` and `DeadlineExceededError`, unless the app does so already."""
    taken = app.error_handler_spec[None][None]
    for kind in ANSWERED:
        if kind not in taken:
            app.register_error_handler(kind, answer)


def answer(error: Any) -> Any:
    """Return the answer to a call that was not made or took too long."""
    whole_family = current_app.error_handler_spec[None][None].get(ResilienceError)
    if whole_family is not None:  # the user's, who wants all of ours
        return current_app.ensure_sync(whole_family)(error)
    accept = request.headers.get("Accept", "")
    response: Response = response_of(answer_to(error, accept, request.root_path + request.path))
    return response


def outrank_catch_alls(app: Flask) -> None:
    """Put our handlers beside the catch-alls of blueprints.

    Flask looks through a blueprint's handlers before the app's: there one for `Exception` would
    be found before ours for `Rejected`.
    """
    in_app = app.error_handler_spec[None][None]
    for scope, by_code in list(app.error_handler_spec.items()):
        in_scope = by_code.get(None) if scope is not None else None
        for kind in ANSWERED:
            if in_scope and in_app.get(kind) is answer and _catches(in_scope, kind):
                in_scope[kind] = answer


def _catches(handlers: dict[type[Exception], Any], kind: type[Exception]) -> bool:
    """Tell whether `kind` would end in one of the handlers, none of which is meant for it."""
    found = [base for base in kind.__mro__ if base in handlers]
    return bool(found) and not issubclass(found[0], ResilienceError)
