"""Injected errors are what they imitate, wherever that can be."""

from __future__ import annotations

import random
import time
from functools import partial

import httpx
import pytest

from resilience import (
    ClockSkew,
    ConfigurationError,
    Error,
    Experiment,
    InjectedFaultError,
    Latency,
    Outage,
    System,
)
from resilience.chaos.presets import cascade, error_burst, latency_spike, outage, slow_database
from resilience.core.categories import TRANSIENT


def blown(error: object) -> BaseException:
    """Return what an `Error` of that exception raises."""
    blow = Error(error).blow(random.Random(1), "x")
    assert blow.error is not None
    return blow.error


@pytest.mark.parametrize(
    "kind", [ConnectionError, TimeoutError, OSError, httpx.ConnectTimeout, UnicodeDecodeError]
)
def test_injected_errors_are_what_they_imitate(kind: type[Exception]) -> None:
    """Handlers of that type, and of ours, catch them."""
    error = blown(kind)

    assert isinstance(error, kind)
    assert isinstance(error, InjectedFaultError)


def test_an_exception_keeps_its_arguments_and_is_new_each_time() -> None:
    """What handlers read of it is there, and no traceback grows."""

    class OutOfStockError(Exception):
        def __init__(self, item: str, left: int) -> None:
            super().__init__(item, left)
            self.left = left

    fault = Error(OutOfStockError("tea", 0))
    first, second = (fault.blow(random.Random(1), "x").error for _ in range(2))

    assert isinstance(first, OutOfStockError)
    assert (first.args, first.left) == (("tea", 0), 0)
    assert first is not second


def test_names_of_exceptions_are_found() -> None:
    """Files name them: built-in ones, and `module:Type`."""
    assert isinstance(blown("TimeoutError"), TimeoutError)
    assert isinstance(blown("httpx:ReadTimeout"), httpx.ReadTimeout)


@pytest.mark.parametrize("fault", [Outage(), Error(httpx.ConnectTimeout)])
def test_injected_trouble_is_tried_again_like_real_trouble(fault: Outage | Error) -> None:
    """Retries take them for what they imitate."""
    error = fault.blow(random.Random(1), "x").error

    assert isinstance(error, Exception)
    assert TRANSIENT(error)


def test_jitter_spreads_latency() -> None:
    """Give or take its share."""
    chance = random.Random(1)
    delays = [Latency(2.0, 0.5).blow(chance, "x").delay for _ in range(1000)]

    assert 1.0 <= min(delays) < 1.1
    assert 2.9 < max(delays) <= 3.0


def test_the_clock_is_off_inside_the_call_only(system: System) -> None:
    """`time.time()` is right for everybody else, and given back at the end."""
    right = time.time

    @system.circuit("clock")
    def now() -> float:
        return time.time()

    system.chaos.start(Experiment("x", ClockSkew(3600), "clock"))

    assert now() - time.time() == pytest.approx(3600, abs=60)
    system.chaos.halt()
    assert time.time is right


def test_presets_are_experiments() -> None:
    """Named after what they do, with the arguments of an experiment over theirs."""
    assert latency_spike("prices", 3.0, duration=9).fault == Latency(3.0, 0.2)
    assert error_burst("prices").share == 0.5
    assert slow_database("orders", name="slow").name == "slow"
    assert cascade("a", "b", duration=20).target_name == "a → b"
    assert outage(partial(int, "7")).name.startswith("outage of functools.partial(")
    with pytest.raises(ConfigurationError, match="experiment target=None"):
        latency_spike(None)
