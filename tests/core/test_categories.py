"""What kind of trouble an exception is taken for."""

import copy
import errno
import http.client
import pickle
import queue
import smtplib
import socket
import sqlite3
import ssl
import subprocess
import sys
import urllib.error
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from typing import Any

import httpx
import pytest
import requests
import urllib3

from resilience.core.categories import CATEGORIES, TRANSIENT, category_of
from resilience.errors import (
    BulkheadFullError,
    CircuitOpenError,
    ConfigurationError,
    DeadlineExceededError,
    InjectedFaultError,
)

STANDARD: list[tuple[BaseException, str]] = [
    (ConnectionRefusedError(), "network"),
    (BrokenPipeError(), "network"),
    (TimeoutError(), "network"),
    (socket.gaierror(socket.EAI_NONAME, "unknown name"), "network"),
    (ssl.SSLError(), "network"),
    (ssl.SSLCertVerificationError(), "configuration"),
    (urllib.error.URLError("unreachable"), "network"),
    (http.client.RemoteDisconnected("gone"), "network"),
    (http.client.IncompleteRead(b""), "network"),
    (sqlite3.OperationalError(), "database"),
    (sqlite3.DatabaseError(), "database"),
    (sqlite3.IntegrityError(), "unknown"),
    (sqlite3.ProgrammingError(), "unknown"),
    (MemoryError(), "resource"),
    (queue.Full(), "resource"),
    (BrokenExecutor(), "resource"),
    (FileNotFoundError(), "configuration"),
    (PermissionError(), "configuration"),
    (ModuleNotFoundError(), "configuration"),
    (OSError(errno.ENETUNREACH, "unreachable"), "network"),
    (OSError(errno.EHOSTUNREACH, "unreachable"), "network"),
    (OSError(errno.ENOSPC, "full"), "resource"),
    (OSError(errno.EMFILE, "too many"), "resource"),
    (OSError(errno.EADDRNOTAVAIL, "no port is left"), "resource"),
    (smtplib.SMTPServerDisconnected(), "network"),
    (smtplib.SMTPConnectError(421, "busy"), "network"),
    (smtplib.SMTPAuthenticationError(535, b"no"), "configuration"),
    (smtplib.SMTPRecipientsRefused({}), "service"),
    (OSError(errno.EINVAL, "invalid"), "unknown"),
    (OSError("without a number"), "unknown"),
    (ValueError(), "unknown"),
    (KeyError(), "unknown"),
    (KeyboardInterrupt(), "unknown"),
]
OWN: list[tuple[BaseException, str]] = [
    (DeadlineExceededError(), "network"),
    (CircuitOpenError("x"), "service"),
    (BulkheadFullError("x"), "resource"),
    (ConfigurationError(), "configuration"),
    (InjectedFaultError(), "unknown"),
]
# Where a library is installed, its own classes are asked.
LIBRARIES = {
    "httpx": {
        "network": "ConnectError ReadTimeout ConnectTimeout ReadError RemoteProtocolError",
        "service": "HTTPStatusError TooManyRedirects",
        "resource": "PoolTimeout",
        "configuration": "UnsupportedProtocol InvalidURL",
        "unknown": "LocalProtocolError StreamConsumed",
    },
    "requests.exceptions": {
        "network": "ConnectionError ReadTimeout ConnectTimeout SSLError ChunkedEncodingError",
        "service": "HTTPError TooManyRedirects JSONDecodeError",
        "configuration": "MissingSchema InvalidURL InvalidSchema",
    },
    "urllib3.exceptions": {
        "network": "NewConnectionError ReadTimeoutError ProtocolError MaxRetryError",
        "service": "DecodeError",
        "resource": "EmptyPoolError",
        "configuration": "LocationParseError",
    },
    "aiohttp": {
        "network": "ClientConnectorError ServerDisconnectedError ServerTimeoutError",
        "service": "ClientResponseError WSServerHandshakeError",
        "configuration": "ClientConnectorCertificateError InvalidURL",
    },
    "sqlalchemy.exc": {
        "database": "OperationalError InterfaceError DisconnectionError DBAPIError",
        "unknown": "IntegrityError ProgrammingError DataError NoResultFound",
        "resource": "TimeoutError",
        "configuration": "ArgumentError NoSuchModuleError",
    },
    "django.db": {
        "database": "OperationalError InterfaceError DatabaseError",
        "unknown": "IntegrityError ProgrammingError DataError",
    },
    "django.core.exceptions": {"configuration": "ImproperlyConfigured", "unknown": "FieldError"},
    "redis.exceptions": {
        "database": "ConnectionError TimeoutError BusyLoadingError ReadOnlyError",
        "resource": "OutOfMemoryError MaxConnectionsError",
        "configuration": "AuthenticationError NoPermissionError",
        "unknown": "ResponseError DataError",
    },
    "psycopg.errors": {
        "database": "OperationalError AdminShutdown DeadlockDetected SerializationFailure",
        "unknown": "UniqueViolation UndefinedTable",
        "resource": "TooManyConnections DiskFull",
        "configuration": "InvalidPassword InvalidCatalogName",
    },
    "psycopg2.errors": {
        "database": "OperationalError AdminShutdown DeadlockDetected",
        "unknown": "UniqueViolation UndefinedTable",
        "resource": "TooManyConnections",
    },
    "psycopg_pool": {"resource": "PoolTimeout", "database": "PoolClosed"},
}
LIBRARIES["httpx2"] = LIBRARIES["httpx"]
# Classes of these names are known without their libraries.
FAKES = [
    ("httpx", "TransportError", "network"),
    ("requests.exceptions", "HTTPError", "service"),
    ("urllib3.exceptions", "ProtocolError", "network"),
    ("aiohttp.client_exceptions", "ClientConnectionError", "network"),
    ("sqlalchemy.exc", "OperationalError", "database"),
    ("django.db.utils", "InterfaceError", "database"),
    ("redis.exceptions", "ConnectionError", "database"),
    ("psycopg.errors", "TooManyConnections", "resource"),
    ("psycopg2", "IntegrityError", "unknown"),
]


