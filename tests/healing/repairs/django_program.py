"""A program that uses Django's ORM outside any request, while its connections are cut.

Run `python -m tests.healing.repairs.django_program SCENARIO URL`; prints one JSON object. A
process of its own, as Django's settings hold for a whole one.
"""

import asyncio
import json
import sys
import threading
from typing import Any
from urllib.parse import urlsplit

import django
import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection, transaction
from django.db.utils import OperationalError

from resilience import heal, system
from resilience.healing.repairs import CloseDjangoConnections

URL = sys.argv[2]
_PARTS = urlsplit(URL)

settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _PARTS.path.strip("/"),
            "USER": _PARTS.username,
            "HOST": _PARTS.hostname,
            "PORT": _PARTS.port,
            "CONN_MAX_AGE": None,
        }
    }
)
django.setup()


def query() -> str:
    """Ask the database; return the error's name, or "ok"."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception as error:
        query.error = error  # type: ignore[attr-defined]
        return type(error).__name__
    return "ok"


def cut() -> None:
    """End all backends but our own."""
    with psycopg.connect(URL, autocommit=True) as own:
        own.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


def healed(action: CloseDjangoConnections) -> str:
    """Ask, with the action after a failure."""
    outcome = query()
    if outcome != "ok" and action.applies(query.error):  # type: ignore[attr-defined]
        action.run()
    return outcome


def without() -> Any:
    """Ten queries after the cut, and nothing done about it."""
    query()
    cut()
    return [query() for _ in range(10)]


def with_it() -> Any:
    """Ten queries after the cut, with the action."""
    action = CloseDjangoConnections("database")
    query()
    cut()
    outcomes = [healed(action) for _ in range(10)]
    (record,) = action.history()
    return [outcomes, record.before, record.after, str(record.outcome)]


def threads() -> Any:
    """Four threads, each with a connection of its own, cut at the same moment."""
    action = CloseDjangoConnections("database")
    ready, cut_off = threading.Barrier(5), threading.Barrier(5)
    outcomes: list[list[str]] = []

    def work() -> None:
        query()
        ready.wait(20)
        cut_off.wait(20)
        outcomes.append([healed(action) for _ in range(3)])
        connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    ready.wait(20)
    cut()
    cut_off.wait(20)
    for each in workers:
        each.join()
    return outcomes


def atomic() -> Any:
    """A connection cut inside a transaction: it is for the block that opened it to end it."""
    action = CloseDjangoConnections("database")
    seen: list[Any] = []
    try:
        with transaction.atomic():
            query()
            cut()
            seen.append(healed(action))
            seen.append([action.measure(), connection.connection is not None])
    except OperationalError as error:
        seen.append(type(error).__name__)
    return [seen, len(action.history()), query()]


def lock() -> Any:
    """A statement's own `OperationalError`: the connection works, and stays."""
    action = CloseDjangoConnections("database")
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '20ms'")
        try:
            cursor.execute("SELECT pg_sleep(5)")
        except OperationalError as error:
            applied = action.applies(error)
    before = connection.connection
    outcomes = [str(action.run().outcome) for _ in range(3)]
    return [applied, outcomes, connection.connection is before, action.off]


def loop() -> Any:
    """Under a running loop connections belong to the thread of `sync_to_async`."""
    action = CloseDjangoConnections("database")

    async def scenario() -> Any:
        ask = sync_to_async(query)
        await ask()
        await asyncio.to_thread(cut)
        outcomes = [await ask(), await ask()]
        record = await action.run_async()
        return [outcomes, str(record.outcome), await ask()]

    return asyncio.run(scenario())


def ask() -> str:
    """Ask the database, and let what it raises through."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def healing() -> Any:
    """Ten queries after the cut, by a function with `@heal`."""
    action = system.healer.action(CloseDjangoConnections("database"))
    healed_ask = heal("database")(ask)
    healed_ask()
    cut()
    return [[healed_ask() for _ in range(10)], len(action.history())]


def healing_async() -> Any:
    """The same from async code, where queries run in the thread of `sync_to_async`."""
    action = system.healer.action(CloseDjangoConnections("database"))

    @heal("database")
    async def healed_ask() -> str:
        return await sync_to_async(ask)()

    async def scenario() -> Any:
        await healed_ask()
        await asyncio.to_thread(cut)
        return [await healed_ask() for _ in range(10)]

    outcomes = asyncio.run(scenario())
    return [outcomes, len(action.history())]


print(json.dumps(globals()[sys.argv[1]]()))
