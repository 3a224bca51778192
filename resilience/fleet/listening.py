"""The thread that hears of what other workers have changed."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import suppress

REST = 1.0  # seconds after which a listener that failed tries again


class Listener(ABC):
    """A thread that listens, as nothing else can wait for news; without it they are missed."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def start(self) -> None:
        """Listen from now on; where no thread is to be had, the usual exchanges have to do."""
        with suppress(RuntimeError):
            threading.Thread(target=self._work, name="resilience-fleet", daemon=True).start()

    def stop(self) -> None:
        """Listen no more; what is under way ends by itself."""
        self._stopped.set()

    @property
    def is_wanted(self) -> bool:
        """Whether it is to go on."""
        return not self._stopped.is_set()

    def _work(self) -> None:
        rest = 0.0
        while not self._stopped.wait(rest):
            rest = REST
            with suppress(Exception):  # the exchange finds out, and says, what is wrong
                rest = self._listen()

    @abstractmethod
    def _listen(self) -> float:
        """Hint at news that there are; return the seconds, >= 0, until it is to listen again."""
