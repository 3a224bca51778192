"""Guarding other people's code by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wrapt

from resilience.errors import ConfigurationError


def protect(target: str, *decorators: Callable[[Any], Any]) -> Callable[[], None]:
    """Put decorators on a function or method of another library.

    Args:
        target: `module:function` or `module:Class.method`, such as "httpx:Client.send".
        decorators: such as `circuit("http", key=…)`; their order does not matter.

    Returns:
        A function that takes the guard off again.

    Raises:
        ConfigurationError: there is no such thing to guard, or no decorator is given.
    """
    module, separator, path = str(target).partition(":")
    if not (module and separator and path) or not decorators:
        raise ConfigurationError(
            f"protect({target!r}): give 'module:function' or 'module:Class.method', and decorators"
        )
    try:
        parent, attribute, original = wrapt.resolve_path(module, path)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"protect({target!r}): {error}") from error
    guarded = original
    for decorator in decorators:
        guarded = decorator(guarded)
    own = attribute in vars(parent)
    setattr(parent, attribute, guarded)

    def unprotect() -> None:
        if own:
            setattr(parent, attribute, original)
        elif attribute in vars(parent):
            delattr(parent, attribute)

    return unprotect
