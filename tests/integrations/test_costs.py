"""What a request that nothing is wrong with costs: calls of ours, which no machine makes fewer."""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from tests.integrations.django_project import set_up

set_up()

from django.http import HttpResponse  # noqa: E402
from django.test import RequestFactory  # noqa: E402

from benchmarks.requests import ask_asgi, ask_wsgi, flask_app, starlette_app  # noqa: E402
from resilience import System  # noqa: E402
from resilience.core.deadline import Deadline  # noqa: E402
from resilience.web.passage import Passage, Site  # noqa: E402
from resilience_django.middleware import ResilienceMiddleware  # noqa: E402
from resilience_flask import Resilience as FlaskResilience  # noqa: E402
from resilience_starlette import Resilience as StarletteResilience  # noqa: E402

REQUESTS = 32
"""So many that what is done once in a while is not taken for what is done for each."""


def starlette(system: System) -> Callable[[], Any]:
    """Return what asks an app for its page."""
    app = starlette_app()
    StarletteResilience(app, system=system)
    return lambda: asyncio.run(ask_asgi(app))


def flask(system: System) -> Callable[[], Any]:
    """Return what asks an app for its page."""
    app = flask_app()
    FlaskResilience(app, system=system)
    return lambda: ask_wsgi(app)


def django(system: System) -> Callable[[], Any]:
    """Return what asks the middleware around a view."""
    middleware = ResilienceMiddleware(lambda request: HttpResponse("hello"))
    middleware._site = Site(system, middleware._site.web)
    requests = RequestFactory()
    return lambda: middleware(requests.get("/"))


def calls_of_ours(ask: Callable[[], Any]) -> Counter[str]:
    """Return which functions of ours ran in each of `REQUESTS` requests."""
    seen: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event == "call" and module.startswith("resilience") and "testing" not in module:
            seen[f"{module}.{frame.f_code.co_qualname}"] += 1

    ask()
    sys.setprofile(note)
    try:
        for _ in range(REQUESTS):
            ask()
    finally:
        sys.setprofile(None)
    return Counter({name: times // REQUESTS for name, times in seen.items()})


@pytest.mark.parametrize(("site", "most"), [(starlette, 7), (flask, 14), (django, 8)])
def test_a_request_costs_few_calls(
    system: System, site: Callable[[System], Callable[[], Any]], most: int
) -> None:
    """A call in the way of every request is to be put there on purpose."""
    calls = calls_of_ours(site(system))

    assert 0 < calls.total() <= most, calls


def test_nothing_is_made_that_nobody_asked_for(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No deadline without a setting or a header, and no question to the socket for each request."""
    made: list[str] = []
    monkeypatch.setattr(Deadline, "__init__", lambda *_, **__: made.append("a deadline"))
    ask = starlette(system)
    ask()  # the first one asks how long requests wait

    monkeypatch.setattr(Passage, "_ask", lambda *_: made.append("a question"))
    ask()

    assert made == []
    assert system.traffic.totals().finished == 2
