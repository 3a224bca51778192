"""What every web framework's integration does: one set of cases, run against every site there is.

A site is an app with the routes of `Shop`, set up with the shop's system, and a way to ask it. A
framework adds its own in a `<framework>_site.py`: `SITES`, a function that makes each by its name.
"""

import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple, Protocol

import pytest

from resilience import (
    CheckResult,
    Circuit,
    DeadlineExceededError,
    Feature,
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
        self.system = System(clock=self.clock, random=random.Random(7))
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

    # -- when there are too many --------------------------------------------------------------

    def test_sheddable_requests_are_turned_away_by_level(self, site: Site) -> None:
        """503 with a time to wait that is not everybody's; all others are served."""
        site.shop.system.degradation.degrade("minimal", "too many visitors")

        replies = {path: site.ask(path) for path in ("/extras", "/left", "/checkout", "/health")}
        waits = {site.ask("/extras").headers["retry-after"] for _ in range(20)}

        statuses = {path: reply.status for path, reply in replies.items()}
        assert statuses == {"/extras": 503, "/left": 200, "/checkout": 200, "/health": 200}
        wait = replies["/extras"].headers["retry-after"]
        assert replies["/extras"].json == {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": f"There are more requests than can be served. Try again in {wait} seconds.",
            "instance": "/extras",
            "name": "level",
            "retry_after": int(wait),
        }
        assert len(waits) > 3
        assert {5 <= int(each) <= 15 for each in waits} == {True}

        site.shop.system.degradation.recover()

        assert site.ask("/extras").status == 200

    def test_who_has_waited_too_long_is_turned_away_while_a_queue_stands(self, site: Site) -> None:
        """Sheddable ones at half of it; critical ones, and probes, never."""

        def asked(path: str, waited: float) -> int:
            site.shop.clock.advance(0.2)
            stamp = f"t={site.shop.clock.time() - waited:.3f}"
            return site.ask(path, headers={"X-Request-Start": stamp}).status

        assert asked("/left", 0.0) == 200
        assert [asked("/left", 0.7) for _ in range(9)] == [200] * 9  # it may be a burst

        asked("/left", 0.7)

        assert asked("/left", 0.7) == 503
        assert [asked("/extras", 0.3), asked("/left", 0.3)] == [503, 200]
        assert [asked("/checkout", 3.0), asked("/health/live", 3.0)] == [200, 200]

        assert asked("/left", 0.0) == 200  # somebody found the queue empty
        assert asked("/left", 0.7) == 200

    def test_more_than_the_limit_at_once_are_turned_away(self, site: Site) -> None:
        """A fifth of the places is kept from sheddable requests; critical ones need none."""
        traffic = site.shop.system.traffic
        traffic.under_way.update(range(800))

        assert [site.ask("/extras").status, site.ask("/left").status] == [503, 200]

        traffic.under_way.update(range(1000))

        assert [site.ask("/left").status, site.ask("/checkout").status] == [503, 200]
        assert site.ask("/left").json["name"] == "concurrency"
        assert traffic.concurrency() == 1000
        assert traffic.totals().shed == 3

    def test_requests_are_counted_by_route(self, site: Site) -> None:
        """With their errors, whatever answers them; our own endpoints and made-up paths aside."""
        for path in ("/broken", "/left", "/health", "/made/up/1", "/made/up/2"):
            site.ask(path)

        counted = {each.route: each for each in site.shop.system.traffic.snapshot()}
        assert counted[""].requests == 4
        assert (counted["/broken"].failures, counted["/left"].failures) == (1, 0)
        assert counted["(unmatched)"].requests == 2
        assert set(counted) == {"", "/broken", "/left", "(unmatched)"}

    # -- health -------------------------------------------------------------------------------

    def test_health_passes(self, site: Site) -> None:
        """The public learns one word."""
        reply = site.ask("/health")

        assert reply.status == 200
        assert reply.headers["content-type"] == "application/health+json"
        assert reply.json == {"status": "pass"}

    def test_an_open_circuit_is_a_warning_and_never_takes_the_worker_out(self, site: Site) -> None:
        """`/health` warns with 200; readiness and liveness do not see it."""
        force_open("payments", system=site.shop.system)

        health, live, ready = (site.ask(path) for path in PROBE_PATHS)

        assert (health.status, health.json) == (200, {"status": "warn"})
        assert (ready.status, ready.json) == (200, {"status": "pass"})
        assert (live.status, live.json) == (200, {"status": "pass"})

    def test_a_critical_component_that_is_down_takes_the_worker_out(self, site: Site) -> None:
        """Until it is back; the public learns no more than that, and the process lives on."""
        shop, up = site.shop, False
        shop.system.health.check("postgres", lambda: up, component="db", criticality="critical")
        shop.system.tick()

        health, live, ready = (site.ask(path) for path in PROBE_PATHS)
        assert (health.status, health.json) == (503, {"status": "fail"})
        assert (ready.status, ready.json) == (503, {"status": "fail"})
        assert (live.status, live.json) == (200, {"status": "pass"})

        up = True
        for _ in range(2):
            shop.clock.advance(5)
            shop.system.tick()
        assert site.ask("/health/ready").status == 200

    def test_components_are_among_the_details(self, site: Site) -> None:
        """Each with its score and trend, each check with what it found."""
        shop, found = site.shop, CheckResult("warn", f"refused by {SECRET}", 7, "connections")
        shop.system.health.check("pool", lambda: found, component="db", criticality="high")
        for _ in range(10):
            shop.clock.advance(5)
            shop.system.tick()

        public = site.ask("/health")
        told = site.ask("/health", headers=OPERATOR).json

        assert public.json == {"status": "warn"}
        assert (told["status"], told["score"], told["level"]) == ("warn", 100.0, "ok")
        db = told["components"]["db"]
        assert (db["status"], db["score"], db["trend"]) == ("warn", 100.0, "stable")
        assert (db["criticality"], db["since"]) == ("high", "2025-06-15T15:06:45.000Z")
        [pool] = told["checks"]["db:pool"]
        assert (pool["status"], pool["observedValue"], pool["observedUnit"]) == (
            "warn",
            7,
            "connections",
        )
        assert (pool["output"], pool["time"]) == (
            f"refused by {SECRET}",
            "2025-06-15T15:07:30.000Z",
        )

    def test_no_check_runs_in_a_request(self, site: Site) -> None:
        """Whoever asks, and however often."""
        looks: list[int] = []
        site.shop.system.health.check("it", lambda: looks.append(1))

        for path in PROBE_PATHS:
            site.ask(path, headers=OPERATOR)

        assert looks == []

    def test_a_stopping_worker_is_not_ready(self, site: Site) -> None:
        """It is to get no new requests, and lives."""
        site.shop.system.stop()

        ready, live = site.ask("/health/ready"), site.ask("/health/live")

        assert (ready.status, ready.json) == (503, {"status": "fail"})
        assert (live.status, live.json) == (200, {"status": "pass"})

    def test_details_are_for_those_allowed(self, site: Site) -> None:
        """Each circuit with its state, numbers and last error; and which worker answered."""
        site.shop.healthy = False
        site.ask("/pay")
        site.shop.clock.advance(2)

        reply = site.ask("/health", headers=OPERATOR)

        [payments] = reply.json["checks"]["circuit:payments"]
        assert reply.json["status"] == "warn"
        assert reply.json["since"] == "2025-06-15T15:06:40.000Z"
        assert reply.json["worker"]
        assert payments["componentType"] == "component"
        assert payments["observedValue"] == "open"
        assert payments["status"] == "warn"
        assert payments["time"] == "2025-06-15T15:06:42.000Z"
        assert payments["output"] == f"ConnectionError: {SECRET}"
        assert payments["opened_at"] == "2025-06-15T15:06:40.000Z"
        assert set(reply.json["checks"]) == {
            f"circuit:{each.name}" for each in site.shop.system.circuits
        }

    def test_a_wrong_token_learns_one_word(self, site: Site) -> None:
        """As everyone does who is not allowed more."""
        reply = site.ask("/health", headers={"Authorization": "Bearer guess"})

        assert reply.json == {"status": "pass"}

    def test_degradation(self, site: Site) -> None:
        """The level, since when, why, and which features are concerned."""
        reply = site.ask("/degradation")

        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.json == {
            "level": "normal",
            "since": "2025-06-15T15:06:40.000Z",
            "reason": None,
            "trigger": None,
            "ends": None,
            "features": [],
        }

    def test_degradation_in_full(self, site: Site) -> None:
        """What is off or in part for which reason, until when; who did it is no public matter."""
        system = site.shop.system
        system.degradation.add(Feature("reviews", priority=10))
        system.degradation.add(Feature("search", capability={"reduced": 40}))
        site.shop.clock.advance(5)
        system.degradation.degrade("reduced", "the shop is on TV", actor="ann", for_=60)

        public, full = site.ask("/degradation").json, site.ask("/degradation", headers=OPERATOR)

        assert public == {
            "level": "reduced",
            "since": "2025-06-15T15:06:45.000Z",
            "reason": "the shop is on TV",
            "trigger": "manual",
            "ends": "2025-06-15T15:07:45.000Z",
            "features": [
                {"name": "reviews", "enabled": False, "capability": 0.0},
                {"name": "search", "enabled": True, "capability": 40.0},
            ],
        }
        assert full.json["actor"] == "ann"
        assert [each["cause"] for each in full.json["features"]] == ["level", "level"]

    @pytest.mark.parametrize("path", ENDPOINTS)
    def test_endpoints_answer_get_and_head_only(self, site: Site, path: str) -> None:
        """Nothing is kept by caches; any other method is told which ones there are."""
        got, headed = site.ask(path), site.ask(path, "HEAD")

        assert got.headers["cache-control"] == headed.headers["cache-control"] == "no-store"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert (headed.status, headed.body) == (200, b"")
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            refused = site.ask(path, method)
            assert refused.status == 405
            assert {"GET", "HEAD"} == {each.strip() for each in refused.headers["allow"].split(",")}
