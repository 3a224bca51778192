"""One request on its way through an app, the same for every framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context, Token, copy_context
from math import inf
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple

from resilience.core.deadline import Deadline, sooner
from resilience.core.request import Request, present
from resilience.degradation.levels import Level
from resilience.limits.headers import DEADLINES, deadline_from_headers
from resilience.limits.queueing import EMPTY
from resilience.settings import WebSettings
from resilience.systems import System
from resilience.web import payloads
from resilience.web.admission import refusal
from resilience.web.endpoints import is_ours
from resilience.web.waiting import REQUEST_START, since_received, stamped

SOONEST = 0.001  # seconds; a deadline that has passed is one that passes at once
ENSURE_EVERY = 1.0  # seconds

READ = DEADLINES | {REQUEST_START}
"""The request headers that a passage reads, in lower case."""


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


class Site:
    """An app, as the passages of its requests know it.

    Args:
        system: whose guards the app uses.
        web: the app's own web settings.
    """

    __slots__ = ("_ensure_at", "degradation", "load", "monotonic", "system", "traffic", "web")

    def __init__(self, system: System, web: WebSettings) -> None:
        self.system = system
        self.web = web
        self.monotonic = system.runtime.clock.monotonic
        self.traffic = system.traffic
        self.load = system.load
        self.degradation = system.degradation
        self._ensure_at = -inf

    def ensure(self) -> None:
        """See to it that the background engine runs in this process; once a second is enough."""
        now = monotonic()
        if now >= self._ensure_at:
            self._ensure_at = now + ENSURE_EVERY
            self.system.ensure()


class Passage(Request):
    """One request on its way through an app.

    An integration has a class of its own, which knows the framework's requests. It makes one where
    a request comes in, runs the app inside it, and says when the body has ended:

        passage = AppsPassage(site, request)
        if not passage.at_ease:
            passage.admit(lambda: view_of(request))
        with passage:
            ...  # the app; again around each part of a body that is asked for later
        passage.finish(status, failed=False)

    It may be entered any number of times, one after the other, in whatever thread or context the
    app is called: what is marked as degraded and the time that is left go with the passage. Each
    time it leaves the context as it found it. `context()` does without entering and leaving.

    Every request makes one, so it does little: what few ask for is found out when they ask.

    Args:
        site: the app.
        source: the request, as the framework has it.
        connection: what `find_socket` finds the client's socket in, where the request does not say.

    Attributes:
        status: the HTTP status, once the answer has begun; for the integration to keep here.
        waited: seconds the request has waited to be taken up; None: nobody can tell.
        under_way: requests under way when it was taken up, itself included.
        at_ease: it was taken up at once, alone, and at the normal level, as most are: `pressed` is
            False.
    """

    status: int | None = None
    _failed = False
    _seconds: float | None = None
    outer: Request | None = None

    def __init__(self, site: Site, source: Any, connection: Any = None) -> None:
        self.site = site
        self.source = source
        self.connection = connection
        self.waited: float | None = None
        self._route: str | None = None
        self._started = now = site.monotonic()
        if now >= site.load.ask_at:
            self._ask()
        traffic = site.traffic
        under_way = traffic.under_way
        under_way.add(self)
        self.under_way = count = len(under_way)
        if count > traffic.peak:  # noqa: PLR1730 - `max` costs a call
            traffic.peak = count
        self.at_ease = count == 1 and not self.waited and site.degradation.at_rest

    # -- what an integration knows ------------------------------------------------------------

    @property
    def path(self) -> str:
        """The request's path below the app's root."""
        return "/"

    @property
    def method(self) -> str:
        """The request's method, in upper case."""
        return "GET"

    def read_headers(self) -> Mapping[str, str]:
        """Return those of the request's headers that are in `READ`; it may return others, too."""
        return self.all_headers

    def find_route(self) -> str:
        """Return the template of the route as the framework knows it now; "" for none."""
        return ""

    def find_socket(self) -> Any:
        """Return the client's socket, which knows since when the request has been waiting."""

    # -- around the app -----------------------------------------------------------------------

    def enter(self) -> Token[Request | None]:
        """Go inside; `present.reset` of what it returns leads out again."""
        token = present.set(self)
        self.outer = token.old_value
        return token

    def __enter__(self) -> Passage:
        self._entered = self.enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(ValueError):  # a dropped coroutine is closed in another context
            present.reset(self._entered)
        del self._entered  # it knows the context, which knows the passage

    def context(self) -> Context:
        """Return a copy of the present context, inside the passage for good.

        Whatever the app is asked for may `run` in it, which is quicker than to enter each time.
        """
        context = copy_context()
        context.run(self.enter)
        return context

    @property
    def route(self) -> str:
        """The template of the route, such as `/orders/<int:order>`, once the framework knows it.

        "" for what no route matches, so that made-up paths are one and not many.
        """
        return self.find_route() if self._route is None else self._route

    @property
    def outcome(self) -> Outcome | None:
        """How the request ended; None: it has not, or is none of the app's."""
        seconds = self._seconds
        return None if seconds is None else Outcome(self.status, self._failed, seconds)

    def keep_route(self) -> None:
        """Keep the route as it is known now, where the framework forgets it."""
        self._route = self.find_route()

    def degraded_header(self) -> str:
        """Return the value of `X-Degraded` by now; "" for none."""
        if not self.marks or not self.site.web.degraded_header:
            return ""
        return payloads.degraded_header(self.marks)

    def finish(self, status: int | None, failed: bool) -> None:
        """Hear that the body has ended, was given up by its reader, or never began.

        Only the first call counts, whichever thread it comes from.

        Args:
            status: the answer's HTTP status; None where no answer was begun.
            failed: the app raised, or its body broke off. An answer of 500 by itself is none: the
                status says that.
        """
        site = self.site
        traffic = site.traffic
        try:
            traffic.under_way.remove(self)
        except KeyError:  # has ended already, or is none of the app's
            return
        now = site.monotonic()
        self._seconds = seconds = now - self._started
        self.status = status
        route = self._route
        if route is None:
            self._route = route = self.find_route()
        if failed:
            self._failed = True
        elif status is not None and status >= 500:
            failed = True
        traffic.record(route, seconds, failed, self.waited, now)

    def leave_out(self) -> None:
        """Hear that the request is for an endpoint of ours, and none of the app's.

        Probes are quick and frequent, and would make the app look better than it is; streams of
        events are under way for hours.
        """
        self.site.traffic.under_way.discard(self)

    # -- whether it is served -----------------------------------------------------------------

    def pressed(self) -> bool:
        """Tell whether requests have to be turned away: then `admit` has to be asked."""
        site, waited = self.site, self.waited
        return (
            (
                (waited is not None and waited > EMPTY)
                or (
                    self.under_way > 1
                    and site.load.is_crowded(self.under_way, site.web.most_concurrent)
                )
                or not (site.degradation.at_rest or site.degradation.level is Level.NORMAL)
            )
            and site.web.shedding
            and site.system.active
        )

    def admit(self, find_view: Callable[[], Any] = lambda: None) -> None:
        """Turn the request away if not all can be served; our own endpoints never are.

        Args:
            find_view: returns what is to serve it, as it is registered; None: nothing. It is only
                asked while requests are turned away.

        Raises:
            OverloadedError: it is not served.
        """
        if not self.pressed() or is_ours(self.path, self.site.web):
            return
        try:
            error = refusal(self, find_view())
        except BaseException:  # such as routes that cannot be read: it ends here
            self.finish(None, failed=True)
            raise
        if error is not None:
            self.leave_out()
            self.site.traffic.refuse()
            raise error

    def _ask(self) -> None:
        """Find out how long the request has waited, which is of interest now."""
        site = self.site
        site.ensure()
        self.waited = waited = site.load.waited(self._stamp(), since_received(self.find_socket()))
        if waited is not None:
            site.traffic.note_wait(waited)

    def _stamp(self) -> float | None:
        """Return when a proxy saw the request, in seconds since 1970; None: none says."""
        if not self.site.web.request_start_header:
            return None
        header = self.read_headers().get(REQUEST_START)
        return stamped(header) if header else None

    # -- how much time it has -----------------------------------------------------------------

    @property
    def deadline(self) -> Deadline | None:
        """The request's deadline: the app's own, or the caller's where that is sooner.

        In an app inside another it is never later than that one's. What outlives a request that
        was answered in time is not bound by it.
        """
        try:
            own = self._deadline
        except AttributeError:
            own = self._deadline = self._own_deadline()
        if own is not None and self._seconds is not None:
            own.is_over = self._started + self._seconds < own.at
        outer = self.outer
        around = outer.deadline if isinstance(outer, Request) and outer is not self else None
        return around if own is None or own.is_over else sooner(around, own)

    _deadline: Deadline | None

    def _own_deadline(self) -> Deadline | None:
        web, clock, since = self.site.web, self.site.system.runtime.clock, self._started
        asked = self._asked() if web.deadline_header else None
        if asked is not None and (web.deadline is None or asked < web.deadline):
            return Deadline(asked, clock, asked=True, since=since)
        return None if web.deadline is None else Deadline(web.deadline, clock, since=since)

    def _asked(self) -> float | None:
        """Return the seconds that the caller had left when the request was taken up."""
        asked = deadline_from_headers(self.read_headers())
        if asked is None:
            return None
        waited, stamp = self.waited, self._stamp()
        if waited is None and stamp is not None:
            waited = self.site.load.told_by(stamp, ago=self.site.monotonic() - self._started)
        # The caller's time has run while the request waited.
        return max(SOONEST, asked - (waited or 0.0))
