"""`/metrics`: a system's numbers, as Prometheus reads them."""

from __future__ import annotations

import logging
from weakref import WeakSet

from resilience.neighbours import served_by_several
from resilience.settings import WebSettings
from resilience.systems import System
from resilience.telemetry import prometheus
from resilience.web.answers import Answer

log = logging.getLogger("resilience")

_asked: WeakSet[System] = WeakSet()


def prepare(system: System, web: WebSettings) -> None:
    """See to it that an app's metrics can be served, if they are to be; events count from now on.

    Raises:
        ConfigurationError: the client is not installed, or the folder that workers share not there.
    """
    if web.endpoints and web.metrics:
        prometheus.needed()
        system.metrics  # noqa: B018 - from now on it counts
        if prometheus.is_shared():
            prometheus.publish(system)


def answer(system: System, accept: str) -> Answer:
    """Return all that the process has to tell, in the format that was asked for."""
    if system not in _asked:
        _asked.add(system)
        system.runtime.engine.spawn(_look, "metrics")  # it takes longer than an answer may
    body, content_type = prometheus.text(system, accept)
    return Answer(200, content_type, body)


def _look() -> None:
    if not prometheus.is_shared() and served_by_several():
        log.warning(
            "metrics: each answer of /metrics is of one worker, as several serve: name an empty "
            "folder in %s before the server starts", prometheus.SHARED,
        )  # fmt: skip
