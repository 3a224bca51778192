"""The shops' book of orders on real databases: what is confirmed is in it, whatever is cut."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from flaky_upstream.behaviour import Mode
from flaky_upstream.server import Upstream
from resilience import Event, system
from resilience.testing import record_events, reset
from storefront.orders import Order, OrderBook
from tests.examples.shops import (
    BROWSER,
    Shop,
    document,
    open_shop,
)
from tests.servers.postgres import PostgresServer

NAME = "orders_of_a_shop"


@pytest.fixture
def database(fresh_postgres: PostgresServer) -> Iterator[str]:
    """Give the address of an empty database in PostgreSQL."""
    with fresh_postgres.database(NAME):
        yield fresh_postgres.url(NAME, driver="psycopg")


@pytest.fixture
def shop(kind: type[Shop], upstream: Upstream, database: str) -> Iterator[Shop]:
    """Give a shop that keeps its orders there."""
    with open_shop(kind, upstream, SHOP_DATABASE=database) as opened:
        yield opened


@pytest.fixture
def told() -> Iterator[list[Event]]:
    """Give what the process-wide system tells."""
    with record_events(system) as seen:
        yield seen


def book_of(url: str) -> dict[str, bool]:
    """Return what a book has, by number: whether it is paid."""
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT number, paid FROM orders")).all()
    engine.dispose()
    return {row.number: bool(row.paid) for row in rows}


# -- while all is well ----------------------------------------------------------------------------


def test_an_order_is_in_the_book(shop: Shop, database: str) -> None:
    """Paid."""
    answer = shop.buy("mug", order="1")

    assert (answer.status_code, book_of(database)) == (201, {"1": True})


def test_the_same_order_again_is_not_paid_again(shop: Shop, database: str) -> None:
    """Whoever sent a form twice, or got no answer, may send it again."""
    answers = [shop.buy("mug", order="1"), shop.buy("mug", order="1", accept=BROWSER)]

    assert [each.status_code for each in answers] == [201, 201]
    assert "Thank you" in answers[1].text
    assert (shop.calls("/payments"), book_of(database)) == (1, {"1": True})


def test_an_order_that_was_not_paid_can_be_paid_later(shop: Shop, database: str) -> None:
    """It is in the book, at the price it was taken at."""
    shop.tell(Mode.FAIL, "/payments")
    assert shop.buy("mug", order="1").status_code == 502
    assert book_of(database) == {"1": False}
    shop.tell(Mode.ANSWER)

    assert shop.buy("mug", order="1").status_code == 201
    assert book_of(database) == {"1": True}


def test_a_number_belongs_to_one_order(shop: Shop) -> None:
    """409 for another product; the first one stays what it was."""
    shop.buy("mug", order="1")

    answer = shop.buy("honey", order="1")

    assert (answer.status_code, shop.calls("/payments")) == (409, 1)
    assert "of another product" in document(answer)["detail"]


def test_the_same_order_from_many_at_once_is_one(database: str) -> None:
    """Whichever of them writes it, all of them get it."""
    book = OrderBook(database)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: book.take(Order("1", "mug", 1450)), range(32)))
    book.close()

    assert {each.number for each in taken} == {"1"}
    assert book_of(database) == {"1": False}


# -- while connections are cut --------------------------------------------------------------------


def test_no_order_is_lost_while_connections_are_cut(
    shop: Shop, database: str, fresh_postgres: PostgresServer, told: list[Event]
) -> None:
    """Before each of twenty orders all connections go; each order is confirmed, and in the book."""
    shop.buy("mug", order="first")
    answers = []
    for number in range(20):
        assert fresh_postgres.cut_connections(NAME) >= 1
        answers.append(shop.buy("mug", order=str(number)).status_code)

    assert answers == [201] * 20
    assert book_of(database) == {"first": True, **{str(number): True for number in range(20)}}
    assert shop.calls("/payments") == 21
    kinds = {each.type for each in told if each.component == "orders"}
    assert {"failure_detected", "recovery_succeeded"} <= kinds


def test_without_guards_each_cut_costs_an_order(
    kind: type[Shop], upstream: Upstream, database: str, fresh_postgres: PostgresServer
) -> None:
    """So that the test above can fail; the customer is told, and nothing is paid."""
    with open_shop(kind, upstream, SHOP_DATABASE=database, SHOP_BASELINE="1") as shop:
        answers = []
        for number in range(5):
            shop.buy("mug", order=f"before-{number}")
            fresh_postgres.cut_connections(NAME)
            answers.append(shop.buy("mug", order=str(number)))

    assert [each.status_code for each in answers] == [503] * 5
    assert "could not be written down" in document(answers[0])["detail"]
    assert shop.calls("/payments") == 5


def test_a_database_that_is_down_is_an_honest_503(
    shop: Shop, database: str, fresh_postgres: PostgresServer
) -> None:
    """Nothing is paid; once it is back the same order goes through."""
    shop.buy("mug", order="first")
    with fresh_postgres.stopped():
        answer, page = shop.buy("mug", order="1"), shop.buy("mug", order="1", accept=BROWSER)

    assert (answer.status_code, answer.headers["content-type"]) == (
        503,
        "application/problem+json",
    )
    assert (page.status_code, "will not be paid twice" in page.text) == (503, True)
    assert shop.calls("/payments") == 1
    assert shop.buy("mug", order="1").status_code == 201
    assert book_of(database) == {"first": True, "1": True}


def test_leaked_connections_are_given_up(database: str) -> None:
    """Ten connections that nobody gives back: the healer gives the book a new pool."""
    reset()
    book = OrderBook(database)
    engine: Any = book._engine
    book.take(Order("first", "mug", 1450))
    leaked = [engine.connect() for _ in range(10)]

    taken = book.take(Order("1", "mug", 1450))

    assert taken.number == "1"
    (action,) = system.healer.actions("orders")
    assert [each.before for each in action.history() if each.ran] == [10]
    for each in leaked:
        each.close()
    book.close()
    reset()


# -- SQLite ---------------------------------------------------------------------------------------


def test_a_locked_file_loses_no_order(kind: type[Shop], upstream: Upstream, tmp_path: Path) -> None:
    """Orders that come while somebody holds the file are made again."""
    url = f"sqlite:///{tmp_path}/orders.db"
    with open_shop(kind, upstream, SHOP_DATABASE=url) as shop:
        shop.buy("mug", order="first")
        engine = create_engine(url)
        with engine.connect() as holder, ThreadPoolExecutor(1) as customers:
            holder.execute(text("BEGIN EXCLUSIVE"))
            order = customers.submit(shop.buy, "mug", "1")
            assert not order.done()
            holder.rollback()
            answer = order.result(20)
        engine.dispose()

    assert answer.status_code == 201
    assert book_of(url) == {"first": True, "1": True}
