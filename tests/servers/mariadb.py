"""A real MariaDB server for tests; Debian's own, if it runs, is left alone."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import pymysql

from tests.servers.process import LOOPBACK, Server, ServerFailedError

MISSING = "mariadb-server is not installed"
USER, PASSWORD = "journal", "journal"


class MariaDBServer(Server):
    """A MariaDB with one user, who may do everything from the loopback interface."""

    def __init__(self) -> None:
        super().__init__("mariadb", "mysql")

    @staticmethod
    def is_installed() -> bool:
        """Tell whether there is one to start."""
        return all(shutil.which(each) for each in ("mariadbd", "mariadb-install-db"))

    def command(self) -> Sequence[str]:
        """Return the command that serves."""
        return (
            "mariadbd",
            "--no-defaults",
            f"--datadir={self.directory}/data",
            f"--socket={self.directory}/socket",
            f"--bind-address={LOOPBACK}",
            f"--port={self.port}",
            f"--init-file={self.directory}/init.sql",
        )

    def start(self) -> None:
        """Start it, the first time with a new, empty directory."""
        if not (self.directory / "data").exists():
            self._make()
        super().start()

    def answers(self) -> bool:
        """Tell whether it serves."""
        self.ask("SELECT 1")
        return True

    def url(self, database: str) -> str:
        """Return its address as a journal takes it."""
        return f"mariadb://{USER}:{PASSWORD}@{LOOPBACK}:{self.port}/{database}"

    def ask(self, statement: str) -> None:
        """Run one statement on a connection of its own."""
        options: dict[str, Any] = {"host": LOOPBACK, "port": self.port, "connect_timeout": 5}
        with closing(pymysql.connect(user=USER, password=PASSWORD, **options)) as connection:
            connection.cursor().execute(statement)

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Give a new database, which is gone afterwards."""
        self.ask(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield name
        finally:
            self.ask(f"DROP DATABASE {name}")

    def _make(self) -> None:
        init = self.directory / "init.sql"
        init.write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%';\n"
        )
        made = subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={self.directory}/data",
                "--user=mysql",
                "--skip-test-db",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ServerFailedError(f"mariadb-install-db: {made.stderr or made.stdout}")
