"""What `/metrics` tells in every framework: cases that are run against every site."""

from typing import Any

from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families

from tests.integrations.contract import Reply, Site

openmetrics: Any = parser  # it has no types
OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}


def values(reply: Reply) -> dict[tuple[str, ...], float]:
    """Return `{(name, label value, ...): value}` of what was told, labels by their names' order."""
    return {
        (each.name, *(each.labels[name] for name in sorted(each.labels))): each.value
        for family in text_string_to_metric_families(reply.body.decode())
        for each in family.samples
    }


class MetricsContract:
    """The cases; a subclass gives the `site` that they are run against."""

    def test_metrics_tell_of_calls_and_requests(self, site: Site) -> None:
        """In Prometheus' own text, which nobody keeps."""
        site.ask("/pay")
        site.shop.healthy = False
        site.ask("/pay")
        site.ask("/pay")

        reply = site.ask("/metrics")

        assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        told = values(reply)
        calls = "resilience_circuit_calls_total"
        assert (told[calls, "payments", "success"], told[calls, "payments", "failure"]) == (1, 1)
        assert told["resilience_circuit_rejected_calls_total", "payments"] == 1
        assert told["resilience_circuit_state", "payments", "open"] == 1
        assert told["resilience_events_total", "payments", "circuit_opened"] == 1
        count = "resilience_request_duration_seconds_count"
        assert sum(value for key, value in told.items() if key[0] == count) == 3
        failures = "resilience_request_failures_total"
        assert sum(value for key, value in told.items() if key[0] == failures) == 2

    def test_openmetrics_is_for_those_who_ask_for_it(self, site: Site) -> None:
        """As Prometheus does by itself."""
        reply = site.ask("/metrics", headers=OPENMETRICS)

        assert reply.headers["content-type"].startswith("application/openmetrics-text")
        names = [
            each.name for each in openmetrics.text_string_to_metric_families(reply.body.decode())
        ]
        assert "resilience_degradation_level" in names

    def test_metrics_are_only_read(self, site: Site) -> None:
        """`HEAD` is as good as elsewhere; what else is sent is refused."""
        assert (site.ask("/metrics", "HEAD").status, site.ask("/metrics", "HEAD").body) == (
            200,
            b"",
        )
        assert site.ask("/metrics", "POST").status == 405

    def test_metrics_are_told_when_all_else_is_turned_away(self, site: Site) -> None:
        """That is when they are looked at; and they are no traffic of the app's."""
        traffic = site.shop.system.traffic
        traffic.under_way.update(range(1000))
        assert site.ask("/pay").status == 503

        told = values(site.ask("/metrics"))

        assert told["resilience_requests_under_way",] == 1000
        assert told["resilience_shed_requests_total",] == 1
        assert traffic.totals().finished == 0
