"""Objects of a user's own app, by where they stand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import click

from resilience.core.names import did_you_mean

FACTORIES = ("create_app", "make_app")
APPS = ("app", "application")


def loaded(place: str) -> Any:
    """Return what stands at `module:name.of.it`; `shop/app.py:name` is understood as well.

    Raises:
        click.ClickException: there is no such thing; says near names.
    """
    module, colon, path = place.partition(":")
    if not colon or not module or not path:
        raise click.ClickException(f"{place!r}: give module:function, such as shop.calls:pay")
    found: Any = module_of(module)
    for name in path.removesuffix("()").split("."):
        if not hasattr(found, name):
            known = [each for each in dir(found) if not each.startswith("__")]
            raise click.ClickException(f"{module} has no {name!r}{did_you_mean(name, known)}")
        found = getattr(found, name)
    return found() if path.endswith("()") else found


def module_of(name: str) -> Any:
    """Import a module of the app's, from the current directory as `flask` and uvicorn do.

    Raises:
        click.ClickException: it cannot be imported; says why.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    if name.endswith(".py"):
        name = name.removesuffix(".py").replace("/", ".").strip(".")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise click.ClickException(f"no module {name!r}, seen from {here}") from None
        raise click.ClickException(f"{name} cannot be imported: {error}") from None
    except Exception as error:
        raise click.ClickException(f"{name} cannot be imported: {error!r}") from error


def app_in(place: str) -> Any:
    """Return a web app: at `module:app`, made by `module:create_app()`, or found in `module`."""
    if ":" in place:
        found = loaded(place)
        return found() if place.rpartition(":")[2] in FACTORIES else found
    module = module_of(place)
    for name in APPS:
        if hasattr(module, name):
            return getattr(module, name)
    for name in FACTORIES:
        if hasattr(module, name):
            return getattr(module, name)()
    return None
