"""What type checkers see of `@retry`, `@timeout`, `@bulkhead` and `Fallback`; never run."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from datetime import timedelta
from typing import assert_type

from resilience import TRANSIENT, Fallback, Source, System, bulkhead, retry, system, timeout


@retry
def bare_retry(user: str, *, limit: int = 3) -> list[str]:
    """Answer a list."""
    return [user] * limit


@retry(
    5,
    on=TRANSIENT,
    ignore=(KeyError, ValueError),
    on_result=lambda result: not result,
    timeout=timedelta(seconds=9),
    backoff=[0.1, timedelta(seconds=1)],
    initial_delay=0.5,
    max_delay=timedelta(minutes=1),
    multiplier=3,
    jitter=None,
    budget=None,
)
def full_retry(user: str, *, limit: int = 3) -> list[str]:
    """Answer a list."""
    return [user] * limit


@retry(attempts=4, on=OSError, backoff=lambda failed: failed * 0.1, jitter=0.5)
async def async_retry(user: str) -> int:
    """Answer a number."""
    return len(user)


@timeout(2)
def plain_timeout(user: str) -> int:
    """Answer a number."""
    return len(user)


@timeout(timedelta(seconds=2), name="numbers")
async def numbers(count: int) -> AsyncIterator[int]:
    """Give numbers."""
    yield count


@bulkhead
def bare_bulkhead(user: str) -> int:
    """Answer a number."""
    return len(user)


@bulkhead(5, max_wait=timedelta(seconds=1), name="shared")
def generator(count: int) -> Generator[int, str, bytes]:
    """Give numbers, take texts, return bytes."""
    yield count
    return b""


@bulkhead(max_wait=0.5)
@retry()
@timeout(2.0)
@system.circuit("all")
@system.fallback([])
async def everything(user: str) -> list[str]:
    """Answer a list."""
    return [user]


class Shop:
    """All kinds of methods."""

    @retry
    def method(self, item: str) -> int:
        """Price an item."""
        return len(item)

    @timeout(2.0)
    @bulkhead(name="prices")
    async def async_method(self, item: str) -> int:
        """Price an item."""
        return len(item)

    @classmethod
    @retry(2)
    def class_method(cls, item: str) -> "Shop":
        """Make a shop."""
        return cls()

    @bulkhead
    @staticmethod
    def static_method(item: str) -> int:
        """Price an item."""
        return len(item)


async def calls(shop: Shop) -> None:
    """Everything keeps its type."""
    assert_type(bare_retry("a", limit=1), list[str])
    assert_type(full_retry("a", limit=1), list[str])
    assert_type(await async_retry("a"), int)
    assert_type(plain_timeout("a"), int)
    assert_type(numbers(3), AsyncIterator[int])
    assert_type(bare_bulkhead("a"), int)
    assert_type(generator(3), Generator[int, str, bytes])
    assert_type(await everything("a"), list[str])
    assert_type(shop.method("tea"), int)
    assert_type(await shop.async_method("tea"), int)
    assert_type(Shop.class_method("tea"), Shop)
    assert_type(shop.static_method("tea"), int)


def of_a_system() -> Callable[[str], Iterator[str]]:
    """Its methods are the same decorators."""
    own = System({"limits": {"workers": 4}, "retries": {"it": {"attempts": 2}}})

    @own.retry
    @own.timeout(1)
    @own.bulkhead
    def letters(word: str) -> Iterator[str]:
        yield from word

    return letters


async def fallbacks(name: str) -> None:
    """A call keeps its type, whatever answers for it."""
    strategy = Fallback(
        Source(plain_timeout, priority=1, name="numbers"),
        0,
        on=(OSError, TimeoutError),
        ignore=ConnectionError,
        stale_for=timedelta(minutes=5),
        cascade=False,
        name="numbers",
        system=system,
    )
    assert_type(strategy.call(plain_timeout, name), int)
    assert_type(await strategy.call_async(async_retry, name), int)
    assert_type(await strategy.call_async(plain_timeout, name), int)
    assert_type(strategy.name, str)
    strategy.call(plain_timeout, 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def mistakes() -> None:
    """Wrong arguments are found."""
    bare_retry(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    plain_timeout()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    retry(atempts=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    retry(backoff=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
    timeout()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    timeout("2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    bulkhead(limits=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    Fallback(0, stale=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
