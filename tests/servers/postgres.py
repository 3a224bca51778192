"""A real PostgreSQL server for tests; Debian's own cluster, if it runs, is left alone."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from resilience.demo import postgres
from resilience.demo.postgres import USER
from tests.servers.process import LOOPBACK, Server, ServerFailedError

MISSING = "postgresql is not installed"
DATABASE = "postgres"

_CLIENTS = (
    "FROM pg_stat_activity WHERE backend_type = 'client backend' "
    "AND pid <> pg_backend_pid() AND datname = coalesce(%s, datname)"
)


class PostgresServer(Server):
    """A PostgreSQL with one superuser, who needs no password from the loopback interface."""

    farewell = signal.SIGINT  # "fast": clients are cut off, data are written
    last_resort = signal.SIGQUIT  # "immediate"; its own processes end with it

    def __init__(self) -> None:
        super().__init__("postgresql", postgres.account())

    @staticmethod
    def is_installed() -> bool:
        """Tell whether there is one to start."""
        return postgres.is_installed()

    def command(self) -> Sequence[str]:
        """Return the command that serves."""
        where = (f"listen_addresses={LOOPBACK}", f"port={self.port}", "unix_socket_directories=")
        return postgres.serving(self._files, *where)

    def start(self) -> None:
        """Start it, the first time with a new, empty cluster."""
        if not self._files.exists():
            self._make_cluster()
        super().start()

    def answers(self) -> bool:
        """Tell whether it serves."""
        return self.ask("SELECT 1") == [(1,)]

    # -- addresses ----------------------------------------------------------------------------

    def url(self, database: str = DATABASE, driver: str = "") -> str:
        """Return its address as psycopg takes it, or with `driver="psycopg"` SQLAlchemy."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{USER}@{LOOPBACK}:{self.port}/{database}"

    def django(self, database: str = DATABASE, **more: Any) -> dict[str, Any]:
        """Return it as an entry of Django's `DATABASES`."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database,
            "USER": USER,
            "HOST": LOOPBACK,
            "PORT": self.port,
            **more,
        }

    # -- doing things to it -------------------------------------------------------------------

    def ask(self, statement: str, *values: Any, database: str = DATABASE) -> list[Any]:
        """Run one statement on a connection of its own; return the rows, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def cut_connections(self, database: str | None = None) -> int:
        """End the backends of all clients (of one database), as an administrator or a proxy does.

        Returns:
            How many there were; none of them is left.
        """
        ended = self.ask(f"SELECT pg_terminate_backend(pid, 5000) {_CLIENTS}", database)
        return len(ended)

    def connections(self, database: str | None = None) -> int:
        """Return how many clients are connected (to one database), our own aside."""
        ((number,),) = self.ask(f"SELECT count(*) {_CLIENTS}", database)
        return int(number)

    def clear(self) -> None:
        """Run, with no client connected, whatever a test has done to it."""
        self.thaw()
        self.start()
        self.cut_connections()

    def create_database(self, name: str) -> None:
        """Make an empty database, instead of the one of that name if there is one."""
        self.drop_database(name)
        self.ask(f'CREATE DATABASE "{name}"')

    def drop_database(self, name: str) -> None:
        """Remove a database, cutting off who is connected."""
        self.ask(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Give the name of a database that is there, empty, for a block."""
        self.create_database(name)
        try:
            yield name
        finally:
            self.clear()
            self.drop_database(name)

    @property
    def _files(self) -> Any:
        return self.directory / "cluster"

    def _make_cluster(self) -> None:
        ran = subprocess.run(
            postgres.making(self._files),
            cwd=self.directory,
            user=self.user,
            capture_output=True,
            text=True,
            check=False,
        )
        if ran.returncode != 0:
            raise ServerFailedError(f"initdb failed: {ran.stderr}")
