"""What type checkers see of levels, features and rules; checked, never run."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import assert_type

from resilience import (
    Degradation,
    DegradationState,
    Feature,
    FeatureState,
    Level,
    Rule,
    System,
    circuit,
    feature,
    system,
)


@feature("search", otherwise=[], priority=80, off_at="minimal", capability={"reduced": 50})
def search(words: str) -> list[str]:
    """Answer a list."""
    return [words]


@circuit
@feature("reviews", off_at=Level.REDUCED, capability={Level.NORMAL: 90}, rollout=25)
async def reviews(user: str) -> list[str]:
    """Answer a list."""
    return [user]


def whose(user: str) -> str:
    """Tell whose call it is."""
    return user


@System().feature("items", otherwise=(), key=whose)
def items(user: str) -> Iterator[str]:
    """Give texts."""
    yield user


@feature("items of all", enabled=False)
async def async_items(user: str) -> AsyncIterator[str]:
    """Give texts."""
    yield user


class Shop:
    """A class with guarded methods."""

    @feature("sell")
    def sell(self, item: str) -> int:
        """Answer a number."""
        return len(item)

    @classmethod
    @feature("open")
    def opened(cls, item: str) -> int:
        """Answer a number."""
        return len(item)


async def calls() -> None:
    """With something instead or not, the type stays."""
    assert_type(search("a"), list[str])
    assert_type(await reviews("a"), list[str])
    assert_type(items("a"), Iterator[str])
    assert_type(async_items("a"), AsyncIterator[str])
    assert_type(Shop().sell("a"), int)
    assert_type(Shop.opened("a"), int)
    search(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    feature(off_at="minimal")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    feature("x", rollout="all")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def asked() -> None:
    """What is asked of the level of service."""
    degradation = system.degradation
    assert_type(degradation, Degradation)
    assert_type(degradation.level, Level)
    assert_type(degradation.enabled("search"), bool)
    assert_type(degradation.enabled("search", default=False, key="ada"), bool)
    assert_type(degradation.capability("search"), float)
    assert_type(degradation.feature("search"), FeatureState | None)
    state = degradation.state()
    assert_type(state, DegradationState)
    assert_type(state.level, Level)
    assert_type(state.ends, float | None)
    assert_type(state.features, tuple[FeatureState, ...])
    assert_type(state.rules[0].rule, Rule)


def ordered() -> None:
    """What operators and rules say."""
    degradation = system.degradation
    degradation.degrade("minimal", "drill", actor="ann", for_=timedelta(minutes=5))
    degradation.degrade(Level.REDUCED, "no answer", trigger="healer", for_=30)
    degradation.recover("over", actor="ann", for_=60)
    degradation.kill("search", "broken", "ann")
    degradation.set_rollout("search", 20, for_=timedelta(hours=1))
    degradation.add(Feature("plain", capability={"reduced": 50}, off_at=Level.EMERGENCY))
    degradation.metric("queue", lambda: 3)
    degradation.metric("queue", lambda: None, of=len)
    degradation.rule(Rule("queue", ">", 3, "reduced", features=("search",), for_=1, clear=2))
    degradation.rule(Rule("queue", ">", 3, Level.MINIMAL, ["search"]))
    degradation.rule({"metric": "queue", "operator": ">", "value": 3, "level": "reduced"})
    assert_type(degradation.step_down("no answer"), Level)
    assert_type(degradation.follow(interval=5), Callable[[], None])
    degradation.metric("queue", "3")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Rule("queue", ">", "3", "reduced")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
