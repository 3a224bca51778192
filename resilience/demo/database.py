"""The database that the shops keep their orders in, and what the demo does to it.

PostgreSQL, whose connections are cut, where its programs are; else SQLite files, which are locked.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from resilience.demo import postgres
from resilience.demo.plan import DemoError
from resilience.demo.programs import Program, Programs

INTERVAL = 0.25  # seconds from one trouble to the next
LOCKED = 0.4  # seconds that a file is locked; the shop waits for 0.2

Confirmed = set[str]
"""The numbers of orders that are paid."""


class Database(Protocol):
    """Where orders are kept.

    Attributes:
        name: such as "PostgreSQL 15.4".
        trouble: what is done to it, in words.
    """

    name: str
    trouble: str

    async def open(self, programs: Programs) -> None:
        """Start it, and wait until it serves."""

    async def create(self, shop: str) -> None:
        """Make a shop's own database, empty."""

    def url(self, shop: str) -> str:
        """Return a shop's own database, as SQLAlchemy has it."""
        ...

    async def disturb(self, shop: str) -> int:
        """Make trouble for a shop once; return how many connections it hit."""
        ...

    def close(self) -> None:
        """Remove what it wrote."""
        ...


def database_here(*, sqlite: bool) -> Database:
    """Return PostgreSQL where it can be started and is not refused, else SQLite."""
    if sqlite:
        return SQLite("SQLite, as was asked for")
    if postgres.is_installed() and find_spec("psycopg") is not None:
        return PostgreSQL()
    return SQLite("SQLite, as there is no PostgreSQL here")


class PostgreSQL:
    """A server of its own, on a socket in a folder of its own: it takes no port."""

    trouble = "connections cut"

    def __init__(self) -> None:
        self.name = "PostgreSQL"
        self._account = postgres.account()
        self._folder = _folder(self._account)

    async def open(self, programs: Programs) -> None:
        """Make a cluster, and serve it."""
        await self._make()
        sockets = f"unix_socket_directories={self._folder}"
        server = programs.run(
            self._program(postgres.serving(self._files, "listen_addresses=", sockets))
        )
        while (version := await asyncio.to_thread(self._version)) is None:
            server.check()
            await asyncio.sleep(0.05)
        self.name = f"PostgreSQL {version}"

    async def create(self, shop: str) -> None:
        """Make a shop's database."""
        await asyncio.to_thread(self._create, shop)

    def url(self, shop: str) -> str:
        """Return a shop's database."""
        return f"postgresql+psycopg://{postgres.USER}@/{shop}?host={self._folder}"

    def address(self, shop: str) -> str:
        """Return a shop's database as `psql` takes it."""
        return f"postgresql://{postgres.USER}@/{shop}?host={self._folder}"

    async def disturb(self, shop: str) -> int:
        """Cut all its connections, as a failover or a proxy does."""
        return await asyncio.to_thread(self._cut, shop)

    def close(self) -> None:
        """Remove the cluster."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _files(self) -> Path:
        return self._folder / "cluster"

    async def _make(self) -> None:
        """Make the cluster."""
        program = self._program(postgres.making(self._files))
        try:
            if await program.finish() != 0:
                raise DemoError(f"PostgreSQL cannot be set up: {program.said().strip()}", 1)
        finally:
            program.close()

    def _program(self, command: Sequence[str]) -> Program:
        # "Fast": it cuts its clients off, instead of waiting for them to leave.
        farewell = signal.SIGINT
        return Program(
            "PostgreSQL", command, os.environ, str(self._folder), self._account, farewell
        )

    def _version(self) -> str | None:
        import psycopg

        try:
            with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
                (version,) = connection.execute("SHOW server_version").fetchone() or ("",)
        except psycopg.OperationalError:
            return None
        return str(version).partition(" ")[0]

    def _create(self, shop: str) -> None:
        import psycopg
        from psycopg.sql import SQL, Identifier

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(shop)))

    def _cut(self, shop: str) -> int:
        import psycopg

        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            return connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [shop]
            ).rowcount


class SQLite:
    """A file for each shop.

    Args:
        name: says why it is not PostgreSQL.
    """

    trouble = "files locked"

    def __init__(self, name: str) -> None:
        self.name = name
        self._folder = _folder(None)

    async def open(self, programs: Programs) -> None:
        """Have nothing to start."""

    async def create(self, shop: str) -> None:
        """Leave it to whoever opens the file first."""

    def url(self, shop: str) -> str:
        """Return a shop's file."""
        return f"sqlite:///{self._folder}/{shop}.db"

    async def disturb(self, shop: str) -> int:
        """Lock its file for a moment, as a backup does that somebody runs by hand."""
        return await asyncio.to_thread(self._lock, shop)

    def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _lock(self, shop: str) -> int:
        import sqlite3
        from contextlib import closing

        path = self._folder / f"{shop}.db"
        with closing(sqlite3.connect(path, isolation_level=None, timeout=1.0)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            threading.Event().wait(LOCKED)
        return 1


class Orders:
    """One shop's book of orders, seen from outside.

    Args:
        database: where it is.
        shop: the name of that database.
    """

    def __init__(self, database: Database, shop: str) -> None:
        self.database = database
        self.url = database.url(shop)
        self.hit = 0  # connections, by the trouble that was made
        self.confirmed: Confirmed = set()  # known when all is over
        self._shop = shop

    @classmethod
    async def new(cls, database: Database, shop: str) -> Orders:
        """Return a book that is empty."""
        await database.create(shop)
        return cls(database, shop)

    async def disturb(self, until: Callable[[], bool]) -> None:
        """Make trouble again and again until the time is over."""
        while not until():
            self.hit += await self.database.disturb(self._shop)
            await asyncio.sleep(INTERVAL)

    async def read(self) -> None:
        """Look into the book."""
        self.confirmed = await asyncio.to_thread(_paid, self.url)


def _paid(url: str) -> Confirmed:
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(url)
    try:
        if not inspect(engine).has_table("orders"):
            return set()
        with engine.connect() as connection:
            return set(connection.scalars(text("SELECT number FROM orders WHERE paid")))
    finally:
        engine.dispose()


def _folder(account: str | None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"resilience-demo-{os.getpid()}-"))
    if account is not None:
        shutil.chown(folder, account)
    return folder
