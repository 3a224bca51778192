"""Whom every framework turns away when there are too many: cases run against every site."""

from tests.integrations.contract import Site


class OverloadContract:
    """The cases; a subclass gives the `site` that they are run against."""

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
