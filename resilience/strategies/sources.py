"""What a fallback answers with: values and functions, checked against what they stand in for."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Iterable
from copy import copy, deepcopy
from functools import partial
from inspect import Parameter, Signature
from math import inf
from typing import Any

from resilience.core.checks import number, text
from resilience.core.guard import Guard, name_of
from resilience.core.kinds import Kind, kind_of
from resilience.errors import DecorationError

Args = tuple[Any, ...]
Kwargs = dict[str, Any]

CONTAINERS = (list, dict, set, bytearray)
_MISMATCH = {
    Kind.SYNC: (Kind.ASYNC, Kind.ASYNC_GENERATOR, Kind.GENERATOR),
    Kind.ASYNC: (Kind.GENERATOR, Kind.ASYNC_GENERATOR),
    Kind.GENERATOR: (Kind.ASYNC, Kind.ASYNC_GENERATOR),
    Kind.ASYNC_GENERATOR: (Kind.ASYNC,),
}
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (Parameter.KEYWORD_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


class Source:
    """One place that a fallback takes its answer from.

    Args:
        source: a value, or a function of the call's arguments; if it has a parameter `error` it
            gets the exception, too. Lists, dicts, sets and responses are copied for each answer.
        priority: lower ones are tried first; equal ones in the order given.
        name: what events call it; default: the function's name, or "value".
    """

    __slots__ = ("_is_value", "_other", "_own", "_takes_error", "name", "priority", "source")

    def __init__(self, source: Any, priority: float = 0, name: str | None = None) -> None:
        self.source = source.__func__ if isinstance(source, classmethod) else source
        self.priority = number("priority", priority, least=-inf)
        self._is_value = not callable(self.source) or is_response(self.source)
        own_name = "value" if self._is_value else name_of(self.source)
        self.name = own_name if name is None else text("name", name)
        self._own = None if self._is_value else signature_of(self.source)
        self._other: Signature | None = None  # of the function it stands in for
        self._takes_error = _has_error(self._own)

    def __repr__(self) -> str:
        return f"Source({self.source!r}, priority={self.priority!r}, name={self.name!r})"

    def copy(self) -> Source:
        """Return the same source, not yet checked against any function."""
        return Source(self.source, self.priority, self.name)

    @property
    def kind(self) -> Kind | None:
        """What kind of function it is; None: it is a value."""
        return None if self._is_value else kind_of(self.source)

    def check(self, guard: Guard, role: str = "fallback") -> None:
        """Refuse a source that could not stand in for the guard's function.

        Args:
            guard: the function's.
            role: what the source is to it, for messages.

        Raises:
            DecorationError: async for sync, other arguments, or a value where items are due.
        """
        if (kind := self.kind) is None:
            self._check_value(guard, role)
            return
        if kind in _MISMATCH[guard.kind]:
            raise DecorationError(
                f"{role} for {guard.name}: {self.name} is {kind.one}, "
                f"which cannot stand in for {guard.kind.one}"
            )
        self._check_signature(guard, role)

    def answer(self, error: Exception, args: Args, kwargs: Kwargs) -> Any:
        """Return the answer, as the function gives it or as a copy of the value."""
        if self._is_value:
            return fresh(self.source)
        given = {"error": error} if self._takes_error and "error" not in kwargs else {}
        args, kwargs = self._fitted(args, kwargs, given)
        return self.source(*args, **kwargs, **given)

    def _fitted(self, args: Args, kwargs: Kwargs, given: Kwargs) -> tuple[Args, Kwargs]:
        """Return the call's arguments: by position, and with its defaults, if need be."""
        if self._own is None or self._other is None:
            return args, kwargs
        try:
            self._own.bind(*args, **kwargs, **given)
        except TypeError:
            return _whole(self._other, args, kwargs)
        return args, kwargs

    def _check_value(self, guard: Guard, role: str) -> None:
        wanted: tuple[type, ...] = (Iterable,)
        if guard.kind is Kind.ASYNC_GENERATOR:
            wanted = (Iterable, AsyncIterable)
        is_generator = guard.kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR)
        if is_generator and not isinstance(self.source, wanted):
            raise DecorationError(
                f"{role} for {guard.name}: {self.source!r} has no items, "
                f"and a {guard.kind.value} gives items"
            )
        try:
            fresh(self.source)
        except Exception as error:
            raise DecorationError(
                f"{role} for {guard.name}: {self.source!r} cannot be copied for each answer "
                f"({error}): give a function that makes it"
            ) from None

    def _check_signature(self, guard: Guard, role: str) -> None:
        own, other = self._own, signature_of(guard.call)
        self._other = other
        if own is None or other is None:
            return
        self._takes_error = _has_error(own) and "error" not in other.parameters
        given = {"error": None} if self._takes_error else {}
        for args, kwargs in _extremes(other):
            mismatch = _mismatch(own, (args, {**kwargs, **given}))
            if mismatch is None:
                continue
            by_position, by_name = _whole(other, args, kwargs)
            if _mismatch(own, (by_position, {**by_name, **given})) is not None:
                raise DecorationError(
                    f"{role} for {guard.name}{other}: {self.name}{own} does not take "
                    f"its arguments ({mismatch})"
                )


def fresh(value: Any) -> Any:
    """Return `value`; a copy of lists, dicts, sets and tuples, down to what is in the innermost.

    So who works on an answer changes nobody else's. What they hold is not copied: it may be what
    cannot be, or what has to be the same. A response is copied whole: on its way out others add
    what belongs to one client, such as the cookie of a session.
    """
    kind = type(value)
    if kind is dict:
        return {key: fresh(each) for key, each in value.items()}
    if kind is list or kind is tuple:
        return kind([fresh(each) for each in value])
    if isinstance(value, CONTAINERS):
        return copy(value)
    return deepcopy(value) if is_response(value) else value


def is_response(value: Any) -> bool:
    """Tell whether a value is a web framework's response: what can be told to set a cookie."""
    return hasattr(type(value), "set_cookie")


def signature_of(call: Callable[..., Any]) -> Signature | None:
    """Return what a function takes; None: it does not say."""
    inner = call.func if isinstance(call, partial) else call
    if inspect.isclass(inner):
        return None  # what a class takes differs from what its signature says too often
    try:
        return inspect.signature(call)
    except (TypeError, ValueError):
        return None


def _has_error(signature: Signature | None) -> bool:
    """Tell whether a function takes the exception."""
    error = None if signature is None else signature.parameters.get("error")
    return error is not None and error.kind in _BY_NAME


def _whole(signature: Signature, args: Args, kwargs: Kwargs) -> tuple[Args, Kwargs]:
    """Return all that a function gets of a call: with its defaults, by position where it may be."""
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.args, bound.kwargs


def _mismatch(signature: Signature, call: tuple[Args, Kwargs]) -> TypeError | None:
    """Return what is wrong with a call, if anything is."""
    args, kwargs = call
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        return error
    return None


def _extremes(signature: Signature) -> list[tuple[Args, Kwargs]]:
    """Return the shortest and the longest call that the signature allows."""
    return [_sample(signature, everything=False), _sample(signature, everything=True)]


def _sample(signature: Signature, *, everything: bool) -> tuple[Args, Kwargs]:
    args: list[None] = []
    kwargs: dict[str, None] = {}
    for name, parameter in signature.parameters.items():
        if not everything and parameter.default is not Parameter.empty:
            continue
        if parameter.kind in _POSITIONAL:
            args.append(None)
        elif parameter.kind is Parameter.KEYWORD_ONLY:
            kwargs[name] = None
    return tuple(args), kwargs
