"""A check: what is looked at, how often, and how much it matters."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resilience.core.checks import text
from resilience.core.kinds import Kind, kind_of
from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError, DecorationError, UnknownSettingError
from resilience.health.builtin import bound
from resilience.health.settings import OF_A_CHECK, HealthSettings, check_fit
from resilience.telemetry.host import Host

RESERVED = ("circuits", "system")
"""Components that report by themselves."""

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """A check as it is in force.

    Args:
        name: what it is called; the only one of that name.
        component: what it tells about; several checks may tell about one.
        criticality: low, medium, high or critical.
        interval: seconds from one run to the next, at most.
        timeout: seconds one run may take, at most `interval`.
        slow_after: seconds after which a pass is a warning; None: never.
        call: what looks; takes no arguments.
        is_async: True if what `call` returns has to be awaited.
    """

    name: str
    component: str
    criticality: str
    interval: float
    timeout: float
    slow_after: float | None
    call: Callable[[], Any]
    is_async: bool

    @classmethod
    def of(
        cls,
        name: str,
        call: Callable[[], Any],
        declared: Options,
        settings: HealthSettings,
        host: Host,
    ) -> Check:
        """Return a check as settings by name, over the code, over the defaults make it.

        Args:
            name: what it is called.
            call: what looks.
            declared: what the code says, checked by `declaration`.
            settings: those in force.
            host: what checks that ship read.

        Raises:
            ConfigurationError: interval, timeout and slowness do not fit together.
        """
        given = {**declared, **settings.of_check(name)}
        every = given.get("interval", settings.interval)
        limit = given.get("timeout", min(settings.timeout, every))
        slow = given.get("slow_after")
        check_fit(f"check {name!r}", {"interval": every, "timeout": limit, "slow_after": slow})
        return cls(
            name=name,
            component=given.get("component", name),
            criticality=given.get("criticality", "medium"),
            interval=every,
            timeout=limit,
            slow_after=slow,
            call=bound(call, limit, host),
            is_async=kind_of(bound(call, limit, host)) is Kind.ASYNC,
        )


def declaration(name: Any, options: Options) -> dict[str, Any]:
    """Return what the code says about a check, each value in its own type; Nones are left out.

    Raises:
        UnknownSettingError: an option has no such name; says near names.
        ConfigurationError: a value is out of range.
    """
    subject = f"check {text('check name', name)!r}"
    known = ("component", *OF_A_CHECK)
    declared = {}
    for option, value in options.items():
        if option not in known:
            raise UnknownSettingError(
                f"{subject}: unknown setting {option!r}{did_you_mean(option, known)}"
            )
        if value is not None:
            check: Callable[[str, Any], Any] = OF_A_CHECK.get(option, _component)
            declared[option] = check(f"{subject}: {option}", value)
    _component(f"{subject}: component", declared.get("component", name))
    check_fit(subject, declared)
    return declared


def runnable(name: str, call: Any) -> Callable[[], Any]:
    """Return `call` if it can be run as a check: a function without required arguments.

    Raises:
        DecorationError: it cannot; says why.
    """
    if not callable(call) or inspect.isclass(call):
        raise DecorationError(f"check {name!r}: {call!r}: give a function")
    if kind_of(call) in (Kind.GENERATOR, Kind.ASYNC_GENERATOR):
        raise DecorationError(f"check {name!r}: a generator cannot be a check; return the result")
    try:
        signature: Any = inspect.signature(call)
        signature.bind()
    except TypeError as error:
        raise DecorationError(f"check {name!r}: it is run without arguments, but {error}") from None
    except ValueError:  # a built-in that hides its signature
        pass
    return call  # type: ignore[no-any-return]


def origin_of(call: Any, caller: str) -> str:
    """Return by what a check is known again when the same code is run again.

    Args:
        call: a function is known by its own name; anything else by where it was registered.
        caller: that place.
    """
    name = getattr(call, "__qualname__", "")
    if not name or "<lambda>" in name or not hasattr(call, "__code__"):
        return caller
    return f"{call.__module__}.{name}"


def _component(setting: str, value: Any) -> str:
    name = text(setting, value)
    if name in RESERVED:
        raise ConfigurationError(
            f"{setting}={name!r}: give another name, this one reports by itself"
        )
    return name
