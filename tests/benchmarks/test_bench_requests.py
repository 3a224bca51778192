"""The tables of requests: real apps, each of which answers as it should."""

import asyncio
from typing import Any

import pytest

from benchmarks import requests
from benchmarks.requests import REQUEST_GROUPS, WITH


@pytest.mark.parametrize("key", REQUEST_GROUPS)
def test_a_table_has_ours_beside_the_bare_framework(key: str) -> None:
    """Ratios are over the latter; each of them can be timed."""
    group = REQUEST_GROUPS[key]([])

    names = [subject.name for subject in group.subjects]
    assert names[0] == group.baseline
    assert names[-1] == WITH
    assert all(subject.loop(3) > 0 for subject in group.subjects)


@pytest.mark.parametrize("make", [requests.starlette_app, requests.fastapi_app])
def test_an_asgi_app_is_really_asked(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers 200, and with ours as well."""
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    monkeypatch.setattr(requests, "_send", send)
    for app in (make(), requests._with_ours(make())):
        asyncio.run(requests.ask_asgi(app))

    assert statuses == [200, 200]


def test_a_wsgi_app_is_really_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers 200."""
    statuses: list[str] = []
    monkeypatch.setattr(requests, "_start_response", lambda status, *_: statuses.append(status))

    for app in (requests.flask_app(), requests.django_app(False), requests.django_app(True)):
        requests.ask_wsgi(app)

    assert statuses == ["200 OK"] * 3
