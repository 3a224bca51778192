"""What every web framework's integration does: one set of cases, run against every site there is.

A site is an app with the routes of `Shop`, set up with the shop's system, and a way to ask it. A
framework adds its own in a `<framework>_site.py`: `SITES`, a function that makes each by its name.
What is about overload, health, the dashboard and experiments stands in a contract of its own.
"""

import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple, Protocol

import pytest

from resilience import (
    Circuit,
    DeadlineExceededError,
    System,
    critical,
    remaining,
    sheddable,
)
from resilience.testing import ManualClock, force_open

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
SECRET = "postgres://admin:hunter2@10.0.0.7"  # what an exception's text may hold
OPERATOR = {"Authorization": "Bearer operator"}
PROBE_PATHS = ["/health", "/health/live", "/health/ready"]
ENDPOINTS = [*PROBE_PATHS, "/degradation"]
ROUTES = ["pay", "prices", "reviews", "late", "broken", "left", "quote", "checkout", "extras"]
"""Each is served below `/` by the method of `Shop` of its name."""


class Reply(NamedTuple):
    """An answer as it came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Ask(Protocol):
    """Send a request and return the reply."""

    def __call__(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """Return the reply to one request."""


class Shop:
    """Guarded calls for a framework's views: each of `ROUTES` calls the method of its name.

    `/missing/<status>` calls `missing(status, abort)` with the framework's own way to answer with
    a status, and `/parts` streams `parts()` in the framework's own way.
    """

    def __init__(self) -> None:
        self.clock = ManualClock()
        settings = {"web": {"metrics": True}}
        self.system = System(settings, clock=self.clock, random=random.Random(7))
        self.healthy = True
        self.asked = 0  # how often what the shop calls was reached
        circuit, fallback = self.system.circuit, self.system.fallback
        self.pay: Any = circuit("payments", failure_threshold=1, reset_timeout=20)(self._answer)
        self.prices: Any = fallback("old", stale_for=60)(circuit("prices <b>£")(self._answer))
        self.reviews: Any = fallback("none")(circuit("reviews", failure_threshold=1)(self._answer))
        quotes = circuit("quotes", failure_threshold=1)
        self.quote: Any = self.system.timeout(4.0)(quotes(self._quote))
        self._looked_up: Any = circuit("missing", failure_threshold=1)(self._look_up)

    def circuit(self, name: str) -> Circuit:
        """Return one of the shop's circuits."""
        return self.system.circuits[name]

    def missing(self, status: int, abort: Callable[[int], Any]) -> str:
        """Answer with a status, from inside a circuit."""
        return str(self._looked_up(status, abort))

    def late(self) -> str:
        """Run out of time."""
        raise DeadlineExceededError(f"2 s passed waiting for {SECRET}")

    def broken(self) -> str:
        """Fail as ours never does."""
        return str(1 // 0)

    def left(self) -> str:
        """Tell how many seconds the request has."""
        return str(remaining())

    @critical
    def checkout(self) -> str:
        """Do what the shop lives on."""
        return "paid"

    @sheddable
    def extras(self) -> str:
        """Do what is nice to have."""
        return "more"

    def parts(self) -> Iterator[str]:
        """Yield what a streamed answer is made of: a guarded call, and the seconds left by then."""
        yield self.reviews()
        self.clock.advance(1)
        yield f" {remaining()}"

    def _answer(self) -> str:
        self.asked += 1
        if not self.healthy:
            raise ConnectionError(SECRET)
        return "fresh"

    def _quote(self) -> str:
        self.clock.advance(3 if self.healthy else 5)
        return "quoted"

    @staticmethod
    def _look_up(status: int, abort: Callable[[int], Any]) -> str:
        abort(status)
        return "found"

    @staticmethod
    def authorize(token: str) -> str | None:
        """Return the actor that a bearer token stands for."""
        return "ops" if token == OPERATOR["Authorization"] else None


class AsyncShop(Shop):
    """The same calls for async views: guarded coroutine functions, and an async body."""

    async def missing(self, status: int, abort: Callable[[int], Any]) -> str:  # type: ignore[override]
        """Answer with a status, from inside a circuit."""
        return str(await self._looked_up(status, abort))

    async def late(self) -> str:  # type: ignore[override]
        """Run out of time."""
        return super().late()

    async def broken(self) -> str:  # type: ignore[override]
        """Fail as ours never does."""
        return super().broken()

    async def left(self) -> str:  # type: ignore[override]
        """Tell how many seconds the request has."""
        return super().left()

    @critical
    async def checkout(self) -> str:  # type: ignore[override]
        """Do what the shop lives on."""
        return super().checkout()

    @sheddable
    async def extras(self) -> str:  # type: ignore[override]
        """Do what is nice to have."""
        return super().extras()

    async def parts(self) -> AsyncIterator[str]:  # type: ignore[override]
        """Yield what a streamed answer is made of."""
        yield await self.reviews()
        self.clock.advance(1)
        yield f" {remaining()}"

    async def _answer(self) -> str:  # type: ignore[override]
        return super()._answer()

    async def _quote(self) -> str:  # type: ignore[override]
        return super()._quote()

    @staticmethod
    async def _look_up(status: int, abort: Callable[[int], Any]) -> str:  # type: ignore[override]
        return Shop._look_up(status, abort)


@dataclass
class Site:
    """A running app with the shop's routes; its authorization is `Shop.authorize`."""

    ask: Ask
    shop: Shop


Sites = dict[str, Callable[[], Site]]
"""What makes a framework's sites, by their names."""


class WebContract:
    """The cases; a subclass gives the `site` that they are run against."""

    # -- answers to errors --------------------------------------------------------------------

    def test_a_healthy_answer_is_left_alone(self, site: Site) -> None:
        """Nothing is added to what goes well."""
        reply = site.ask("/pay")

        assert (reply.status, reply.body) == (200, b"fresh")
        assert not {"x-degraded", "retry-after", "cache-control"} & set(reply.headers)

    def test_an_open_circuit_is_a_503_with_the_time_to_wait(self, site: Site) -> None:
        """Whole seconds, rounded up; never cached; the cause stays inside."""
        site.shop.healthy = False
        site.ask("/pay")
        waited = ceil(site.shop.circuit("payments").snapshot().retry_after)

        reply = site.ask("/pay")

        assert reply.status == 503
        assert 18 <= waited <= 22
        assert reply.headers["retry-after"] == str(waited)
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "accept" in reply.headers["vary"].lower()
        assert reply.json == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": f"“payments” does not answer at the moment. Try again in {waited} seconds.",
            "instance": "/pay",
            "circuit": "payments",
            "retry_after": waited,
        }
        assert b"hunter2" not in reply.body

    def test_an_open_circuit_keeps_requests_from_what_it_guards(self, site: Site) -> None:
        """A middleware that rejects and lets every view run all the same is of no use."""
        site.shop.healthy = False
        site.ask("/pay")
        assert site.shop.asked == 1

        replies = [site.ask("/pay") for _ in range(5)]

        assert [reply.status for reply in replies] == [503] * 5
        assert site.shop.asked == 1

    def test_a_browser_gets_a_page(self, site: Site) -> None:
        """Plain semantic HTML that a strict content security policy leaves whole."""
        force_open("payments", system=site.shop.system)

        reply = site.ask("/pay", headers={"Accept": BROWSER})

        page = reply.body.decode()
        assert reply.status == 503
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert reply.headers["retry-after"] == "3600"
        assert '<html lang="en">' in page
        assert "<h1>Service Unavailable</h1>" in page
        assert "payments" in page
        assert not [each for each in ("<script", "<style", "style=", "//") if each in page]

    def test_a_head_request_gets_the_headers_only(self, site: Site) -> None:
        """HEAD is answered as GET, without the body."""
        force_open("payments", system=site.shop.system)

        reply = site.ask("/pay", "HEAD")

        assert (reply.status, reply.body, reply.headers["retry-after"]) == (503, b"", "3600")

    def test_a_passed_deadline_is_a_504(self, site: Site) -> None:
        """Without a time to wait, and without the exception's text."""
        reply = site.ask("/late")

        assert reply.status == 504
        assert "retry-after" not in reply.headers
        assert reply.headers["cache-control"] == "no-store"
        assert reply.json["title"] == "Gateway Timeout"
        assert b"hunter2" not in reply.body

    def test_other_errors_are_untouched(self, site: Site) -> None:
        """What is not ours is answered by the framework."""
        reply = site.ask("/broken")

        assert reply.status == 500
        assert "problem+json" not in reply.headers["content-type"]

    @pytest.mark.parametrize("status", [400, 403, 404, 410, 429])
    def test_a_client_error_is_no_failure(self, site: Site, status: int) -> None:
        """An answer below 500 says that the thing called works."""
        replies = [site.ask(f"/missing/{status}").status for _ in range(3)]

        assert [status] * 3 == replies
        assert site.shop.circuit("missing").snapshot().failures == 0
        assert site.shop.circuit("missing").state == "closed"

    def test_a_server_error_by_status_is_a_failure(self, site: Site) -> None:
        """502 from inside a circuit opens it."""
        site.ask("/missing/502")

        assert site.shop.circuit("missing").state == "open"
        assert site.ask("/missing/404").status == 503

    # -- what was stood in for ----------------------------------------------------------------

    def test_a_degraded_answer_says_so(self, site: Site) -> None:
        """Names and ways, of this request only, in characters that headers may hold."""
        site.ask("/prices")
        site.shop.healthy = False

        stale, plain = site.ask("/prices"), site.ask("/reviews")

        assert (stale.status, stale.body) == (200, b"fresh")
        assert stale.headers["x-degraded"] == "prices__b__=stale"
        assert plain.headers["x-degraded"] == "reviews=fallback"
        site.shop.healthy = True
        assert "x-degraded" not in site.ask("/pay").headers

    def test_a_streamed_answer_is_begun_before_it_is_degraded(self, site: Site) -> None:
        """Its headers are gone when its body is made, and the next request hears nothing of it."""
        site.shop.healthy = False

        streamed, after = site.ask("/parts"), site.ask("/left")

        assert (streamed.status, streamed.body) == (200, b"none None")
        assert "x-degraded" not in streamed.headers
        assert "x-degraded" not in after.headers

    # -- how long it may take -----------------------------------------------------------------

    def test_a_request_takes_as_long_as_it_likes(self, site: Site) -> None:
        """Unless somebody says otherwise."""
        assert site.ask("/left").body == b"None"

    def test_the_caller_tells_how_long_it_waits(self, site: Site) -> None:
        """For this request only; what is no time is no limit."""
        hurried = site.ask("/left", headers={"X-Request-Timeout": "1.5"})
        puzzling = site.ask("/left", headers={"X-Request-Timeout": "soon"})

        assert (hurried.body, puzzling.body) == (b"1.5", b"None")

    def test_a_streamed_body_has_what_is_left_of_the_time(self, site: Site) -> None:
        """Its deadline is the request's, whenever the server asks for the next part."""
        reply = site.ask("/parts", headers={"X-Request-Timeout": "2500ms"})

        assert reply.body == b"fresh 1.5"
        assert site.ask("/left").body == b"None"

    def test_a_caller_in_a_hurry_opens_no_circuit(self, site: Site) -> None:
        """It has its 504, and everybody else what they came for; one that is too slow opens it."""
        hurried = [site.ask("/quote", headers={"X-Request-Timeout": "0.1"}) for _ in range(9)]
        patient = site.ask("/quote")

        assert [each.status for each in hurried] == [504] * 9
        assert (patient.status, patient.body) == (200, b"quoted")
        site.shop.healthy = False
        assert [site.ask("/quote").status for _ in range(2)] == [504, 503]
