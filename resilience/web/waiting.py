"""How long a request has waited before it was taken up."""

from __future__ import annotations

import re
import socket
import struct
import sys
from typing import Any

from resilience.limits.queueing import LONGEST

REQUEST_START = "x-request-start"

_STAMP = re.compile(r"(?:t=)?([0-9]{10,19})(?:\.([0-9]{1,9}))?", re.ASCII)
_LAST_DATA_RECEIVED = 52  # bytes into struct tcp_info of linux/tcp.h: an u32 of milliseconds
_TCP_INFO = (socket.IPPROTO_TCP, getattr(socket, "TCP_INFO", 0), _LAST_DATA_RECEIVED + 4)
_KNOWS = sys.platform == "linux" and hasattr(socket, "TCP_INFO")


def stamped(header: str) -> float | None:
    """Return the seconds since 1970 that `X-Request-Start` says; None: it says nothing.

    Read are seconds (nginx's `t=${msec}`), milliseconds, microseconds (Apache's `t=%t`) and
    nanoseconds, told apart by their size. Of several proxies' stamps the first one's.
    """
    match = _STAMP.fullmatch(header.split(",", 1)[0].strip())
    if match is None:
        return None
    stamp = float(f"{match[1]}.{match[2] or 0}")
    while stamp >= 1e11:  # as seconds, in the year 5138
        stamp /= 1000
    return stamp


def since_received(connection: Any) -> float | None:
    """Return the seconds since the last part of a request reached this machine.

    That is how long a request has waited in the server's queues, whichever those are: the
    kernel's, for connections nobody has accepted yet, and the server's own. To 4 ms.

    Args:
        connection: the client's socket, as gunicorn, Werkzeug and uvicorn let it be seen.

    Returns:
        None where it is no TCP socket, or the system does not tell (other than Linux).
    """
    if connection is None or not _KNOWS:
        return None
    try:
        (milliseconds,) = struct.unpack_from("=I", _tcp_info(connection), _LAST_DATA_RECEIVED)
    except (AttributeError, OSError, TypeError, struct.error):
        return None
    return milliseconds / 1000 if milliseconds <= LONGEST * 1000 else None


def _tcp_info(connection: Any) -> bytes:
    try:
        info: bytes = connection.getsockopt(*_TCP_INFO)
    except TypeError:  # uvloop's sockets refuse to be asked, but lend themselves
        with connection.dup() as lent:
            info = lent.getsockopt(*_TCP_INFO)
    return info
