"""Which requests are served when not all can be: load is shed where a request is taken up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resilience import signals
from resilience.degradation.levels import Level
from resilience.errors import OverloadedError
from resilience.limits.load import Criticality
from resilience.settings import SHED_AT, WebSettings
from resilience.web.criticality import criticality_by_path, criticality_of

if TYPE_CHECKING:
    from resilience.web.passage import Passage

LEVEL, WAITING, CONCURRENCY = "level", "waiting", "concurrency"
"""Why requests are turned away: the name of an `OverloadedError`."""

_COME_AGAIN = {LEVEL: (5.0, 15.0), WAITING: (1.0, 5.0), CONCURRENCY: (1.0, 5.0)}
"""Seconds until a client may, drawn between the two so that not all do at once."""


def refusal(passage: Passage, view: Any) -> OverloadedError | None:
    """Return why a request is not served; None: it is.

    Args:
        passage: the request's.
        view: what would serve it, which may be marked; None: nothing.
    """
    floor, reason = _floor(passage)
    by_path = criticality_by_path(passage.site.web, passage.path)
    own = criticality_of(view, passage.method) if by_path is None else by_path
    return None if own >= floor else _refused(passage, reason, own)


def _floor(passage: Passage) -> tuple[Criticality, str]:
    """Return the least critical requests that are served now, and why no others are."""
    site, web = passage.site, passage.site.web
    return max(
        (site.load.floor_by_waiting(passage.waited, web.longest_wait), WAITING),
        (site.load.floor_by_concurrency(passage.under_way, web.most_concurrent), CONCURRENCY),
        (_floor_by_level(site.degradation.level, web), LEVEL),
    )


def _floor_by_level(level: Level, web: WebSettings) -> Criticality:
    depth = level.depth - 1
    if depth >= SHED_AT.index(web.shed_normal_at):
        return Criticality.CRITICAL
    if depth >= SHED_AT.index(web.shed_sheddable_at):
        return Criticality.NORMAL
    return Criticality.SHEDDABLE


def _refused(passage: Passage, reason: str, own: Criticality) -> OverloadedError:
    runtime = passage.site.system.runtime
    retry_after = runtime.random.uniform(*_COME_AGAIN[reason])
    if reason == CONCURRENCY:
        passage.site.system.load.refuse()
    if signals.call_rejected.receivers or runtime.bus.listeners:
        data = {
            "reason": f"overloaded_{reason}",
            "retry_after": retry_after,
            "criticality": own.name.lower(),
            "route": passage.route,
        }
        runtime.bus.emit(signals.call_rejected, reason, data)
    return OverloadedError(reason, retry_after)
