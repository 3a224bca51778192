"""Injected errors: each a `InjectedFaultError`, and where possible what it imitates, too."""

from __future__ import annotations

from typing import Any

from resilience.errors import InjectedFaultError


class InjectedOutageError(InjectedFaultError, ConnectionError):
    """The thing called does not answer at all, says an experiment."""


_imitations: dict[type[BaseException], type[BaseException]] = {}


def imitation_of(kind: type[BaseException]) -> type[BaseException]:
    """Return a subclass of both `InjectedFaultError` and `kind`; `kind` where there can be none.

    Whoever handles, classifies or counts errors of that kind treats it as one.
    """
    if issubclass(kind, InjectedFaultError):
        return kind
    if kind not in _imitations:
        _imitations[kind] = _imitation(kind)
    return _imitations[kind]


def _imitation(kind: type[BaseException]) -> type[BaseException]:
    try:
        return type(
            f"Injected{kind.__name__}",
            (InjectedFaultError, kind),
            {"__module__": __name__, "__doc__": f"A {kind.__name__} that an experiment injected."},
        )
    except TypeError:  # a type that cannot be subclassed, or not together with ours
        return kind


def imitate(error: type[BaseException] | BaseException, message: str) -> BaseException:
    """Return a new exception that looks like `error`.

    Args:
        error: what is imitated: a type, or an exception whose arguments and attributes it gets.
        message: what it says, of a type that takes a single text.
    """
    if isinstance(error, type):
        kind = imitation_of(error)
        try:
            return kind(message)
        except TypeError:  # it wants other arguments, which nobody has
            return _without_init(kind, (message,))
    made = _without_init(imitation_of(type(error)), error.args)
    for name, value in vars(error).items():
        setattr(made, name, value)
    return made


def _without_init(kind: type[BaseException], args: tuple[Any, ...]) -> BaseException:
    try:
        made = kind.__new__(kind, *args)
    except TypeError:
        made = kind.__new__(kind)
    made.args = args
    return made
