"""Putting settings in force: all of them, or on an error none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar

from resilience.chaos.settings import ChaosSettings
from resilience.core.demand import is_made
from resilience.core.overrides import Given
from resilience.core.section import Section
from resilience.degradation.settings import DegradationSettings
from resilience.fleet.settings import FleetSettings
from resilience.healing.settings import HealerSettings
from resilience.health.settings import HealthSettings
from resilience.limits.settings import LimitsSettings
from resilience.parts import Parts
from resilience.settings import BY_NAME, Settings, WebSettings
from resilience.storage.settings import JournalSettings

S = TypeVar("S", bound=Section)

Commit = Callable[[], None]
BySource = Mapping[str, Settings]
"""`{who gives them: settings}`, in the order they came; later ones win."""


def prepared(parts: Parts, by_source: BySource) -> list[Commit]:
    """Return what puts the settings in force; nothing is changed until all of it is called.

    A part that nobody has asked for, and that there are no settings for, is not made.

    Raises:
        ConfigurationError: a setting is refused; says which, and what is allowed.
    """
    return [
        *_by_name(parts, by_source),
        *_limits(parts, by_source),
        *_degradation(parts, by_source),
        *_health(parts, by_source),
        *_journal(parts, by_source),
        *_fleet(parts, by_source),
        *_healer(parts, by_source),
        *_chaos(parts, by_source),
    ]


def warn_of_unknown(parts: Parts, *, only_near: bool) -> None:
    """Warn of settings by name for what does not exist.

    Args:
        parts: the system's.
        only_near: leave out names that resemble none: those may be yet to come.
    """
    for name in BY_NAME:
        if is_made(parts, name):  # else there are no settings for it
            getattr(parts, name).warn_of_unknown(only_near=only_near)
    if is_made(parts, "health"):
        parts.health.warn_of_unknown(only_near=only_near)


def laid_over(under: Settings | None, over: Settings) -> WebSettings:
    """Return the web settings of `over`, over those of `under`."""
    by_source = {"over": over} if under is None else {"under": under, "over": over}
    return _merged(by_source, WebSettings)


def _by_name(parts: Parts, by_source: BySource) -> Iterator[Commit]:
    given = {name: _laid_over(by_source, name) for name in BY_NAME}
    concerned = {name for name in BY_NAME if given[name] or is_made(parts, name)}
    seconds_of: Callable[[Any], float] = attrgetter("seconds")
    if "circuits" in concerned:
        yield parts.circuits.prepare(given["circuits"])
    if "bulkheads" in concerned:
        yield parts.bulkheads.prepare(given["bulkheads"])
    if "timeouts" in concerned:
        seconds_of, commit = parts.timeouts.prepare(given["timeouts"])
        yield commit
    if "retries" in concerned:
        yield parts.retries.prepare(given["retries"], seconds_of)


def _limits(parts: Parts, by_source: BySource) -> Iterator[Commit]:
    given = _merged(by_source, LimitsSettings)
    if given != LimitsSettings() or is_made(parts, "timeouts"):
        yield partial(parts.timeouts.workers.resize, given.workers)


def _degradation(parts: Parts, by_source: BySource) -> Iterator[Commit]:
    given = _merged(by_source, DegradationSettings)
    if given != DegradationSettings() or is_made(parts, "degradation"):
        features = _laid_over(by_source, "degradation", "features")
        parts.degradation.check(given, features)
        yield partial(parts.degradation.configure, given, features)


def _health(parts: Parts, by_source: BySource) -> Iterator[Commit]:
    given = _merged(by_source, HealthSettings)
    if given != HealthSettings() or is_made(parts, "health"):
        parts.health.check_settings(given)
        yield partial(parts.health.configure, given)


def _journal(parts: Parts, by_source: BySource) -> Iterator[Commit]:
    given = _merged(by_source, JournalSettings)
    if given != JournalSettings() or is_made(parts, "journal"):
        yield parts.journal.prepare(given)


def _fleet(parts: Parts, by_source: BySource) -> Iterator[Commit]:
    given = _merged(by_source, FleetSettings)
    if given != FleetSettings() or is_made(parts, "fleet"):
        yield parts.fleet.prepare(given)


def _healer(parts: Parts, by_source: BySource) -> Iterator[Commit]:
    given = _merged(by_source, HealerSettings)
    if given != HealerSettings() or is_made(parts, "healer"):
        yield partial(parts.healer.configure, given)


def _chaos(parts: Parts, by_source: BySource) -> Iterator[Commit]:
    given = _merged(by_source, ChaosSettings)
    if given != ChaosSettings() or is_made(parts, "chaos"):
        yield partial(parts.chaos.configure, given)


def _merged(by_source: BySource, kind: type[S]) -> S:
    """Return a section with what each source says of it; later ones win."""
    found = kind()
    for settings in by_source.values():
        given = {path[1] for path in settings.origins if path[0] == kind.TITLE and path[1:]}
        found = getattr(settings, kind.TITLE).over(found, given)
    return found


def _laid_over(by_source: BySource, *path: str) -> Given:
    """Return what all sources give by name in the tables at `path`."""
    merged: dict[str, dict[str, tuple[Any, str]]] = {}
    for source, settings in by_source.items():
        tables: Any = settings
        for each in path:
            tables = getattr(tables, each)
        for name, options in tables.items():
            found = merged.setdefault(name, {})
            for setting, value in options.items():
                origin = settings.origins.get((*path, name, setting), source)
                found[setting] = (value, origin)
    return merged
