"""HTTP clients whose connections leaked, or that reach nobody any more."""

from __future__ import annotations

from itertools import count
from typing import Any, Unpack

from resilience.healing.actions import Action, ActionOptions
from resilience.healing.clients import EXHAUSTED, UNREACHABLE, Client, ClientHolder, holder_of
from resilience.healing.healer import Healer
from resilience.healing.named import over


class SwapClient(Action):
    """Replaces a held HTTP client by a new one, whose pool is empty and which asks DNS again.

    `resilience.client` makes and runs one by itself; make another to have the healer run it for
    a component of a name of your own.

    Args:
        component: what it recovers.
        client: what `resilience.client` returned.
        options: those of `Action`. At most once in 30 s.

    Raises:
        TypeError: it is no held client.
    """

    def __init__(self, component: str, client: Any, **options: Unpack[ActionOptions]) -> None:
        self._holder = holder_of(client)
        super().__init__(component, **over(options, on=_is_the_clients, cool_down=30.0))

    def act(self) -> None:
        """Replace it."""
        self._holder.swap()

    def measure(self) -> int:
        """Count the clients made so far."""
        return self._holder.made

    def applies(self, error: BaseException | None) -> bool:
        """Tell whether the client may be at fault: one that never worked since it was made is not.

        So it stops by itself where it is useless: a service that is down is not helped by it.
        """
        return super().applies(error) and self._holder.has_worked


def _is_the_clients(error: BaseException) -> bool:
    return EXHAUSTED(error) or UNREACHABLE(error)


def hold(holder: ClientHolder, healer: Healer, component: str, options: ActionOptions) -> Client:
    """Return what users hold, its replacement registered with the healer.

    Raises:
        ConfigurationError: an option is refused.
    """
    client = Client(holder)
    named: ActionOptions = {"name": _free_name(healer, component), **options}
    holder.action = healer.action(SwapClient(component, client, **named))
    return client


def _free_name(healer: Healer, component: str) -> str:
    """Return a name for another client of a component: an action of the same name replaces."""
    taken = {each.name for each in healer.actions(component)}
    names = (f"SwapClient {number}" if number > 1 else "SwapClient" for number in count(1))
    return next(name for name in names if name not in taken)
