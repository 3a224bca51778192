"""An address that leads to a server, and later to another: what a failover looks like to clients.

Connections that are there stay where they lead; new ones go to the new target. It can also lead
nowhere: what a network looks like to those that are cut off.
"""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.servers.process import LOOPBACK


class Forwarder:
    """Forwards TCP connections from a loopback port to another.

    Args:
        target: the port it leads to at first.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listening.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listening, selectors.EVENT_READ)
        self._ends: dict[socket.socket, socket.socket] = {}  # each end of a connection, both ways
        self._stop = threading.Event()
        self._cut = self._silent = False
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def lead_to(self, target: int) -> None:
        """Lead new connections elsewhere."""
        self._target = target

    def cut(self) -> None:
        """Reset all connections from now on, as a firewall does that rejects."""
        self._cut = True

    def fall_silent(self) -> None:
        """Forward nothing from now on: connections stay, and no answer comes."""
        self._silent = True

    def mend(self) -> None:
        """Forward again."""
        self._cut = self._silent = False

    def close(self) -> None:
        """End it, and all connections."""
        self._stop.set()
        self._thread.join()
        for end in list(self._ends):
            end.close()
        self._listening.close()
        self._selector.close()

    def _work(self) -> None:
        while not self._stop.is_set():
            if self._cut:
                for end in list(self._ends):
                    self._drop(end)
            if self._silent:
                self._stop.wait(0.02)
                continue
            for key, _ in self._selector.select(0.02):
                if key.fileobj is self._listening:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._forward(key.fileobj)

    def _accept(self) -> None:
        near, _ = self._listening.accept()
        if self._cut:
            near.close()
            return
        try:
            far = socket.create_connection((LOOPBACK, self._target))
        except OSError:
            near.close()
            return
        for one, other in ((near, far), (far, near)):
            self._ends[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _forward(self, end: socket.socket) -> None:
        if end not in self._ends:
            return
        data = b""
        with suppress(OSError):
            data = end.recv(65536)
            if data:
                self._ends[end].sendall(data)
                return
        self._drop(end)

    def _drop(self, end: socket.socket) -> None:
        if end not in self._ends:
            return
        for each in (end, self._ends[end]):
            del self._ends[each]
            self._selector.unregister(each)
            each.close()


@contextmanager
def forwarding(target: int) -> Iterator[Forwarder]:
    """Give a forwarder for a block."""
    forwarder = Forwarder(target)
    try:
        yield forwarder
    finally:
        forwarder.close()
