"""Answers to what went wrong: pages for people, `application/problem+json` for programs.

Rejected calls are answered by `resilience_django`; this is for everything else.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx2
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger("django_shop")


class ConflictError(Exception):
    """What was asked for is at odds with what is there."""


class ErrorMiddleware:
    """Answers errors of what is behind the shop with 502 and 503, and conflicts with 409."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve a request."""
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer what a view could not; other errors are somebody else's."""
        if isinstance(error, httpx2.HTTPError):
            return _upstream_failed(request, error)
        if isinstance(error, SQLAlchemyError):
            return _database_failed(request, error)
        return _problem(request, 409, str(error)) if isinstance(error, ConflictError) else None


def _upstream_failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.info("%s %s: upstream failed: %s", request.method, request.path, type(error).__name__)
    said = "The service behind the shop did not answer as it should. Please try again."
    if request.method == "POST":
        said = "The payment service did not confirm your order. Nothing was sent."
    return _problem(request, 502, said)


def _database_failed(request: HttpRequest, error: Exception) -> HttpResponse:
    log.warning("%s %s: orders failed: %s", request.method, request.path, type(error).__name__)
    said = "Your order could not be written down. Please try again: it will not be paid twice."
    return _problem(request, 503, said)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what a view refused."""
    return _problem(request, 400, str(exception))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what is not there."""
    return _problem(request, 404, "There is nothing here.")


def prefers_page(request: Any) -> bool:
    """Tell whether the client would rather have a page than JSON: browsers say so."""
    return "text/html" in request.headers.get("Accept", "")


def _problem(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    title = HTTPStatus(status).phrase
    if prefers_page(request):
        said = {"title": title, "detail": detail}
        return render(request, "problem.html", said, status=status)
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JsonResponse(problem, status=status, content_type="application/problem+json")
