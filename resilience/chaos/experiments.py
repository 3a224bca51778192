"""Experiments: what is to go wrong, where, for how long, and what has to hold meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Any

from resilience.chaos.faults import Fault, fault_of
from resilience.chaos.steady import Probe, probe_of
from resilience.core.checks import mapping, number, plain, seconds, text, whole
from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError, UnknownSettingError

MATCHES = ("header", "tenant", "route")

Match = Callable[..., bool] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment.

    Args:
        name: what people, events and the journal call it.
        fault: what goes wrong: a `Fault`, or as files say it, `{"kind": "latency", "seconds": 2}`.
        target: where: the name of a circuit, component, feature, bulkhead, or guarded function
            (`module.qualname`), with "circuit:", "component:", "feature:", "bulkhead:" or
            "function:" before it where one name is several things. Or "/…" or "route:/…", a route
            as the framework writes it: its requests, where their view is called; or "calls:/…":
            all guarded calls of its requests. Or a guarded function. Or several of them, but no
            routes, in a tuple or list: they fail one after the other, each one part of the
            duration later, and go on failing.
        duration: seconds, > 0 (or a `timedelta`); None, as in a file that does not say: the
            setting `default_duration`.
        share: above 0 and at most 1, of the calls that match.
        steady_state: what has to hold before, during and after: functions that return True or
            None (holds) or False, or conditions such as "error_rate <= 0.05",
            "health_score(postgres) >= 80", "circuit payments is closed".
        match: which calls: a function of the call's arguments; or `{"header": {name: value},
            "tenant": …, "route": …}` of the request that they serve. None: all.
        seed: of its chance; None: one is drawn, and told in the result. The same seed hits the
            same calls, in the order in which they come.

    Raises:
        ConfigurationError: a value that is not allowed.
    """

    name: str
    fault: Fault
    target: Any
    duration: float | timedelta | None = 60.0
    share: float = 1.0
    steady_state: Any = ()
    match: Match | None = None
    seed: int | None = None
    probes: tuple[Probe, ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text("experiment name", self.name)
        put = object.__setattr__  # frozen: what is given comes in several shapes
        put(self, "fault", fault_of(self.fault))
        put(self, "target", _target(self.target))
        if self.duration is not None:
            put(self, "duration", seconds("experiment duration", self.duration))
        put(self, "share", number("experiment share", self.share, above=0.0, most=1.0))
        if self.seed is not None:
            whole("experiment seed", self.seed, least=0, most=2**63 - 1)
        put(self, "steady_state", _listed(self.steady_state))
        put(self, "probes", tuple(probe_of(each) for each in self.steady_state))
        _check_match(self.match)

    @property
    def target_name(self) -> str:
        """The target, as people read it."""
        return " → ".join(_named(each) for each in self.targets)

    @property
    def targets(self) -> tuple[Any, ...]:
        """The targets, in the order in which they fail."""
        return self.target if isinstance(self.target, tuple) else (self.target,)

    @classmethod
    def of(cls, value: Any) -> Experiment:
        """Return an experiment: itself, or what a table of its arguments describes.

        Raises:
            UnknownSettingError: an argument has no such name; says near names.
            ConfigurationError: a value that is not allowed, or name, fault or target is missing.
        """
        if isinstance(value, cls):
            return value
        known = [each.name for each in fields(cls) if each.init]
        for name in mapping("experiment", value):
            if name not in known:
                raise UnknownSettingError(
                    f"experiment: unknown argument {name!r}{did_you_mean(name, known)}"
                )
        for name in ("name", "fault", "target"):
            if name not in value:
                raise ConfigurationError(f"experiment: {name} is missing")
        return cls(**{"duration": None, **value})

    def with_seed(self, seed: int) -> Experiment:
        """Return the same experiment with that seed: to replay the run that told it."""
        return replace(self, seed=seed)


def _target(given: Any) -> Any:
    if isinstance(given, list | tuple):
        if not given:
            raise ConfigurationError("experiment target=(): give a name, or several")
        several = tuple(_target(each) for each in given)
        return several[0] if len(several) == 1 else several
    return given if callable(given) else text("experiment target", given)


def _named(target: Any) -> str:
    if isinstance(target, str):
        return target
    name = getattr(target, "__qualname__", None)  # a partial has none
    return repr(target) if name is None else f"{target.__module__}.{name}"


def _listed(value: Any) -> tuple[Any, ...]:
    if isinstance(value, str) or callable(value):
        return (value,)
    if not isinstance(value, Iterable):
        raise ConfigurationError(f"steady_state={value!r}: give conditions, or functions")
    return tuple(value)


def _check_match(match: Any) -> None:
    if match is None:
        return
    if callable(match):
        plain("match", match)
        return
    for name, value in mapping("match", match).items():
        if name not in MATCHES:
            raise UnknownSettingError(f"match: unknown {name!r}{did_you_mean(name, MATCHES)}")
        if name == "header":
            for header, wanted in mapping("match header", value).items():
                text("match header", header)
                text(f"match header {header}", wanted, longest=1000)
        else:
            text(f"match {name}", value)
    if not match:
        raise ConfigurationError("match={}: give a header, tenant or route, or None for all")
