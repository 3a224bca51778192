"""One request on its way through an app, the same for every framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Context, Token, copy_context
from types import TracebackType
from typing import Any, NamedTuple

from resilience.core import deadline, degraded
from resilience.core.request import present
from resilience.degradation.levels import Level
from resilience.limits.headers import DEADLINES, deadline_from_headers
from resilience.limits.queueing import EMPTY
from resilience.settings import WebSettings
from resilience.systems import System
from resilience.telemetry.traffic import Traffic
from resilience.web import endpoints, payloads
from resilience.web.admission import refusal
from resilience.web.waiting import REQUEST_START, since_received, stamped

SOONEST = 0.001  # seconds; a deadline that has passed is one that passes at once

READ = DEADLINES | {REQUEST_START}
"""The request headers that a passage reads, in lower case; it need be given no others."""


class Outcome(NamedTuple):
    """How a request ended.

    Args:
        status: the HTTP status; None where no answer was begun.
        failed: the app raised, or its body broke off.
        seconds: from the making of the passage to the end of the body, >= 0.
    """

    status: int | None
    failed: bool
    seconds: float


class Passage:
    """One request on its way through an app.

    An integration makes one where a request comes in, runs the app inside it, and says when the
    body has ended:

        passage = Passage(system, web, headers, path, method)
        if passage.pressed():
            passage.admit(view_of(request))
        with passage:
            ...  # the app; again around each part of a body that is asked for later
        passage.finish(status, failed=False)

    It may be entered any number of times, one after the other, in whatever thread or context the
    app is called: what is marked as degraded and the time that is left go with the passage. Each
    time it leaves the context as it found it. `context()` does without entering and leaving.

    Args:
        system: whose guards the app uses.
        web: the app's own web settings.
        headers: those of the request's that are in `READ`, `{name in lower case: value}`.
        path: the request's path below the app's root.
        method: the request's method, in upper case.
        connection: the client's socket, where the server hands it out: it knows since when the
            request has been waiting.

    Attributes:
        status: the HTTP status, once the answer has begun; for the integration to keep here.
        waited: seconds the request has waited to be taken up; None: nobody can tell.
        under_way: requests under way when it was taken up, itself included.
        find_headers: tells all headers of the request, `{name in lower case: value}`.
        find_route: tells the route when somebody asks for it; "" as long as it is not known.
    """

    __slots__ = (
        "_deadline", "_ended", "_marks", "_refused", "_route", "_started", "_tokens", "_traffic",
        "_unfinished", "find_headers", "find_route", "headers", "method", "path", "status",
        "system", "under_way", "waited", "web",
    )  # fmt: skip

    def __init__(  # noqa: PLR0917 - a request in the order it is written
        self,
        system: System,
        web: WebSettings,
        headers: Mapping[str, str],
        path: str,
        method: str,
        connection: Any = None,
    ) -> None:
        self.system = system
        self.web = web
        self.headers = headers
        self.path = path
        self.method = method
        self.status: int | None = None
        self.waited: float | None = None
        self.under_way = 0
        self._route = ""
        self.find_route: Callable[[], str] | None = None
        self.find_headers: Callable[[], Mapping[str, str]] | None = None
        self._refused = False
        self._ended: tuple[int | None, bool, float] | None = None
        self._unfinished = [True]
        self._marks = degraded.Marks()
        self._tokens: list[tuple[Token[Any], Token[Any] | None, Token[Any] | None]] | None = None
        self._started = system.runtime.clock.monotonic()
        self._traffic: Traffic | None = None
        # Probes are quick and frequent, and would make the app look better than it is.
        if not (web.endpoints and (path in endpoints.PATHS or path.startswith(endpoints.ADMIN))):
            self._take_up(connection)
        self._deadline: deadline.Deadline | None = None
        if headers or web.deadline is not None:
            self._deadline = self._its_deadline()

    def __enter__(self) -> Passage:
        token = None if self._deadline is None else deadline.resume(self._deadline)
        seen = present.set(self) if self.system.runtime.watchers else None
        if self._tokens is None:
            self._tokens = []
        self._tokens.append((degraded.resume(self._marks), token, seen))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._tokens is not None
        marks, limit, seen = self._tokens.pop()
        degraded.end(marks)
        if limit is not None:
            deadline.end(limit)
        if seen is not None:
            present.reset(seen)

    def context(self) -> Context:
        """Return a copy of the present context, inside the passage for good.

        Whatever the app is asked for may `run` in it, which is quicker than to enter each time.
        """
        context = copy_context()
        context.run(degraded.resume, self._marks)
        if self._deadline is not None:
            context.run(deadline.resume, self._deadline)
        if self.system.runtime.watchers:
            context.run(present.set, self)
        return context

    @property
    def all_headers(self) -> Mapping[str, str]:
        """All headers of the request, for who does not ask often; else those in `READ`."""
        return self.headers if self.find_headers is None else self.find_headers()

    @property
    def route(self) -> str:
        """The template of the route, such as `/orders/<int:order>`, once the framework knows it.

        "" for what no route matches, so that made-up paths are one and not many.
        """
        if not self._route and self.find_route is not None:
            return self.find_route()
        return self._route

    @route.setter
    def route(self, template: str) -> None:
        self._route, self.find_route = template, None

    @property
    def outcome(self) -> Outcome | None:
        """How the request ended; None: it has not."""
        return None if self._ended is None else Outcome(*self._ended)

    def pressed(self) -> bool:
        """Tell whether requests have to be turned away: then `admit` has to be asked."""
        web, system, waited = self.web, self.system, self.waited
        return (
            self._traffic is not None
            and web.shedding
            and system.runtime.active
            and (
                system.degradation.level is not Level.NORMAL
                or (waited is not None and waited > EMPTY)
                or (
                    self.under_way > 1
                    and system.load.is_crowded(self.under_way, web.most_concurrent)
                )
            )
            and system.active
        )

    def admit(self, view: Any = None) -> None:
        """Turn the request away if not all can be served; our own endpoints never are.

        Args:
            view: what is to serve it, as it is registered; None: nothing.

        Raises:
            OverloadedError: it is not served.
        """
        if self.pressed():
            error = refusal(self, view)
            if error is not None:
                self._refused = True
                raise error

    def begin_answer(self, status: int) -> str:
        """Keep the status, and the route, which frameworks forget; return `degraded_header()`."""
        self.status = status
        if self.find_route is not None:
            self._route, self.find_route = self.find_route(), None
        return self.degraded_header() if self._marks else ""

    def degraded_header(self) -> str:
        """Return the value of `X-Degraded` by now; "" for none."""
        if not self._marks or not self.web.degraded_header:
            return ""
        return payloads.degraded_header(self._marks)

    def finish(self, status: int | None, failed: bool) -> None:
        """Hear that the body has ended, was given up by its reader, or never began.

        Only the first call counts, whichever thread it comes from.

        Args:
            status: the answer's HTTP status; None where no answer was begun.
            failed: the app raised, or its body broke off. An answer of 500 by itself is none: the
                status says that.
        """
        if not self._unfinished:
            return
        try:
            self._unfinished.pop()
        except IndexError:  # another thread was quicker
            return
        now = self.system.runtime.clock.monotonic()
        seconds = now - self._started
        self._ended = (status, failed, seconds)
        if self._traffic is None:
            return
        if self._refused:
            self._traffic.refuse()
        else:
            failed = failed or (status or 0) >= 500
            self._traffic.leave(self.route, seconds, failed, self.waited, now)

    def _take_up(self, connection: Any) -> None:
        load = self.system.load
        header = self.headers.get(REQUEST_START) if self.web.request_start_header else None
        if header or load.asks(self._started):
            stamp = stamped(header) if header else None
            self.waited = load.waited(stamp, since_received(connection))
        self._traffic = self.system.traffic
        self.under_way = self._traffic.arrive(self.waited, self._started)

    def _its_deadline(self) -> deadline.Deadline | None:
        """Return the request's deadline: the app's own, or the caller's where that is earlier.

        The caller's time has run while the request waited.
        """
        own, clock, asked = self.web.deadline, self.system.runtime.clock, None
        if self.headers and self.web.deadline_header:
            asked = deadline_from_headers(self.headers)
        if asked is not None:
            left = max(SOONEST, asked - (self.waited or 0.0))
            if own is None or left < own:
                return deadline.within(left, clock, asked=True)
        return None if own is None else deadline.within(own, clock)
