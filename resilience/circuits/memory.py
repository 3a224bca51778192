"""Remembering an error without keeping alive what it touched."""

from __future__ import annotations

from typing import Any

LONGEST = 200
FEW = 20  # items of a list or tuple
_PLAIN = (str, bytes, int, float, complex, bool, type(None))


def bare_copy(error: BaseException, depth: int = 3) -> BaseException:
    """Return an exception of the same type and text, without frames, causes, or live objects.

    A traceback holds every frame it passed, with all locals; so do exceptions among the
    arguments, which are copied likewise, and attributes such as a request, which are left out.
    What cannot be copied so is stood for by a `RuntimeError` with its text.
    """
    kind = type(error)
    try:
        copy = kind.__new__(kind, *[_bare(each, depth) for each in error.args])
        if isinstance(copy, UnicodeError):
            kind.__init__(copy, *copy.args)
        for name in ("filename", "filename2") if isinstance(copy, OSError) else ():
            if getattr(error, name) is not None:
                setattr(copy, name, getattr(error, name))
        vars(copy).update((k, v) for k, v in vars(error).items() if _is_made_of(v, _PLAIN))
        if describe(copy) == describe(error):
            return copy
    except Exception:  # noqa: S110 - other people's constructors may do anything
        pass
    return RuntimeError(describe(error))


def _is_made_of(value: Any, kinds: tuple[type, ...]) -> bool:
    if type(value) in (list, tuple) and len(value) <= FEW:
        return all(isinstance(each, kinds) for each in value)
    return isinstance(value, kinds)


def _bare(argument: Any, depth: int) -> Any:
    if _is_made_of(argument, _PLAIN):
        return argument
    if type(argument) in (list, tuple) and _is_made_of(argument, (BaseException, *_PLAIN)):
        return type(argument)(_bare(each, depth) for each in argument)
    if isinstance(argument, BaseException) and depth > 0:
        return bare_copy(argument, depth - 1)
    return describe(argument) if isinstance(argument, BaseException) else _short(argument)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def describe(error: BaseException) -> str:
    """Return `Type: text`, at most 200 characters; the type alone if it has no text."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return _short(f"{type(error).__name__}: {text}" if text else type(error).__name__)
