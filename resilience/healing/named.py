"""Exceptions known by name, so that no library is imported; and defaults that options go over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Named:
    """A predicate: is an exception, or one of its bases, one of these?

    Args:
        names: class names separated by spaces, by the top package of the module that holds the
            class: `Named(redis="ReadOnlyError ConnectionError")`.
    """

    __slots__ = ("_names",)

    def __init__(self, **names: str) -> None:
        self._names = {
            (package, name) for package, listed in names.items() for name in listed.split()
        }

    def __call__(self, error: BaseException) -> bool:
        """Tell whether it is."""
        return any(
            (base.__module__.partition(".")[0], base.__name__) in self._names
            for base in type(error).__mro__
        )

    def __repr__(self) -> str:
        return " | ".join(sorted(f"{package}.{name}" for package, name in self._names))


def over(options: Mapping[str, Any], **defaults: Any) -> dict[str, Any]:
    """Return an action's own defaults with what its user said over them."""
    return {**defaults, **options}
