"""The views of an app, by their routes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flask import Flask

from resilience.core.views import View
from resilience_flask.state import NAME


def views_of(app: Flask) -> Iterator[View]:
    """Yield the app's views, without our own; one for each route that it serves."""
    rules = {(rule.rule, rule.endpoint) for rule in app.url_map.iter_rules()}
    served = app.view_functions
    for route, endpoint in sorted(rules):
        if endpoint in served and not endpoint.startswith(f"{NAME}."):
            yield View(
                route,
                served[endpoint],
                partial(served.__getitem__, endpoint),
                partial(served.__setitem__, endpoint),
            )
