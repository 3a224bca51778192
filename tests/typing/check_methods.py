"""What type checkers see of decorated methods; checked, never run."""

from typing import ClassVar, Self, assert_type

from resilience import circuit, fallback, system


class Shop:
    """All kinds of methods, the guard bare and with arguments, above and below."""

    registry: ClassVar[list[str]] = []

    @circuit
    def method(self, item: str) -> int:
        """Price an item."""
        return len(item)

    @circuit("async method", reset_timeout=3)
    async def async_method(self, item: str) -> int:
        """Price an item."""
        return len(item)

    @classmethod
    @circuit("class method")
    def class_method(cls, item: str) -> Self:
        """Make a shop."""
        return cls()

    @classmethod
    @circuit
    async def async_class_method(cls, item: str) -> Self:
        """Make a shop."""
        return cls()

    @circuit("outer class method")
    @classmethod
    def outer_class_method(cls, item: str) -> int:
        """Price an item."""
        return len(item)

    @staticmethod
    @circuit("static method")
    def static_method(item: str) -> int:
        """Price an item."""
        return len(item)

    @circuit("outer static method")
    @staticmethod
    def outer_static_method(item: str) -> int:
        """Price an item."""
        return len(item)

    @property
    @circuit("getter")
    def getter(self) -> int:
        """Count."""
        return 3

    @fallback(0, stale_for=300)
    @system.circuit("both")
    def both(self, item: str) -> int:
        """Price an item."""
        return len(item)


class Branch(Shop):
    """Overrides of guarded methods, guarded or not, are valid overrides."""

    @circuit("branch method")
    def method(self, item: str) -> int:
        """Price an item."""
        return super().method(item) + 1

    async def async_method(self, item: str) -> int:
        """Price an item."""
        return await super().async_method(item) + 1

    @classmethod
    @circuit("branch class method")
    def class_method(cls, item: str) -> Self:
        """Make a shop."""
        return super().class_method(item)

    @staticmethod
    def static_method(item: str) -> int:
        """Price an item."""
        return Shop.static_method(item) + 1


class Plain:
    """A class without guards."""

    def method(self, item: str) -> int:
        """Price an item."""
        return len(item)


class Guarded(Plain):
    """A guarded method overrides a plain one."""

    @circuit
    def method(self, item: str) -> int:
        """Price an item."""
        return super().method(item)


async def methods(shop: Shop, branch: Branch) -> None:
    """Bound, methods take no `self` and give what they gave."""
    assert_type(shop.method("tea"), int)
    assert_type(Shop.method(shop, "tea"), int)
    assert_type(await shop.async_method("tea"), int)
    assert_type(Shop.class_method("tea"), Shop)
    assert_type(branch.class_method("tea"), Branch)
    assert_type(await Shop.async_class_method("tea"), Shop)
    assert_type(shop.static_method("tea"), int)
    assert_type(Shop.static_method("tea"), int)
    assert_type(Shop.outer_class_method("tea"), int)
    assert_type(shop.outer_class_method("tea"), int)
    assert_type(Shop.outer_static_method("tea"), int)
    assert_type(shop.outer_static_method("tea"), int)
    assert_type(shop.getter, int)
    assert_type(shop.both("tea"), int)
    assert_type(branch.method("tea"), int)


def mistakes(shop: Shop) -> None:
    """Wrong arguments of methods are still found."""
    shop.method(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    shop.method()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Shop.class_method(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
