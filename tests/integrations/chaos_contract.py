"""What an experiment on a route does in every framework: cases that are run against every site."""

from typing import Any

import pytest

from resilience.web.admin import api
from tests.integrations.contract import Reply, Site
from tests.integrations.dashboard_contract import look, order

FAULTS = {"outage": {"kind": "outage"}, "error": {"kind": "error", "exception": "ValueError"}}


def begin(site: Site, target: str, fault: Any, **further: Any) -> Reply:
    """Begin an experiment as operators do, inside of the app."""
    site.shop.system.configure({"chaos": {"enabled": True}}, source="test")
    table = {"name": "x", "fault": fault, "target": target, "duration": 60.0, **further}
    planned = order(site, action="chaos.plan", experiment=table)
    return planned if planned.status >= 400 else order(site, action="chaos.run", name="x")


def halt(site: Site) -> None:
    """End it."""
    assert order(site, action="chaos.halt").status == 200


class ChaosContract:
    """The cases; a subclass gives the `site` that they are run against."""

    @pytest.mark.parametrize("fault", list(FAULTS.values()), ids=list(FAULTS))
    def test_the_requests_of_a_route_fail(self, site: Site, fault: dict[str, str]) -> None:
        """Before its view, as if that had failed: nothing of it is done, and no other is hit."""
        reply = begin(site, "/checkout", fault)  # nobody has asked for it yet

        assert reply.status == 200, reply.body
        assert [site.ask(f"/{each}").status for each in ("checkout", "extras")] == [500, 200]
        halt(site)
        assert site.ask("/checkout").body == b"paid"
        run = look(site, api.STATE).json["experiments"]["results"][0]
        assert (run["calls"], run["injected"]) == (1, 1)
        counted = {each.route: each for each in site.shop.system.traffic.snapshot()}
        assert counted["/checkout"].failures == 1

    def test_the_requests_of_a_route_take_longer(self, site: Site) -> None:
        """Each once, however many guarded calls it makes; its answer is as ever."""
        begin(site, "route:/checkout", {"kind": "latency", "seconds": 2.0})
        began = site.shop.clock.monotonic()

        replies = [site.ask("/checkout"), site.ask("/extras")]

        assert [(each.status, each.body) for each in replies] == [(200, b"paid"), (200, b"more")]
        assert site.shop.clock.monotonic() - began == pytest.approx(2.0)

    def test_only_requests_that_match_are_hit(self, site: Site) -> None:
        """By header, of one route."""
        begin(site, "/checkout", {"kind": "outage"}, match={"header": {"X-Test": "yes"}})
        marked = {"X-Test": "yes"}

        asked = [site.ask("/checkout"), site.ask("/checkout", headers=marked)]

        assert [each.status for each in asked] == [200, 500]
        assert site.ask("/extras", headers=marked).status == 200

    @pytest.mark.parametrize("route", ["/health", "/resilience/", "/chekout"])
    def test_our_own_and_unknown_routes_are_no_targets(self, site: Site, route: str) -> None:
        """Who watches an experiment, and ends it, is never hit by it."""
        reply = begin(site, f"route:{route}", {"kind": "outage"})

        assert reply.status == 404
        assert "unknown target" in reply.json["detail"]
        assert route != "/chekout" or "did you mean '/checkout'" in reply.json["detail"]
