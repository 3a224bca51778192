"""What kind of trouble an exception tells of, known by name so that no library is imported.

A type is looked up by the top package of its module and its class name, then its bases in the
order of its mro: libraries move their exceptions between modules, and subclass them.
"""

from __future__ import annotations

import errno
from functools import lru_cache
from typing import Any

NETWORK = "network"
DATABASE = "database"
SERVICE = "service"
RESOURCE = "resource"
CONFIGURATION = "configuration"
UNKNOWN = "unknown"

CATEGORIES = (NETWORK, DATABASE, SERVICE, RESOURCE, CONFIGURATION, UNKNOWN)
"""All there are: in the way to it, in it, its answers, what we ran out of, what is set wrong."""

DEEPEST = 5
"""Errors inside errors that are looked at."""

SEVERITIES = ("low", "medium", "high", "critical")
"""How much a failure matters, least first."""

# The classes of PEP 249 by their names. Those that tell of a statement are no trouble of the
# database: another attempt, or another connection, changes nothing.
_PEP_249 = {
    DATABASE: "DatabaseError OperationalError InterfaceError InternalError",
    UNKNOWN: "IntegrityError ProgrammingError DataError NotSupportedError",
}
_DRIVERS = ("sqlite3", "psycopg", "psycopg2", "pymysql", "MySQLdb", "sqlalchemy", "django")

_HTTPX = {
    NETWORK: "TransportError",
    SERVICE: "HTTPStatusError DecodingError TooManyRedirects",
    RESOURCE: "PoolTimeout",
    CONFIGURATION: "UnsupportedProtocol InvalidURL",
    UNKNOWN: "LocalProtocolError",
}
_POSTGRESQL = {
    RESOURCE: "TooManyConnections DiskFull OutOfMemory",
    CONFIGURATION: "InvalidPassword InvalidAuthorizationSpecification InvalidCatalogName",
}

_NAMES: dict[str, dict[str, str]] = {
    "builtins": {
        NETWORK: "ConnectionError TimeoutError",
        RESOURCE: "MemoryError",
        CONFIGURATION: (
            "ImportError FileNotFoundError PermissionError NotADirectoryError IsADirectoryError"
        ),
    },
    "socket": {NETWORK: "gaierror herror"},
    "ssl": {NETWORK: "SSLError", CONFIGURATION: "SSLCertVerificationError"},
    "asyncio": {NETWORK: "IncompleteReadError"},
    "concurrent": {RESOURCE: "BrokenExecutor"},
    "queue": {RESOURCE: "Full"},
    "http": {
        NETWORK: "BadStatusLine IncompleteRead CannotSendRequest ResponseNotReady",
        CONFIGURATION: "InvalidURL UnknownProtocol",
    },
    "smtplib": {
        NETWORK: "SMTPServerDisconnected SMTPConnectError",
        SERVICE: "SMTPException",
        CONFIGURATION: "SMTPAuthenticationError SMTPNotSupportedError",
    },
    "urllib": {NETWORK: "URLError ContentTooShortError", SERVICE: "HTTPError"},
    "httpx": _HTTPX,
    "httpx2": _HTTPX,
    "requests": {
        NETWORK: "ConnectionError Timeout ChunkedEncodingError RetryError",
        SERVICE: "HTTPError TooManyRedirects ContentDecodingError InvalidJSONError",
        CONFIGURATION: (
            "InvalidURL MissingSchema InvalidSchema InvalidHeader InvalidProxyURL"
        ),
    },
    "urllib3": {
        NETWORK: "TimeoutError ProtocolError NewConnectionError ProxyError SSLError MaxRetryError",
        SERVICE: "ResponseError DecodeError",
        RESOURCE: "EmptyPoolError",
        CONFIGURATION: "LocationValueError LocationParseError",
    },
    "aiohttp": {
        NETWORK: "ClientConnectionError ClientPayloadError",
        SERVICE: "ClientResponseError",
        CONFIGURATION: "InvalidURL ClientConnectorCertificateError",
    },
    "sqlalchemy": {
        DATABASE: "DBAPIError DisconnectionError",
        RESOURCE: "TimeoutError",
        CONFIGURATION: "ArgumentError NoSuchModuleError",
    },
    "django": {CONFIGURATION: "ImproperlyConfigured ConnectionDoesNotExist AppRegistryNotReady"},
    "psycopg": _POSTGRESQL,
    "psycopg2": _POSTGRESQL,
    "psycopg_pool": {DATABASE: "PoolClosed", RESOURCE: "PoolTimeout TooManyRequests"},
    "redis": {
        DATABASE: (
            "ConnectionError TimeoutError BusyLoadingError ReadOnlyError ClusterDownError "
            "ClusterError MasterDownError MasterNotFoundError SlaveNotFoundError TryAgainError"
        ),
        RESOURCE: "OutOfMemoryError MaxConnectionsError",
        CONFIGURATION: "AuthenticationError AuthorizationError NoPermissionError",
    },
    "resilience": {
        SERVICE: "Rejected",
        RESOURCE: "BulkheadFullError OverloadedError",
        CONFIGURATION: "ConfigurationError",
    },
}  # fmt: skip

_BY_NAME = {
    (package, name): category
    for package, categories in (
        *((driver, _PEP_249) for driver in _DRIVERS),
        *_NAMES.items(),
    )
    for category, names in categories.items()
    for name in names.split()
}

# Plain `OSError`s differ by their number only.
_BY_NUMBER = {
    **dict.fromkeys(
        (errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETRESET),
        NETWORK,
    ),
    **dict.fromkeys(
        (
            errno.ENOSPC,
            errno.EDQUOT,
            errno.EMFILE,
            errno.ENFILE,
            errno.ENOMEM,
            errno.EAGAIN,
            errno.ENOBUFS,
            errno.EADDRNOTAVAIL,
        ),
        RESOURCE,
    ),
}


def category_of(error: BaseException) -> str:
    """Return which of `CATEGORIES` an exception belongs to."""
    kind: Any = type(error)  # typeshed has exceptions unhashable
    found = _category_of_type(kind)
    if found == UNKNOWN and isinstance(error, OSError) and error.errno is not None:
        return _BY_NUMBER.get(error.errno, UNKNOWN)
    if found == NETWORK and _is_about_a_certificate(error):
        return CONFIGURATION
    return found


def _is_about_a_certificate(error: BaseException, depth: int = DEEPEST) -> bool:
    """Tell whether a client's error wraps that of a certificate which does not fit."""
    if type(error).__module__ == "ssl" and type(error).__name__ == "SSLCertVerificationError":
        return True
    return depth > 0 and any(_is_about_a_certificate(each, depth - 1) for each in _wrapped(error))


def _wrapped(error: BaseException) -> list[BaseException]:
    """Return what an error was made of, wherever its library keeps that."""
    candidates = (error.__cause__, getattr(error, "reason", None), *error.args[:1])
    return [each for each in candidates if isinstance(each, BaseException)]


@lru_cache(maxsize=1024)
def _category_of_type(kind: Any) -> str:
    for base in kind.__mro__:
        package = str(base.__module__).partition(".")[0]
        category = _BY_NAME.get((package, base.__name__))
        if category is not None:
            return category
    return UNKNOWN


class Transient:
    """Matches what may be over at the next attempt: trouble with network or database."""

    def __call__(self, error: BaseException) -> bool:
        """Tell whether `error` is such a one."""
        return category_of(error) in (NETWORK, DATABASE)

    def __repr__(self) -> str:
        return "TRANSIENT"

    def __reduce__(self) -> str:
        return "TRANSIENT"


TRANSIENT = Transient()
