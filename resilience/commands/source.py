"""Which journal a command reads, and from when to when."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from resilience.errors import ConfigurationError
from resilience.settings import Settings
from resilience.storage.base import Store
from resilience.storage.settings import DAY, JournalSettings
from resilience.storage.sql import SQLStore
from resilience.systems import System

F = TypeVar("F", bound=Callable[..., Any])

SETTINGS_FILE = "resilience.toml"
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY}


class Moment(click.ParamType[float]):
    """A point in time: "2h" ago, or a date and time in ISO 8601."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return it in wall-clock seconds since 1970-01-01 UTC."""
        if isinstance(value, float):
            return value
        ago = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value.strip())
        if ago:
            return time.time() - float(ago[1]) * _UNITS[ago[2]]
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r}: give 30m, 2h or 7d, or a time such as 2025-06-01T12:00", param,
                      ctx)  # fmt: skip
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def journal_options(command: F) -> F:
    """Add the options that say where the journal is."""
    url = click.option("--url", help="The journal's database; default: what the settings say.")
    config = click.option(
        "--config", type=click.Path(dir_okay=False), help=f"Settings; default: {SETTINGS_FILE}."
    )
    return url(config(command))


def settings_of(config: str | None) -> Settings:
    """Return the settings of a file and the environment; within an app, those of the app."""
    app = app_here()
    if app is not None and config is None:
        return app.settings
    path = config or (SETTINGS_FILE if Path(SETTINGS_FILE).is_file() else None)
    return Settings.load(path, environ=os.environ)


def app_here() -> System | None:
    """Return the system of the app that the command runs in, as `flask resilience` does."""
    return click.get_current_context().find_object(System)


def journal_settings(config: str | None) -> JournalSettings:
    """Return the journal's settings; within an app those in force, whoever gave them."""
    app = app_here()
    return settings_of(config).journal if app is None or config else app.journal.settings


def _store(url: str | None, config: str | None) -> Store:
    address, app = url or journal_settings(config).address, app_here()
    return SQLStore(address) if app is None else app.journal.store_at(address)


def version_of(store: Store) -> int | None:
    """Return the version of a store's tables; None: there are none.

    Raises:
        ConfigurationError: others look after its tables.
    """
    if not isinstance(store, SQLStore):
        raise ConfigurationError(
            f"the tables of {store.address} are Django's: `manage.py migrate resilience`"
        )
    return store.version()


@contextmanager
def opened(url: str | None, config: str | None, *, must_exist: bool = True) -> Iterator[Store]:
    """Give the journal's store; errors become messages.

    Args:
        url: where it is; None: what the settings say.
        config: the file of settings; None: `resilience.toml`, if there is one.
        must_exist: refuse a database without our tables, instead of making them.
    """
    try:
        store = _store(url, config)
        try:
            if must_exist:
                _check_there(store)
            yield store
        finally:
            store.close()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    except _database_errors() as error:
        said = str(error).splitlines()[0]
        raise click.ClickException(f"the journal cannot be used: {said}") from None


def _check_there(store: Store) -> None:
    missing = store.path is not None and not store.path.exists()
    if missing or (isinstance(store, SQLStore) and store.version() is None):
        raise ConfigurationError(
            f"there is no journal at {store.address}: give --url, or make one by "
            "`resilience journal init`"
        )
    store.open()


def _database_errors() -> type[Exception]:
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError
