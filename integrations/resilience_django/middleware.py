"""The middleware: each request's passage begins and ends here, sync and async."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings as project
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from resilience import ConfigurationError, OverloadedError
from resilience.core.request import present
from resilience.web import endpoints
from resilience.web.passage import Passage, Site
from resilience.web.problems import ANSWERED, answer_to
from resilience.web.views import warn_of_bypassed
from resilience.web.wsgi import WsgiPassage
from resilience_django.serving import response_of
from resilience_django.state import SETTING, State, current
from resilience_django.views import views

PATH = "resilience_django.middleware.ResilienceMiddleware"

_CREDENTIALS = ("HTTP_AUTHORIZATION", "HTTP_COOKIE")

GetResponse = Callable[[HttpRequest], Any]


class DjangoPassage(WsgiPassage):
    """The passage of a request to a Django project, by WSGI or ASGI."""

    source: HttpRequest

    @property
    def environ(self) -> dict[str, Any]:
        """What Django makes of the request, with the keys of WSGI."""
        meta: dict[str, Any] = self.source.META
        return meta

    @property
    def path(self) -> str:
        """The request's path below the project's root."""
        path: str = self.source.path_info
        return path

    @property
    def method(self) -> str:
        """The request's method, in upper case."""
        return self.source.method or "GET"

    def find_route(self) -> str:
        """Return the template of the route as Django knows it by now; "" for none."""
        match = self.source.resolver_match
        return "" if match is None else f"/{match.route}"


class ResilienceMiddleware:
    """Answers rejected calls, marks degraded answers, counts requests, sheds load.

    Put it first: then the probes answer whatever `ALLOWED_HOSTS`, `SECURE_SSL_REDIRECT` and login
    checks say, and requests that are turned away cost nothing else.

    Args:
        get_response: the next layer, sync or async.

    Raises:
        ImproperlyConfigured: the `RESILIENCE` setting is refused, or this middleware is listed
            twice.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        self._state = _state()
        self._site = Site(self._state.system, self._state.web)
        self._has_met = False

    def __call__(self, request: HttpRequest) -> Any:
        """Serve a request."""
        if self._is_async:
            return self._serve_async(request)
        passage = DjangoPassage(self._site, request)
        try:
            answer = self._before(request, passage)
            if answer is None:
                entry = present.set(passage)
                passage.outer = entry.old_value
                try:
                    answer = self._get_response(request)
                finally:
                    present.reset(entry)
            return _left(passage, answer)
        except BaseException:
            passage.finish(None, failed=True)
            raise

    async def _serve_async(self, request: HttpRequest) -> HttpResponseBase:
        passage = DjangoPassage(self._site, request)
        try:
            answer = self._before(request, passage)
            if answer is None:
                with passage:
                    answer = await self._get_response(request)
            return _left(passage, answer)
        except BaseException as error:
            passage.finish(None, failed=not isinstance(error, CancelledError))
            raise

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer a call that was not made or took too long; nobody else sees a view's errors."""
        return _answered(request, exception) if isinstance(exception, ANSWERED) else None

    def _meet(self) -> None:
        """Warn of what the project's URLs bypass, and of settings for what is not in its views.

        Neither is known before the URLs are read, which is at the first request.
        """
        self._has_met = True
        found: list[tuple[str, Any]] = []
        with suppress(Exception):  # URLs that cannot be read are Django's to tell of
            found = views()
        warn_of_bypassed(self._state.system, found)
        self._state.system.warn_of_unknown()

    def _before(self, request: HttpRequest, passage: Passage) -> HttpResponseBase | None:
        """Return the answer where the view need not be asked; None: it is to be."""
        if not self._has_met:
            self._meet()
        answer = None
        if request.path_info in endpoints.PROBES:
            answer = _probe(self._state, request)
            if answer is not None:
                passage.leave_out()
        elif not passage.at_ease:
            answer = _refusal(passage, request)
        return answer


def _state() -> State:
    try:
        listed = list(project.MIDDLEWARE).count(PATH)
        if listed > 1:
            raise ConfigurationError(f"MIDDLEWARE lists {PATH} {listed} times: list it once, first")
        return current()
    except ConfigurationError as error:
        raise ImproperlyConfigured(f"{SETTING}: {error}") from error


def _probe(state: State, request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a probe, unless who asks has yet to be found out by other layers."""
    path, method = request.path_info, request.method or "GET"
    if endpoints.asks_who(method, path) and any(map(request.META.get, _CREDENTIALS)):
        return None  # also where they are known by now: a user may have to be loaded, in a thread
    headers = {"accept": request.META.get("HTTP_ACCEPT", "")}
    answer = endpoints.answer(state.system, state.web, method, path, headers, lambda: None)
    return None if answer is None else response_of(answer)


def _refusal(passage: Passage, request: HttpRequest) -> HttpResponse | None:
    """Return the answer to a request that is turned away; None: it is served."""
    try:
        passage.admit(partial(_view_of, request))
    except OverloadedError as error:
        return _answered(request, error)
    return None


def _answered(request: HttpRequest, error: Any) -> HttpResponse:
    return response_of(answer_to(error, request.META.get("HTTP_ACCEPT", ""), request.path))


def _view_of(request: HttpRequest) -> Any:
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None)).func
    except Resolver404:
        return None


def _left(passage: Passage, response: Any) -> HttpResponseBase:
    """Return the response on its way out; the passage ends with its body."""
    passage.status = response.status_code
    if passage.marks and (value := passage.degraded_header()):
        response.headers["X-Degraded"] = value
    parts = getattr(response, "streaming_content", None)
    if parts is None or getattr(response, "file_to_stream", None) is not None:
        passage.finish(passage.status, failed=False)  # whole; or a file that the server sends
        return response
    body = _async_parts if getattr(response, "is_async", False) else _parts
    response.streaming_content = body(passage, parts)
    # A generator that nobody asked for a part never hears that it is closed.
    response._resource_closers.append(partial(passage.finish, passage.status, failed=False))
    return response


def _parts(passage: Passage, parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of a body, each made inside the passage, which ends with the last."""
    run, failed = passage.context().run, True
    try:
        body = run(iter, parts)
        while (part := run(next, body, None)) is not None:
            yield part
        failed = False
    except GeneratorExit:
        failed = False  # its reader has gone
        raise
    finally:
        passage.finish(passage.status, failed)


async def _async_parts(passage: Passage, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    failed = True
    try:
        while (part := await _next(passage, parts)) is not None:
            yield part
        failed = False
    except (GeneratorExit, CancelledError):
        failed = False
        raise
    finally:
        passage.finish(passage.status, failed)


async def _next(passage: Passage, parts: AsyncIterator[bytes]) -> bytes | None:
    with passage:
        step: Awaitable[bytes | None] = anext(parts, None)
        return await step
