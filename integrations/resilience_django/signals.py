"""Our signals as Django's: `@receiver(circuit_opened)`, with `sender=None, **kwargs`.

Each joins its Blinker signal with its first receiver and leaves it with the last, so that one
nobody listens to costs nothing. Receivers get `name` and `event`; one that fails is logged.
"""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal
from django.dispatch import Signal

from resilience import Event
from resilience import signals as originals

log = logging.getLogger("resilience")


class BridgedSignal(Signal):
    """A Django signal that sends what a Blinker signal sends.

    Args:
        original: the Blinker signal.
    """

    def __init__(self, original: NamedSignal) -> None:
        super().__init__()
        self._original = original

    def connect(self, receiver: Any, *args: Any, **kwargs: Any) -> None:
        """Connect a receiver, as Django does."""
        super().connect(receiver, *args, **kwargs)
        self._original.connect(self._pass_on, weak=False)

    def disconnect(self, *args: Any, **kwargs: Any) -> bool:
        """Disconnect a receiver, as Django does."""
        found: bool = super().disconnect(*args, **kwargs)
        if not self.receivers:
            self._original.disconnect(self._pass_on)
        return found

    def _pass_on(self, name: str, event: Event) -> None:
        # Django compares senders by identity, so the name comes as a keyword.
        for receiver, answer in self.send_robust(sender=None, name=name, event=event):
            if isinstance(answer, Exception):
                log.error("receiver %r of %s failed", receiver, event.type, exc_info=answer)


__all__ = ["BridgedSignal"]

for _name, _signal in sorted(vars(originals).items()):
    if isinstance(_signal, NamedSignal):
        globals()[_name] = BridgedSignal(_signal)
        __all__ += [_name]  # noqa: PLE0604 - names of signals, each a `str`
