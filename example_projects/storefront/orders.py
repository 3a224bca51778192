"""The shops' book of orders, in PostgreSQL or SQLite: what was confirmed is in it, once.

A database server is restarted, fails over, or has its connections cut by something in between,
and the next statement on each connection fails. `@heal` makes it again; as an order has a number,
it may be made twice.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Executable,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    make_url,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolExhaustedError
from sqlalchemy.pool import StaticPool

from resilience import System, heal
from resilience import system as default_system
from resilience.healing.repairs import DisposeEngine

COMPONENT = "orders"
DEFAULT_URL = "sqlite:///orders.db"

INSERTS: Mapping[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
"""By the kinds of database there can be."""

_TROUBLE = (OperationalError, InterfaceError, PoolExhaustedError)

_metadata = MetaData()
_orders = Table(
    "orders",
    _metadata,
    Column("number", String(64), primary_key=True),
    Column("sku", String(40), nullable=False),
    Column("cents", Integer, nullable=False),
    Column("paid", Boolean, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of one product; `cents` is the price it was taken at."""

    number: str
    sku: str
    cents: int
    paid: bool = False


class OrderBook:
    """All orders.

    Args:
        url: the database, as SQLAlchemy has it; one that passes `check`.
        system: whose healer looks after the connections.
    """

    def __init__(self, url: str, system: System = default_system) -> None:
        self._engine = _engine(url)
        self._has_table = False
        # For connections that leak. Those that are cut the pool replaces by itself.
        system.healer.action(DisposeEngine(COMPONENT, self._engine))

    @heal(COMPONENT, category="database", severity="high", on=_TROUBLE)
    def take(self, order: Order) -> Order:
        """Write an order down; return it as it is in the book, where it may have been before."""
        with self._begin() as connection:
            # Written first: SQLite waits for a lock only where a transaction begins by writing.
            connection.execute(self._insert(order))
            row = connection.execute(select(_orders).where(_orders.c.number == order.number)).one()
        return Order(row.number, row.sku, row.cents, row.paid)

    @heal(COMPONENT, category="database", severity="high", on=_TROUBLE)
    def settle(self, number: str) -> None:
        """Write down that an order is paid."""
        with self._begin() as connection:
            connection.execute(update(_orders).where(_orders.c.number == number).values(paid=True))

    def close(self) -> None:
        """Let the connections go."""
        self._engine.dispose()

    def _insert(self, order: Order) -> Executable:
        """Return what writes an order down, unless there is one of that number."""
        insert = INSERTS[self._engine.dialect.name]
        values = {"number": order.number, "sku": order.sku, "cents": order.cents, "paid": False}
        statement: Executable = insert(_orders).values(values).on_conflict_do_nothing()
        return statement

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        self._make_table()
        with self._engine.begin() as connection:
            yield connection

    def _make_table(self) -> None:
        """Make the table if need be: not before the first order, so that a shop always starts."""
        if self._has_table:
            return
        with suppress(IntegrityError, ProgrammingError):  # another worker makes it meanwhile
            _metadata.create_all(self._engine)
        self._has_table = True


def check(url: str) -> None:
    """Do nothing if orders can be kept there.

    Raises:
        ArgumentError, ImportError: the address is none, or of another kind, or its driver is
            missing.
    """
    made = make_url(url)
    if made.get_backend_name() not in INSERTS:
        raise ArgumentError(f"{made.get_backend_name()} is neither PostgreSQL nor SQLite")
    made.get_dialect().import_dbapi()


def _engine(url: str) -> Engine:
    """Return the engine; without `pool_pre_ping`, which asks before each use and costs a trip."""
    made = make_url(url)
    if made.get_backend_name() != "sqlite":
        return create_engine(made, pool_size=5, max_overflow=5, pool_timeout=1.0)
    if made.database in (None, "", ":memory:"):
        return create_engine(made, poolclass=StaticPool, connect_args={"check_same_thread": False})
    engine = create_engine(made, connect_args={"timeout": 0.2})
    event.listen(engine, "connect", _write_ahead)
    return engine


def _write_ahead(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")  # readers and a writer do not block each other
