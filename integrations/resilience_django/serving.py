"""Requests as the framework-free parts ask for them, and their answers."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from resilience.web.admin import api
from resilience.web.admin.page import ALONE, Frame
from resilience.web.answers import Answer


def asked_of(
    request: HttpRequest, path: str, frame: Frame = ALONE, home: str = api.ROOT
) -> api.Request:
    """Return a request to the dashboard.

    Args:
        request: Django's.
        path: the path as the dashboard knows it, whatever it is below.
        frame: what is added to the page.
        home: where the dashboard really is.
    """
    sent: Any = request.headers
    return api.Request(
        method=request.method or "GET",
        path=path,
        query=request.META.get("QUERY_STRING", ""),
        headers={name: sent[name] for name in api.HEADERS if name in sent},
        body=request.read(api.LARGEST + 1),
        root=request.META.get("SCRIPT_NAME", ""),
        home=home,
        frame=frame,
    )


def response_of(answer: Answer) -> HttpResponse:
    """Return an answer as a Django response."""
    return HttpResponse(
        answer.body,
        status=answer.status,
        content_type=answer.content_type,
        headers=dict(answer.headers),
    )
