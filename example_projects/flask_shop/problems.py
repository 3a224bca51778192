"""Answers to what went wrong: pages for people, `application/problem+json` for programs.

Rejected calls are answered by `resilience_flask`; this is for everything else.
"""

import logging

import httpx2
from flask import Flask, Response, jsonify, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from flask_shop.pages import prefers_page

log = logging.getLogger("flask_shop")

Answer = tuple[str | Response, int]


def register(app: Flask) -> None:
    """Answer errors of what is behind the shop with 502 and 503, HTTP errors with themselves."""
    app.register_error_handler(httpx2.HTTPError, _upstream_failed)
    app.register_error_handler(SQLAlchemyError, _database_failed)
    app.register_error_handler(HTTPException, _http_error)


def _upstream_failed(error: Exception) -> Answer:
    log.info("%s %s: upstream failed: %s", request.method, request.path, type(error).__name__)
    said = "The service behind the shop did not answer as it should. Please try again."
    if request.method == "POST":
        said = "The payment service did not confirm your order. Nothing was sent."
    return _problem(502, "Bad Gateway", said)


def _database_failed(error: Exception) -> Answer:
    log.warning("%s %s: orders failed: %s", request.method, request.path, type(error).__name__)
    said = "Your order could not be written down. Please try again: it will not be paid twice."
    return _problem(503, "Service Unavailable", said)


def _http_error(error: Exception) -> Answer | HTTPException:
    assert isinstance(error, HTTPException)
    if error.code is None or error.code < 400:
        return error  # a redirect is no problem
    return _problem(error.code, error.name, error.description or "")


def _problem(status: int, title: str, detail: str) -> Answer:
    if prefers_page(request.accept_mimetypes):
        return render_template("problem.html", title=title, detail=detail), status
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    answer = jsonify(problem)
    answer.content_type = "application/problem+json"
    return answer, status
