"""The endpoints, for `path("", include("resilience_django.urls"))`."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.urls import path, register_converter

from resilience.web import endpoints
from resilience.web.admin import api
from resilience_django.serving import asked_of, response_of
from resilience_django.state import current, warn_of_missing_app

app_name = "resilience"

warn_of_missing_app()


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


def _operate(request: HttpRequest, rest: str | None = None) -> HttpResponse:
    """Serve the dashboard and its API to whom the project's own `authorize` names.

    Without one there is nothing here: the staff have the admin's, with its permissions.
    """
    state = current()
    path = api.ROOT if rest is None else api.HOME + rest
    is_there = state.is_open and state.web.endpoints
    actor = state.actor(request) if is_there else None
    return response_of(api.answer(state.system, asked_of(request, path), actor))


# Other methods are refused by themselves; the dashboard looks where a request comes from.
_serve.csrf_exempt = _operate.csrf_exempt = True  # type: ignore[attr-defined]


class _Metrics:
    """Their path, where the settings have it served; else the project may have one of its own."""

    regex = endpoints.METRICS.removeprefix("/")

    def to_python(self, value: str) -> str:
        """Return the endpoint."""
        if not current().web.metrics:
            raise ValueError(value)
        return endpoints.METRICS

    def to_url(self, value: str) -> str:
        """Return its path."""
        return self.regex


register_converter(_Metrics, "resilience_metrics")

_HOME = api.HOME.removeprefix("/")

urlpatterns = [
    path(endpoint.removeprefix("/"), _serve, {"endpoint": endpoint}, name=name)
    for name, endpoint in endpoints.NAMES.items()
] + [
    path("<resilience_metrics:endpoint>", _serve),
    path(api.ROOT.removeprefix("/"), _operate),
    path(_HOME, _operate, {"rest": ""}, name="admin"),
    path(f"{_HOME}<path:rest>", _operate),
]
