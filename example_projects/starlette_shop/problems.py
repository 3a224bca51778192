"""Answers to what went wrong: pages for people, `application/problem+json` for programs.

Rejected calls are answered by `resilience_starlette`; this is for everything else.
"""

import logging
from http import HTTPStatus

import httpx2
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from starlette_shop.pages import prefers_page, templates

log = logging.getLogger("starlette_shop")


def register(app: FastAPI) -> None:
    """Answer errors of what is behind the shop with 502 and 503, HTTP errors with themselves."""
    app.exception_handler(httpx2.HTTPError)(_upstream_failed)
    app.exception_handler(SQLAlchemyError)(_database_failed)
    app.exception_handler(HTTPException)(_http_error)


async def _upstream_failed(request: Request, error: httpx2.HTTPError) -> Response:
    path, kind = request.url.path, type(error).__name__
    log.info("%s %s: upstream failed: %s", request.method, path, kind)
    said = "The service behind the shop did not answer as it should. Please try again."
    if request.method == "POST":
        said = "The payment service did not confirm your order. Nothing was sent."
    return _problem(request, 502, said)


async def _database_failed(request: Request, error: SQLAlchemyError) -> Response:
    path, kind = request.url.path, type(error).__name__
    log.warning("%s %s: orders failed: %s", request.method, path, kind)
    said = "Your order could not be written down. Please try again: it will not be paid twice."
    return _problem(request, 503, said)


async def _http_error(request: Request, error: HTTPException) -> Response:
    return _problem(request, error.status_code, error.detail)


def _problem(request: Request, status: int, detail: str) -> Response:
    title = HTTPStatus(status).phrase
    if prefers_page(request):
        said = {"title": title, "detail": detail}
        return templates.TemplateResponse(request, "problem.html", said, status_code=status)
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(problem, status, media_type="application/problem+json")
