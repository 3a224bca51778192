"""What takes part in a fleet: circuits, and the operators' orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from resilience.fleet.base import Order
from resilience.fleet.verdicts import Report, Verdict


class Member(Protocol):
    """A circuit, as the fleet uses it: `resilience.circuits.led.Led`."""

    name: str

    def lead(
        self,
        nudge: Callable[[], None],
        is_online: Callable[[], bool],
        verdict: Verdict | None = None,
    ) -> None:
        """Belong to the fleet."""

    def let_go(self) -> None:
        """Belong to none."""

    def report(self, *, all_known: bool = False) -> Report | None:
        """Return what is new."""
        ...

    def follow(self, verdict: Verdict, report: Report | None = None) -> None:
        """Take up what was decided."""

    def unled(self, *, forget: bool = False) -> None:
        """Go on alone."""

    def wants_exchange_in(self) -> float:
        """Return the seconds until an exchange is of use."""
        ...


class Members(Protocol):
    """All circuits of a system."""

    def __iter__(self) -> Iterator[Member]:
        """Yield them."""
        ...

    def on_new(self, welcome: Callable[[Member], None] | None) -> None:
        """Call `welcome` with each that is made from now on."""


class Board(Protocol):
    """The operators' orders, as the fleet uses them: `resilience.sharing.SharedOrders`."""

    def news(self, *, all_known: bool = False) -> tuple[Order, ...]:
        """Return what is new."""
        ...

    def sent(self, orders: Iterable[Order]) -> None:
        """Know that the store has heard them."""

    def take(self, orders: Iterable[Order]) -> None:
        """Follow what was ordered."""

    def forget(self) -> None:
        """Know nothing of the fleet."""

    def command(self, name: str, reason: str, actor: str | None) -> None:
        """Have every other worker do something once."""
