"""What type checkers see of `@fallback`; checked, never run."""

from collections.abc import Iterator
from datetime import timedelta
from typing import assert_type

from resilience import Source, System, circuit, fallback


def cheaper(user: str) -> list[str]:
    """Answer in place of another function."""
    return [user]


async def cheaper_async(user: str, *, error: BaseException) -> list[str]:
    """Answer in place of another function, told why."""
    return [user, str(error)]


@fallback([])
def with_value(user: str) -> list[str]:
    """Answer a list."""
    return [user]


@fallback(cheaper, Source([], priority=9, name="nothing"), on=OSError, ignore=(KeyError,))
def with_function(user: str) -> list[str]:
    """Answer a list."""
    return [user]


@fallback(cheaper_async, cascade=False, stale_for=timedelta(minutes=5))
@circuit("under a fallback")
async def asynchronous(user: str) -> list[str]:
    """Answer a list."""
    return [user]


@circuit
@fallback(stale_for=300)
def stale(user: str) -> list[str]:
    """Answer a list."""
    return [user]


@System().fallback(cheaper)
def of_a_system(user: str) -> list[str]:
    """Answer a list."""
    return [user]


@fallback(iter(()))
def generator(user: str) -> Iterator[str]:
    """Give texts."""
    yield user


async def calls() -> None:
    """With a fallback of the same type, the type stays."""
    assert_type(with_value("a"), list[str])
    assert_type(with_function("a"), list[str])
    assert_type(await asynchronous("a"), list[str])
    assert_type(stale("a"), list[str])
    assert_type(of_a_system("a"), list[str])
    assert_type(generator("a"), Iterator[str])
    with_value(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
