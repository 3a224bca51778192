"""What the dashboard and its API do in every framework: cases that are run against every site."""

import json
from typing import Any

import pytest

from resilience.web.admin import api
from tests.integrations.contract import OPERATOR, Reply, Site

READ = [api.HOME, api.STATE, api.EVENTS, api.HISTORY, api.OPENAPI, f"{api.ASSETS}dashboard.js"]
JSON = {"Content-Type": "application/json", **OPERATOR}


def look(site: Site, path: str = api.HOME, **headers: str) -> Reply:
    """Return what the operator sees."""
    return site.ask(path, headers={**OPERATOR, **headers})


def order(site: Site, headers: dict[str, str] | None = None, /, **given: Any) -> Reply:
    """Order something, with a reason."""
    body = json.dumps({"reason": "the bank is down", **given}).encode()
    return site.ask(api.ACTIONS, "POST", {**JSON, **(headers or {})}, body)


class DashboardContract:
    """The cases; a subclass gives the `site` that they are run against."""

    @pytest.mark.parametrize("path", [*READ, api.ROOT, api.ACTIONS, api.STREAM])
    def test_for_strangers_there_is_nothing(self, site: Site, path: str) -> None:
        """Whatever they send, and whoever they say that they are."""
        guess = {"Authorization": "Bearer guess"}

        asked = [site.ask(path), site.ask(path, headers=guess), site.ask(path, "POST", guess)]

        assert [each.status for each in asked] == [404] * 3

    @pytest.mark.parametrize("path", READ)
    def test_nothing_is_kept_by_caches(self, site: Site, path: str) -> None:
        """Nor taken for something that it is not."""
        reply = look(site, path)

        assert reply.status == 200
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"

    def test_the_page_is_whole_and_runs_nothing_inline(self, site: Site) -> None:
        """It names its reader, and shows the shop's circuits, the one that is open first."""
        site.shop.healthy = False
        site.ask("/pay")

        reply = look(site)

        page, policy = reply.body.decode(), reply.headers["content-security-policy"]
        assert reply.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "signed in as ops" in page
        assert page.index("<code>payments</code>") < page.index("<code>reviews</code>")
        assert "prices &lt;b&gt;" in page
        assert not [each for each in ("<script>", "style=", "onclick=") if each in page]

    def test_the_root_leads_to_the_page(self, site: Site) -> None:
        """The page's addresses are below it, so the slash has to be there."""
        reply = look(site, api.ROOT)

        assert (reply.status, reply.headers["location"]) == (308, api.HOME)

    def test_the_state_tells_all_at_one_moment(self, site: Site) -> None:
        """For programs: the same circuits."""
        site.shop.healthy = False
        site.ask("/pay")

        told = look(site, api.STATE).json

        assert told["level"]["level"] == "normal"
        assert told["circuits_total"] == len(list(site.shop.system.circuits))
        assert (told["circuits"][0]["name"], told["circuits"][0]["state"]) == ("payments", "open")

    def test_an_order_is_done_and_told(self, site: Site) -> None:
        """It meets the next request; who gave it and why is on the page and among the events."""
        done = order(site, action="circuit.force_open", name="payments", **{"for": 600})

        assert done.status == 200
        assert (done.json["actor"], done.json["reason"]) == ("ops", "the bank is down")
        assert site.ask("/pay").status == 503
        assert "ops: the bank is down" in look(site).body.decode()
        acted = [each for each in look(site, api.EVENTS).json["events"] if "acted" in each["type"]]
        assert [each["data"]["action"] for each in acted] == ["circuit.force_open"]

        order(site, action="circuit.release", name="payments")

        assert site.ask("/pay").status == 200

    def test_what_is_wrong_in_an_order_is_said(self, site: Site) -> None:
        """By name, as a problem; and nothing is done."""
        refused = order(site, action="circuit.force_open", name="paymets")

        assert refused.status == 404
        assert refused.headers["content-type"] == "application/problem+json"
        assert "did you mean 'payments'" in refused.json["detail"]
        assert site.ask("/pay").status == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Content-Type": "text/plain"},
            {"Content-Type": "application/x-www-form-urlencoded"},
        ],
        ids=str,
    )
    def test_what_another_page_can_send_is_refused(
        self, site: Site, headers: dict[str, str]
    ) -> None:
        """Though it comes with the operator's token."""
        forged = order(site, headers, action="circuit.force_open", name="payments")

        assert forged.status in (403, 415)
        assert site.shop.circuit("payments").state == "closed"

    def test_events_come_after_the_one_that_was_seen_last(self, site: Site) -> None:
        """By the query or as browsers say it; an id that is none is refused."""
        for _ in range(2):
            order(site, action="level.recover")
        last = look(site, api.EVENTS).json["last"]

        by_query = look(site, f"{api.EVENTS}?after={last - 1}").json["events"]
        by_header = look(site, api.EVENTS, **{"Last-Event-ID": str(last - 1)}).json["events"]

        assert [each["id"] for each in by_query] == [each["id"] for each in by_header] == [last]
        assert look(site, f"{api.EVENTS}?after=x").status == 400

    def test_the_page_is_kept_fresh_as_its_server_can(self, site: Site) -> None:
        """Pushed to where that holds no thread: a snapshot first, unless one was seen."""
        page = look(site).body.decode()
        site.shop.system.stop()  # a stream ends with it

        first = look(site, api.STREAM)
        again = look(site, api.STREAM, **{"Last-Event-ID": str(site.shop.system.recent.last)})

        if 'data-live="stream"' in page:
            assert first.headers["content-type"].startswith("text/event-stream")
            assert first.headers["cache-control"] == "no-store"
            assert b"event: snapshot\ndata: {" in first.body
            assert b"snapshot" not in again.body
        else:
            assert 'data-live="poll"' in page
            assert (first.status, again.status) == (404, 404)
            assert "poll" in first.json["detail"]

    def test_history_says_when_there_is_none(self, site: Site) -> None:
        """Without a journal there is a page all the same; a query without sense is refused."""
        assert "journal" in look(site, api.HISTORY).body.decode()
        assert look(site, f"{api.HISTORY}?span=ever").status == 400
