"""One request on its way through an app, the same for every framework."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import Token
from types import TracebackType
from typing import Any, NamedTuple

from resilience.core import deadline, degraded
from resilience.limits.headers import DEADLINES, deadline_from_headers
from resilience.settings import WebSettings
from resilience.systems import System
from resilience.web import endpoints, payloads

READ = DEADLINES
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
        with passage:
            ...  # the app; again around each part of a body that is asked for later
        passage.finish(status, failed=False)

    It may be entered any number of times, one after the other, in whatever thread or context the
    app is called: what is marked as degraded and the time that is left go with the passage. Each
    time it leaves the context as it found it.

    Args:
        system: whose guards the app uses.
        web: the app's own web settings.
        headers: those of the request's that are in `READ`, `{name in lower case: value}`.
        path: the request's path below the app's root.
        method: the request's method, in upper case.
    """

    __slots__ = (
        "_deadline",
        "_marks",
        "_started",
        "_tokens",
        "_traffic",
        "_unfinished",
        "headers",
        "method",
        "outcome",
        "path",
        "route",
        "status",
        "system",
        "web",
    )

    def __init__(
        self, system: System, web: WebSettings, headers: Mapping[str, str], path: str, method: str
    ) -> None:
        self.system = system
        self.web = web
        self.headers = headers
        self.path = path
        self.method = method
        self.route = ""
        """The template of the route, such as `/orders/<int:order>`, once the integration knows it;
        "" for what no route matches, so that made-up paths are one and not many."""
        self.status: int | None = None
        """The HTTP status, once the answer has begun; for the integration to keep here."""
        self.outcome: Outcome | None = None
        self._started = system.runtime.clock.monotonic()
        self._deadline = self._its_deadline()
        self._marks = degraded.Marks()
        self._tokens: list[tuple[Token[Any], Token[Any] | None]] = []
        self._unfinished = [True]
        # Probes are quick and frequent, and would make the app look better than it is.
        self._traffic = None if endpoints.is_own(web, path) else system.traffic
        if self._traffic is not None:
            self._traffic.arrive()

    def __enter__(self) -> Passage:
        token = None if self._deadline is None else deadline.resume(self._deadline)
        self._tokens.append((degraded.resume(self._marks), token))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        marks, limit = self._tokens.pop()
        degraded.end(marks)
        if limit is not None:
            deadline.end(limit)

    def degraded_header(self) -> str:
        """Return the value of `X-Degraded` by now; "" for none."""
        return payloads.degraded_header(self._marks) if self.web.degraded_header else ""

    def finish(self, status: int | None, failed: bool) -> None:
        """Hear that the body has ended, was given up by its reader, or never began.

        Only the first call counts, whichever thread it comes from.

        Args:
            status: the answer's HTTP status; None where no answer was begun.
            failed: the app raised, or its body broke off. An answer of 500 by itself is none: the
                status says that.
        """
        try:
            self._unfinished.pop()
        except IndexError:
            return
        seconds = self.system.runtime.clock.monotonic() - self._started
        self.outcome = Outcome(status, failed, seconds)
        if self._traffic is not None:
            self._traffic.leave(self.route, seconds, failed or (status or 0) >= 500)

    def _its_deadline(self) -> deadline.Deadline | None:
        """Return the request's deadline: the app's own, or the caller's where that is earlier."""
        own, clock, asked = self.web.deadline, self.system.runtime.clock, None
        if self.headers and self.web.deadline_header:
            asked = deadline_from_headers(self.headers)
        if asked is not None and (own is None or asked < own):
            return deadline.within(asked, clock, asked=True)
        return None if own is None else deadline.within(own, clock)
