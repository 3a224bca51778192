"""What the endpoints of every framework tell: cases that are run against every site."""

import pytest

from resilience import CheckResult, Feature
from resilience.testing import force_open
from tests.integrations.contract import ENDPOINTS, OPERATOR, PROBE_PATHS, SECRET, Site


class HealthContract:
    """The cases; a subclass gives the `site` that they are run against."""

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
