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
from resilience.web import payloads
from resilience.web.admission import refusal
from resilience.web.endpoints import ROOTS, is_ours
from resilience.web.waiting import REQUEST_START, since_received, stamped

Entry = tuple[Token[Any], Token[Any] | None, Token[Any] | None]
"""What leads out of a passage again: what was marked, left and served before."""

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
        connection: what the server hands out and `socket_of` finds the client's socket in, which
            knows since when the request has been waiting.
        socket_of: finds it, or None; only asked now and then.

    Attributes:
        status: the HTTP status, once the answer has begun; for the integration to keep here.
        marks: what was stood in for by now.
        waited: seconds the request has waited to be taken up; None: nobody can tell.
        under_way: requests under way when it was taken up, itself included.
        find_headers: tells all headers of the request, `{name in lower case: value}`.
        find_route: tells the route when somebody asks for it; "" as long as it is not known.
    """

    __slots__ = (
        "_deadline", "_ended", "_entries", "_refused", "_route", "_started", "_traffic",
        "_unfinished", "find_headers", "find_route", "headers", "marks", "method", "path", "status",
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
        socket_of: Callable[[Any], Any] = lambda connection: connection,
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
        self.marks = degraded.Marks()
        self._entries: list[Entry] | None = None
        self._started = started = system.runtime.clock.monotonic()
        self._traffic: Traffic | None = None
        # Probes are quick and frequent, and would make the app look better than it is.
        if not (web.endpoints and path.startswith(ROOTS) and is_ours(path)):
            if headers or started >= system.load.ask_at:
                self._ask(connection, socket_of)
            self._traffic = system.traffic
            self.under_way = self._traffic.arrive(self.waited, started)
        self._deadline: deadline.Deadline | None = None
        if headers or web.deadline is not None:
            self._deadline = self._its_deadline()

    def enter(self) -> Entry:
        """Go inside, for an integration that keeps what `leave` needs; `with` keeps it itself."""
        limit = self._deadline
        return (
            degraded.resume(self.marks),
            None if limit is None else deadline.resume(limit),
            present.set(self) if self.system.runtime.watchers else None,
        )

    def leave(self, entry: Entry) -> None:
        """Leave the context as `enter` found it.

        Args:
            entry: what `enter` returned.
        """
        marks, limit, seen = entry
        degraded.end(marks)
        if limit is not None:
            deadline.end(limit)
        if seen is not None:
            present.reset(seen)

    def __enter__(self) -> Passage:
        if self._entries is None:
            self._entries = []
        self._entries.append(self.enter())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._entries is not None
        self.leave(self._entries.pop())

    def context(self) -> Context:
        """Return a copy of the present context, inside the passage for good.

        Whatever the app is asked for may `run` in it, which is quicker than to enter each time.
        """
        context = copy_context()
        context.run(degraded.resume, self.marks)
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
            (
                (waited is not None and waited > EMPTY)
                or (
                    self.under_way > 1
                    and system.load.is_crowded(self.under_way, web.most_concurrent)
                )
                or not (system.degradation.at_rest or system.degradation.level is Level.NORMAL)
            )
            and self._traffic is not None
            and web.shedding
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
        return self.degraded_header() if self.marks else ""

    def degraded_header(self) -> str:
        """Return the value of `X-Degraded` by now; "" for none."""
        if not self.marks or not self.web.degraded_header:
            return ""
        return payloads.degraded_header(self.marks)

    def finish(self, status: int | None, failed: bool, route: str | None = None) -> None:
        """Hear that the body has ended, was given up by its reader, or never began.

        Only the first call counts, whichever thread it comes from.

        Args:
            status: the answer's HTTP status; None where no answer was begun.
            failed: the app raised, or its body broke off. An answer of 500 by itself is none: the
                status says that.
            route: its template, where the integration has just found it; None: as it is known.
        """
        if not self._unfinished:
            return
        try:
            self._unfinished.pop()
        except IndexError:  # another thread was quicker
            return
        if route is None:
            route = self.route
        else:
            self._route, self.find_route = route, None
        now = self.system.runtime.clock.monotonic()
        seconds = now - self._started
        self._ended = (status, failed, seconds)
        if self._traffic is None:
            return
        if self._refused:
            self._traffic.refuse()
        else:
            failed = failed or (status or 0) >= 500
            self._traffic.leave(route, seconds, failed, self.waited, now)

    def _ask(self, connection: Any, socket_of: Callable[[Any], Any]) -> None:
        """Find out how long the request has waited, if that is of interest."""
        load = self.system.load
        header = self.headers.get(REQUEST_START) if self.web.request_start_header else None
        if header or self._started >= load.ask_at:
            stamp = stamped(header) if header else None
            self.waited = load.waited(stamp, since_received(socket_of(connection)))

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