def bare(kind: type[BaseException]) -> BaseException:
    """Make an exception without asking what its constructor wants."""
    return kind.__new__(kind)


@pytest.mark.parametrize(("error", "category"), STANDARD + OWN)
def test_the_standard_library_is_known(error: BaseException, category: str) -> None:
    """Each exception is of the category one would say."""
    assert category_of(error) == category


@pytest.mark.parametrize("module", LIBRARIES)
def test_libraries_are_known(module: str) -> None:
    """The exceptions of a library that is installed here are of the categories one would say."""
    found = pytest.importorskip(module)
    expected = {name: each for each, names in LIBRARIES[module].items() for name in names.split()}

    assert {name: category_of(bare(getattr(found, name))) for name in expected} == expected


@pytest.mark.parametrize(("module", "name", "category"), FAKES)
def test_names_are_enough(module: str, name: str, category: str) -> None:
    """A class with a library's name is taken for the library's, and a subclass for it."""
    kind = type(name, (ConnectionError,), {"__module__": module})

    assert category_of(kind()) == category
    assert category_of(type("OwnError", (kind,), {})()) == category


def test_urllib_answers_are_the_services() -> None:
    """An answer above 399 is the service's, though its class is a network error's."""
    answer = urllib.error.HTTPError("http://x", 503, "down", http.client.HTTPMessage(), None)

    assert category_of(answer) == "service"
    answer.close()


def test_a_subclass_is_what_its_nearest_known_base_is() -> None:
    """An app's own exception over a library's is of the library's category."""

    class StockDownError(ConnectionResetError): ...

    class InjectedDownError(InjectedFaultError, StockDownError): ...

    assert category_of(StockDownError()) == "network"
    assert category_of(InjectedDownError()) == "network"


def test_a_foreign_class_of_a_known_name_is_unknown() -> None:
    """`OperationalError` of no database driver means nothing."""

    class OperationalError(Exception): ...

    assert category_of(OperationalError()) == "unknown"


@pytest.mark.parametrize(("error", "category"), STANDARD)
def test_transient_is_network_and_database(error: BaseException, category: str) -> None:
    """`TRANSIENT` matches these two categories and no other."""
    assert TRANSIENT(error) is (category in ("network", "database"))


def test_transient_reads_as_its_name_and_stays_itself() -> None:
    """It is shown as one writes it, and a copy or pickle of it is the same object."""
    assert repr(TRANSIENT) == "TRANSIENT"
    assert pickle.loads(pickle.dumps(TRANSIENT)) is TRANSIENT
    assert copy.deepcopy(TRANSIENT) is TRANSIENT


def test_every_category_is_announced() -> None:
    """No exception is of a category that `CATEGORIES` leaves out."""
    named = {category for categories in LIBRARIES.values() for category in categories}

    assert {category for _, category in STANDARD + OWN} | named == set(CATEGORIES)


def test_nothing_is_imported_for_it() -> None:
    """The categories of all libraries cost no import of any of them."""
    libraries = sorted({name.partition(".")[0] for name in LIBRARIES})
    code = (
        "import sys; import resilience.core.categories as c; c.category_of(OSError());"
        f"sys.exit(any(name in sys.modules for name in {libraries}))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _raised_from(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def _of_requests(inner: BaseException) -> BaseException:
    pool: Any = None
    return requests.exceptions.SSLError(
        urllib3.exceptions.MaxRetryError(pool, "/", urllib3.exceptions.SSLError(inner))
    )


@pytest.mark.parametrize(
    "wrapping",
    [
        urllib.error.URLError,
        urllib3.exceptions.SSLError,
        _of_requests,
        lambda inner: _raised_from(httpx.ConnectError("no"), _raised_from(OSError(), inner)),
    ],
)
def test_a_certificate_that_does_not_fit_is_no_trouble_of_the_network(
    wrapping: Callable[[BaseException], BaseException],
) -> None:
    """Whatever a client wraps it in: it will not fit at the next attempt either."""
    wrong = wrapping(ssl.SSLCertVerificationError(1, "certificate verify failed"))

    assert (category_of(wrong), TRANSIENT(wrong)) == ("configuration", False)
    assert category_of(wrapping(ssl.SSLError(1, "broken"))) == "network"


def test_what_fails_while_another_failure_is_handled_is_judged_by_itself() -> None:
    """A mirror that is down has nothing to do with the first server's certificate."""
    error = ConnectionRefusedError()
    error.__context__ = ssl.SSLCertVerificationError()

    assert category_of(error) == "network"


def test_errors_that_hold_one_another_are_judged() -> None:
    """Nobody looks for ever."""
    one, other = ConnectionError(), ConnectionError()
    one.__cause__, other.__cause__ = other, one
    one.args = (other,)

    assert category_of(one) == "network"
