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
    module, colon, path = place.rpartition(":")
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
    if name.endswith(".py"):
        here, name = _of_file(Path(name))
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise click.ClickException(f"no module {name!r}, seen from {here}") from None
        raise click.ClickException(f"{name} cannot be imported: {error}") from None
    except Exception as error:
        raise click.ClickException(f"{name} cannot be imported: {error!r}") from error


def _of_file(file: Path) -> tuple[str, str]:
    """Return the folder that a file's module is imported from, and the module's name.

    Below the current directory it is that one; elsewhere the first that is no package.
    """
    whole, here = Path.cwd() / file, Path.cwd()
    if not whole.is_file():
        raise click.ClickException(f"no file {str(file)!r}, seen from {here}")
    whole = whole.resolve()
    folder = here.resolve() if whole.is_relative_to(here.resolve()) else whole.parent
    while folder != here.resolve() and (folder / "__init__.py").is_file():
        folder = folder.parent
    parts = whole.relative_to(folder).with_suffix("").parts
    return str(folder), ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


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
