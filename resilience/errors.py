"""The family of errors.

::

    ResilienceError
    ├─ ConfigurationError(ValueError)
    │  ├─ DecorationError(TypeError)       a decorator where it cannot work
    │  └─ UnknownSettingError(TypeError)   a name that no setting has
    ├─ Rejected                            name, retry_after: the call was not made
    │  ├─ CircuitOpenError   ├─ BulkheadFullError   ├─ FeatureDisabledError   └─ OverloadedError
    ├─ DeadlineExceededError(TimeoutError)
    ├─ InjectedFaultError
    ├─ ChaosRefusedError
    └─ StoreUnavailableError   an operator's action that the shared store did not acknowledge
"""

from __future__ import annotations

from typing import Any, cast


class ResilienceError(Exception):
    """Base of all that this package raises on its own account."""


class ConfigurationError(ResilienceError, ValueError):
    """A setting that cannot be: names the setting, the value and what is allowed."""


class DecorationError(ConfigurationError, TypeError):
    """A decorator on something it cannot guard, or with a source that does not fit."""


class UnknownSettingError(ConfigurationError, TypeError):
    """A parameter or setting of a name that does not exist."""


class ConfigurationWarning(UserWarning):
    """A setting that is valid and most likely a mistake."""


class Rejected(ResilienceError):  # noqa: N818 - the name is promised, and reads as what happened
    """The call was not made.

    Args:
        name: what refused it (circuit, bulkhead, feature, or limit).
        retry_after: seconds, >= 0, until a call may pass again; None where nobody can tell.
    """

    __slots__ = ("name", "retry_after")

    reason = "rejected the call"

    def __init__(self, name: str, retry_after: float | None = None) -> None:
        self.name = name
        self.retry_after = retry_after

    def __repr__(self) -> str:
        args = self.args or (self.name, self.retry_after)
        return f"{type(self).__name__}({', '.join(repr(each) for each in args)})"

    def __reduce__(self) -> Any:
        # What was given by keywords is not in `args`, by which exceptions are made again.
        kind, args, *more = cast(tuple[Any, ...], super().__reduce__())
        return kind, args or (self.name, self.retry_after), *more

    def __str__(self) -> str:
        # The text is made when asked for: most rejections are never printed.
        when = "" if self.retry_after is None else f"; try again in {self.retry_after:.3g} s"
        return f"{self.name!r} {self.reason}{when}"


class CircuitOpenError(Rejected):
    """The circuit is open; `__cause__` is the last failure, without its traceback."""

    __slots__ = ()

    reason = "is open: the call was not made"


class BulkheadFullError(Rejected):
    """All places of the bulkhead are taken."""

    __slots__ = ()

    reason = "is full: the call was not made"


class FeatureDisabledError(Rejected):
    """The feature is off, and nothing stands in for it."""

    __slots__ = ()

    reason = "is off: the call was not made"


class OverloadedError(Rejected):
    """The app sheds this request to keep serving the ones that matter more."""

    __slots__ = ()

    reason = "sheds load: the request was not served"


class DeadlineExceededError(ResilienceError, TimeoutError):
    """The time given to the call, or to the request around it, is up.

    Attributes:
        at_fault: False where this says nothing about the thing called: the call never began, or
            had less than half of its time, because its request, or who sent that, had no more.
            Circuits do not count it then, and it is not tried again.
    """

    at_fault = True


class InjectedFaultError(ResilienceError):
    """A fault that a chaos experiment injected."""


class ChaosRefusedError(ResilienceError):
    """An experiment that may not run here and now."""


class StoreUnavailableError(ResilienceError):
    """The shared store did not acknowledge an operator's action."""
