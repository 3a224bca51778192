"""The HTTP server: routes requests, and does to each call what its plan says."""

import json
import re
import selectors
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isfinite
from socketserver import TCPServer
from threading import Event, Lock
from time import monotonic
from typing import Any, NoReturn
from urllib.parse import unquote

from flaky_upstream.behaviour import Mode, Plan, read_behaviour
from flaky_upstream.catalogue import PRICES, pay, recommendations
from flaky_upstream.control import PATHS, Control
from flaky_upstream.validation import InvalidFieldError

BODY_LIMIT = 64 * 1024  # bytes
LOOK_INTERVAL = 0.1  # seconds between two looks whether a waiting call's client or server is gone

_LENGTH = re.compile("[0-9]{1,12}")


class _EndedError(Exception):
    """This connection ends with nothing more sent."""


class Handler(BaseHTTPRequestHandler):
    """One connection; a thread of its own."""

    protocol_version = "HTTP/1.1"
    server_version = "flaky_upstream"
    disable_nagle_algorithm = True  # else a body waits 40 ms for the acknowledgement of its headers
    timeout = 60.0  # seconds an idle connection is kept

    def __init__(self, control: Control, closing: Event, *args: Any) -> None:
        self.control = control
        self.closing = closing
        super().__init__(*args)

    def route(self) -> None:
        """Answer one request."""
        try:
            self._answer(self.path.partition("?")[0])
        except InvalidFieldError as error:
            self._send(400, error.document())
        except (_EndedError, ConnectionError, TimeoutError):
            self._end()

    do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = route  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Print nothing: the counts tell what was called."""

    def _answer(self, path: str) -> None:
        body = self._read_body()
        resource, user = _split(path)
        actions = self._actions(user).get(resource)
        if not actions:
            self._send(404, {"error": f"no such path: {path}"})
        elif self.command not in actions:
            allowed = ", ".join(actions)
            self._send(405, {"error": f"{path} allows {allowed}"}, Allow=allowed)
        else:
            self._act(resource, partial(actions[self.command], body))

    def _act(self, resource: str, answer: "_Answer") -> None:
        if resource in PATHS:
            self._carry_out(resource, self.control.receive(resource), answer)
        else:
            self._send(*answer())

    def _actions(self, user: str) -> dict[str, dict[str, "_Action"]]:
        return {
            "/prices": {"GET": lambda _: (200, PRICES)},
            "/recommendations": {"GET": lambda _: (200, recommendations(user))} if user else {},
            "/payments": {"POST": lambda body: (201, pay(_parse(body)))},
            "/behaviour": {"GET": lambda _: (200, self.control.behaviours()), "PUT": self._told},
            "/counts": {"GET": lambda _: (200, self.control.counts()), "DELETE": self._reset},
        }

    def _told(self, body: bytes) -> tuple[int, object]:
        path, behaviour = read_behaviour(_parse(body), PATHS)
        self.control.apply(behaviour, path)
        return 200, self.control.behaviours()

    def _reset(self, _: bytes) -> tuple[int, object]:
        self.control.reset_counts()
        return 200, self.control.counts()

    def _carry_out(self, path: str, plan: Plan, answer: "_Answer") -> None:
        while self._wait(path, plan, plan.delay):
            plan = self.control.plan_again(path)
        if plan.mode is Mode.FAIL:
            self._send(plan.applied.behaviour.status, {"error": "told to fail"})
        elif plan.mode is Mode.DRIP:
            self._drip(path, plan, *answer())
        elif plan.mode is Mode.ANSWER:
            self._send(*answer())
        else:
            self._reset_connection()

    def _drip(self, path: str, plan: Plan, status: int, document: object) -> None:
        body = _encode(document)
        self._send_headers(status, len(body))
        for sent in range(len(body)):
            self.wfile.write(body[sent : sent + 1])
            if self._wait(path, plan, plan.applied.behaviour.interval):
                self.wfile.write(body[sent + 1 :])  # told otherwise: the rest at once
                return

    def _wait(self, path: str, plan: Plan, seconds: float) -> bool:
        """Wait, and tell whether the plan went out of date meanwhile."""
        end = monotonic() + seconds
        while (left := end - monotonic()) > 0:
            changed = self.control.wait_for_change(path, plan, min(left, LOOK_INTERVAL))
            if self.closing.is_set() or _is_gone(self.connection):
                raise _EndedError
            if changed:
                return True
        return False

    def _read_body(self) -> bytes:
        declared = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not _LENGTH.fullmatch(declared):
            self._refuse(411, "a body needs a Content-Length in bytes")
        length = int(declared)
        # Read a little more than is allowed: most clients look for an answer only after sending.
        body = self.rfile.read(min(length, 16 * BODY_LIMIT))
        if length > BODY_LIMIT:
            self._refuse(413, f"a body has at most {BODY_LIMIT} bytes")
        if len(body) < length:
            raise _EndedError
        return body

    def _refuse(self, status: int, message: str) -> NoReturn:
        # What is left of the body on this connection would be taken for a request.
        self._send(status, {"error": message}, Connection="close")
        raise _EndedError

    def _send(self, status: int, document: object, **headers: str) -> None:
        body = _encode(document)
        self._send_headers(status, len(body), **headers)
        self.wfile.write(body)

    def _send_headers(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _reset_connection(self) -> None:
        # Lingering for zero seconds makes close() send a reset instead of an orderly end.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.rfile.close()
        self.connection.close()
        self._end()

    def _end(self) -> None:
        self.close_connection = True


class Upstream(ThreadingHTTPServer):
    """The server; `server_close()` also ends the calls that wait and the idle connections."""

    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self.control = Control()
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._closing = Event()
        super().__init__((host, port), partial(Handler, self.control, self._closing))

    @property
    def address(self) -> str:
        """The URL to reach it."""
        host, port = self.socket.getsockname()[:2]
        return f"http://{host}:{port}"

    def server_bind(self) -> None:
        """Bind without the name look-up of `HTTPServer`, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, known to `server_close` meanwhile."""
        with self._lock:
            self._open.add(request)
        try:
            if not self._closing.is_set():
                super().finish_request(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    def server_close(self) -> None:
        """End everything at once."""
        self._closing.set()
        super().server_close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Report what went wrong, unless it is only a client that left."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


_Action = Callable[[bytes], tuple[int, object]]
_Answer = Callable[[], tuple[int, object]]


def _split(path: str) -> tuple[str, str]:
    """Return the resource and, of a path below /recommendations, the user."""
    resource, slash, rest = path.removeprefix("/").partition("/")
    if resource == "recommendations":
        return "/recommendations", unquote(rest)
    return (path, "") if slash else (f"/{resource}", "")


def _parse(body: bytes) -> object:
    try:
        return json.loads(body, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        text = body[:80].decode(errors="replace")
        raise InvalidFieldError("body", text, "a JSON document") from None


def _finite(text: str) -> float:
    """Return a number of JSON, which has no NaN and no infinity."""
    if not isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _encode(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"


def _is_gone(connection: socket.socket) -> bool:
    """Tell whether the client closed; what it sent ahead is left unread."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return bool(selector.select(0)) and connection.recv(1, socket.MSG_PEEK) == b""
