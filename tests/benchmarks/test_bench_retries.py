"""The tables of retries, with libraries made up for it."""

from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.calls import BARE, CLOSURE, OURS
from benchmarks.retries import MAKERS, RETRY_GROUPS, Retrier, check, load_retriers


def again(times: int) -> Callable[..., Any]:
    """Return a library's decorator that makes a failed call that many times more."""

    def guard(first_seconds: float = 0.1) -> Any:
        def decorator(call: Any) -> Any:
            def guarded() -> Any:
                for _ in range(times):
                    try:
                        return call()
                    except OSError:
                        continue
                return call()

            return guarded

        return decorator

    return guard


def test_a_retrier_has_to_retry() -> None:
    """One that gives up after its first retry is left out, with the reason."""
    check(Retrier("good", again(2)))

    with pytest.raises(OSError, match="down"):
        check(Retrier("bad", again(1)))


def test_retriers_that_do_not_work_are_named() -> None:
    """The others are found."""
    makers = {"good": lambda: Retrier("good", again(2)), "bad": lambda: Retrier("bad", again(0))}

    found, left_out = load_retriers(makers)

    assert [each.name for each in found] == ["good"]
    assert left_out == {"bad": "OSError: down"}


@pytest.mark.parametrize("key", RETRY_GROUPS)
def test_a_table_has_ours_and_theirs(key: str) -> None:
    """Beside the bare function and the closure that ratios are over; each of them can be timed."""
    group = RETRY_GROUPS[key]([])

    names = [subject.name for subject in group.subjects]
    assert names == [BARE, CLOSURE, OURS, f"{OURS}, with a circuit"]
    assert group.baseline in names
    assert all(subject.loop(3) > 0 for subject in group.subjects)


def test_the_peers_are_those_that_are_promised() -> None:
    """Each of them is loaded by its name."""
    assert set(MAKERS) == {"stamina", "tenacity", "backoff", "pyresilience"}
