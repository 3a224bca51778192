"""The endpoints, for `path("", include("resilience_django.urls"))`."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.urls import path

from resilience.web import endpoints
from resilience_django.state import current, response_of

app_name = "resilience"


def _serve(request: HttpRequest, *, endpoint: str) -> HttpResponse:
    """Answer from memory; no check runs."""
    state = current()
    answer = endpoints.answer(
        state.system,
        state.web,
        request.method or "GET",
        endpoint,
        {"accept": request.META.get("HTTP_ACCEPT", "")},
        partial(state.actor, request),
    )
    if answer is None:  # the `web` setting says that nothing is served
        return HttpResponse(status=404)
    return response_of(answer)


_serve.csrf_exempt = True  # type: ignore[attr-defined]  # other methods are refused by themselves

urlpatterns = [
    path(endpoint.removeprefix("/"), _serve, {"endpoint": endpoint}, name=name)
    for name, endpoint in (
        ("health", endpoints.HEALTH),
        ("live", endpoints.LIVE),
        ("ready", endpoints.READY),
        ("degradation", endpoints.DEGRADATION),
    )
]
