"""Settings by name: over what decorators say, under what operators order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from resilience.chaos.settings import ChaosSettings
from resilience.circuits.settings import CircuitSettings
from resilience.core.checks import flag, mapping, one_of, patterns, seconds, text, whole
from resilience.core.names import ENVIRONMENT, as_variable, did_you_mean
from resilience.core.options import Options
from resilience.core.section import Check, Section
from resilience.degradation.settings import DegradationSettings
from resilience.errors import ConfigurationError, UnknownSettingError
from resilience.fleet.settings import FleetSettings
from resilience.healing.settings import HealerSettings
from resilience.health.settings import HealthSettings
from resilience.limits.deadlines import TimeoutSettings
from resilience.limits.registry import BulkheadSettings
from resilience.limits.settings import LimitsSettings
from resilience.storage.settings import JournalSettings
from resilience.strategies.retry_settings import RetrySettings

Path_ = tuple[str, ...]
_PREFIX = "RESILIENCE__"

SHED_AT = ("reduced", "minimal", "emergency", "never")
"""From which level on requests are turned away; each is deeper than the one before."""


@dataclass(frozen=True, slots=True)
class WebSettings(Section):
    """What the web integrations add to an app.

    Args:
        endpoints: serve `/health`, `/health/live`, `/health/ready`, `/degradation`.
        metrics: serve `/metrics`, too, as Prometheus reads it (extra `prometheus`), to everybody.
        probe_first: answer the `/health` endpoints before the app's own middleware, login checks
            and host checks see the request.
        degraded_header: name what was stood in for in the `X-Degraded` response header.
        deadline: seconds, > 0, that a request has; None: as long as it takes.
        deadline_header: let the caller shorten that, by a header such as `X-Request-Timeout`.
        shedding: turn requests away, 503 with `Retry-After`, when not all can be served.
        critical: regular expressions of whole paths whose requests are never turned away.
        sheddable: of those that are the first; both are over `@critical` and `@sheddable`.
        shed_sheddable_at: the level of degradation from which sheddable ones are, or "never".
        shed_normal_at: the one from which all but critical ones are, or "never".
        longest_wait: seconds, > 0; while requests queue up, those that have waited longer are
            turned away, sheddable ones at half of it.
        most_concurrent: requests of a process at once, >= 1, whatever their latency.
        request_start_header: believe a proxy's `X-Request-Start`, within bounds, on how long a
            request has waited.
    """

    TITLE: ClassVar[str] = "web"
    CHECKS: ClassVar[Mapping[str, Check]] = {
        "endpoints": flag,
        "metrics": flag,
        "probe_first": flag,
        "degraded_header": flag,
        "deadline": seconds,
        "deadline_header": flag,
        "shedding": flag,
        "critical": patterns,
        "sheddable": patterns,
        "shed_sheddable_at": one_of(*SHED_AT),
        "shed_normal_at": one_of(*SHED_AT),
        "longest_wait": seconds,
        "most_concurrent": whole,
        "request_start_header": flag,
    }

    endpoints: bool = True
    metrics: bool = False
    probe_first: bool = False
    degraded_header: bool = True
    deadline: float | None = None
    deadline_header: bool = True
    shedding: bool = True
    critical: tuple[str, ...] = ()
    sheddable: tuple[str, ...] = ()
    shed_sheddable_at: str = "minimal"
    shed_normal_at: str = "never"
    longest_wait: float = 0.5
    most_concurrent: int = 1000
    request_start_header: bool = True


SECTIONS: dict[str, type[Section]] = {
    "chaos": ChaosSettings,
    "degradation": DegradationSettings,
    "fleet": FleetSettings,
    "healer": HealerSettings,
    "health": HealthSettings,
    "journal": JournalSettings,
    "limits": LimitsSettings,
    "web": WebSettings,
}
"""The sections of the tree that are not by name, each a field of `Settings`."""

BY_NAME: dict[str, tuple[str, type[Options]]] = {
    "circuits": ("circuit", CircuitSettings),
    "retries": ("retry", RetrySettings),
    "timeouts": ("timeout", TimeoutSettings),
    "bulkheads": ("bulkhead", BulkheadSettings),
}
"""The sections of the tree that are by name, each a field of `Settings`: what one of them is."""

ByName = Mapping[str, Mapping[str, Any]]

_BOOLEANS = {"true": True, "false": False}
_FLAGS = _BOOLEANS | {"1": True, "0": False, "yes": True, "no": False, "on": True, "off": False}
"""What variables say for true and false, in any case."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a system, checked when made.

    Args:
        circuits: `{circuit name: {setting: value}}`, settings as `@circuit` takes them.
        retries: the same for `@retry`, by the circuit's name, or the function's without one.
        timeouts: the same for `@timeout`, by its own name, else the circuit's or function's.
        bulkheads: the same for `@bulkhead`, by its own name, else the function's.
        limits: what timeouts and bulkheads share.
        chaos: what experiments may do.
        degradation: when the app steps down by itself, and what is off then.
        healer: when and how failed components are recovered.
        health: how often to look at the components, and what to make of it.
        journal: whether and where what happens is kept.
        fleet: whether and where the app's workers share what they know.
        web: what the web integrations add.
        origins: `{("circuits", name, setting): where the value came from}`, for `explain`.

    Raises:
        UnknownSettingError: a name that no setting has; says near names.
        ConfigurationError: a value out of range; says the range.
    """

    circuits: ByName = field(default_factory=dict)
    retries: ByName = field(default_factory=dict)
    timeouts: ByName = field(default_factory=dict)
    bulkheads: ByName = field(default_factory=dict)
    limits: LimitsSettings = field(default_factory=LimitsSettings)
    chaos: ChaosSettings = field(default_factory=ChaosSettings)
    degradation: DegradationSettings = field(default_factory=DegradationSettings)
    healer: HealerSettings = field(default_factory=HealerSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    journal: JournalSettings = field(default_factory=JournalSettings)
    fleet: FleetSettings = field(default_factory=FleetSettings)
    web: WebSettings = field(default_factory=WebSettings)
    origins: Mapping[Path_, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for section, (one, kind) in BY_NAME.items():
            for name, options in mapping(section, getattr(self, section)).items():
                text(f"{one} name", name)
                kind.check(mapping(f"{section}.{name}", options), f"{one} {name!r}")

    @classmethod
    def of(cls, tree: Mapping[str, Any], origin: str = "settings") -> Settings:
        """Return the settings that a tree of dicts describes, of the shape of `Settings`.

        Args:
            tree: such as `{"circuits": {"payments": {"reset_timeout": 10}}}`.
            origin: where it came from, as `explain` says it.
        """
        return cls._made(tree, dict.fromkeys(_leaves(mapping("settings", tree)), origin))

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None
    ) -> Settings:
        """Return the settings of a TOML file, with those of the environment over them.

        Args:
            path: such as "resilience.toml", with `[circuits.payments]` tables; None: no file.
            environ: variables such as `RESILIENCE__CIRCUITS__PAYMENTS__RESET_TIMEOUT=10`. Names
                are matched whatever their case, `-`, `.` and ` ` being written `_`.

        Raises:
            ConfigurationError: the file cannot be read (says where), or a setting is refused.
        """
        tree = _read(Path(path)) if path is not None else {}
        try:
            return cls.merged(tree, environ or {}, origin="settings file")
        except ConfigurationError as error:
            asked = [] if path is None else [str(path)]
            if any(variable.startswith(_PREFIX) for variable in environ or {}):
                asked.append(ENVIRONMENT)
            raise type(error)(f"{' or '.join(asked)}: {error}") from None

    @classmethod
    def merged(
        cls, tree: Mapping[str, Any], environ: Mapping[str, str], *, origin: str
    ) -> Settings:
        """Return the settings of a tree, with those of the environment over them."""
        origins = dict.fromkeys(_leaves(mapping("settings", tree)), origin)
        merged = _copied(tree)
        for variable, value in environ.items():
            if variable.startswith(_PREFIX):
                where = _resolve(variable, merged)
                _put(merged, where, _value(where, value))
                origins[where] = ENVIRONMENT
        return cls._made(merged, origins)

    @classmethod
    def _made(cls, tree: Mapping[str, Any], origins: Mapping[Path_, str]) -> Settings:
        known = [each.name for each in fields(cls) if each.name != "origins"]
        for name in tree:
            if name not in known:
                raise UnknownSettingError(f"unknown settings {name!r}{did_you_mean(name, known)}")
        sections: dict[str, Any] = {
            name: section.of(tree.get(name, {})) for name, section in SECTIONS.items()
        }
        by_name = {name: tree.get(name, {}) for name in BY_NAME}
        return cls(**by_name, **sections, origins=origins)


def _leaves(tree: Any, path: Path_ = ()) -> list[Path_]:
    if not isinstance(tree, Mapping):
        return [path]
    return [leaf for name, value in tree.items() for leaf in _leaves(value, (*path, name))]


def _copied(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _copied(value) if isinstance(value, Mapping) else value
        for name, value in tree.items()
    }


def _read(path: Path) -> dict[str, Any]:
    import tomllib  # only files and variables need it

    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _resolve(variable: str, tree: Mapping[str, Any]) -> Path_:
    """Return the path a variable names: the names it finds in the tree, else in lower case."""
    parts = variable.removeprefix(_PREFIX).split("__")
    if len(parts) < 2 or not all(parts):
        raise UnknownSettingError(
            f"{variable}: write {_PREFIX}SECTION__NAME__SETTING, "
            f"such as {_PREFIX}CIRCUITS__PAYMENTS__RESET_TIMEOUT"
        )
    path: Path_ = ()
    for part in parts:
        known = tree if isinstance(tree, Mapping) else {}
        spelled = (each for each in known if as_variable(str(each)) == part.upper())
        name = next(spelled, part.lower())
        path, tree = (*path, name), known.get(name, {})
    return path


def _put(tree: dict[str, Any], path: Path_, value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
        if not isinstance(tree, dict):
            raise UnknownSettingError(f"{'.'.join(path)}: {name} is a value, not a table")
    tree[path[-1]] = value


def _value(where: Path_, written: str) -> Any:
    """Return what a variable says, read as the setting at `where` wants it."""
    section = SECTIONS.get(where[0])
    check = section.CHECKS.get(where[1]) if section is not None and len(where) == 2 else None
    value = _parsed(written)
    if check is flag:
        return _FLAGS.get(written.strip().lower(), value)
    if check is text and not isinstance(value, str):
        return written  # a prefix such as 2026
    return value


def _parsed(written: str) -> Any:
    """Return the TOML value that a text is (number, true, false, "…"), else the text itself."""
    import tomllib

    try:
        return tomllib.loads(f"value = {written}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return _BOOLEANS.get(written.strip().lower(), written)
