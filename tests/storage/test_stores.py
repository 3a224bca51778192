"""Every store keeps the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from resilience.storage.sql import SQLStore
from resilience.testing.contracts.stores import StoreContract
from tests.servers.mariadb import MISSING, MariaDBServer
from tests.servers.postgres import PostgresServer


def opened(url: str) -> Iterator[SQLStore]:
    """Give an open store."""
    store = SQLStore(url)
    store.open()
    yield store
    store.close()


class TestSQLite(StoreContract):
    """A file."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SQLStore]:
        """Give a store in a new file."""
        yield from opened(f"sqlite:///{tmp_path}/journal.db")


class TestPostgreSQL(StoreContract):
    """A real server."""

    @pytest.fixture
    def store(self, postgres_server: PostgresServer) -> Iterator[SQLStore]:
        """Give a store in a new database."""
        with postgres_server.database("journal") as name:
            yield from opened(postgres_server.url(name))


@pytest.fixture(scope="module")
def mariadb_server() -> Iterator[MariaDBServer]:
    """Give a running MariaDB; skip where none is installed."""
    if not MariaDBServer.is_installed():
        pytest.skip(MISSING)
    server = MariaDBServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


class TestMariaDB(StoreContract):
    """A real server."""

    @pytest.fixture
    def store(self, mariadb_server: MariaDBServer) -> Iterator[SQLStore]:
        """Give a store in a new database."""
        with mariadb_server.database("journal") as name:
            yield from opened(mariadb_server.url(name))
