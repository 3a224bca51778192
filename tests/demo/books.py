"""A book of orders that nothing has to be started for."""

from resilience.demo.database import Orders
from resilience.demo.programs import Programs


class Imagined:
    """A database that is said to be there."""

    name = "PostgreSQL 15.4"
    trouble = "connections cut"

    async def open(self, programs: Programs) -> None:
        """Start nothing."""

    async def create(self, shop: str) -> None:
        """Make nothing."""

    def url(self, shop: str) -> str:
        """Return an address that leads nowhere."""
        return f"postgresql:///{shop}"

    async def disturb(self, shop: str) -> int:
        """Hit two connections."""
        return 2

    def close(self) -> None:
        """Remove nothing."""


def book(hit: int = 16, *confirmed: str) -> Orders:
    """Return a book of which so many connections were hit, with these orders in it."""
    orders = Orders(Imagined(), "shop")
    orders.hit = hit
    orders.confirmed = set(confirmed)
    return orders
