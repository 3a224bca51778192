"""The journal's queue: what it says of itself while others fill it."""

from collections import deque
from typing import Any

from resilience.storage.waiting import Waiting


def test_nothing_looks_dropped_while_it_comes() -> None:
    """Whoever asks while another thread is adding an item counts none that is not lost."""
    waiting, said = Waiting(10), []

    class Watched(deque[Any]):
        def append(self, item: Any) -> None:
            said.append(waiting.dropped())
            super().append(item)
            said.append(waiting.dropped())

    waiting._items = Watched(maxlen=10)
    waiting.put("it")
    assert (said, waiting.dropped()) == ([0, 0], 0)
    for _ in range(10):
        waiting.put("another")
    assert waiting.dropped() == 1
