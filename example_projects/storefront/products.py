"""What the shop sells; what it costs is known to the service behind it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """Something on the shelf; `cents` is its price."""

    sku: str
    name: str
    about: str
    cents: int

    @property
    def price(self) -> str:
        """The price as people read it."""
        return f"€ {self.cents // 100}.{self.cents % 100:02d}"


_SHELF = {
    "assam": ("Assam", "Malty and strong, for the morning."),
    "biscuits": ("Shortbread", "Butter, flour, sugar, nothing else."),
    "darjeeling": ("Darjeeling", "First flush, light as a flower."),
    "honey": ("Heather honey", "From hives above the moor."),
    "kettle": ("Kettle", "Holds 80 °C, whistles never."),
    "mug": ("Mug", "Stoneware, 300 ml."),
    "oolong": ("Oolong", "Half way between green and black."),
    "sencha": ("Sencha", "Green, steamed, a little sea."),
    "strainer": ("Strainer", "Fine steel mesh."),
    "teapot": ("Teapot", "Cast iron, serves four."),
}


def on_sale(prices: Mapping[str, int]) -> dict[str, Product]:
    """Return the products that have a price, by sku.

    Args:
        prices: cents by sku.
    """
    return {
        sku: Product(sku, name, about, prices[sku])
        for sku, (name, about) in _SHELF.items()
        if sku in prices
    }
