"""The pytest plugin: guards under test, faults in tests, and a suite under faults.

It gives the process-wide system a clock that can be stopped, so it has to come before the app's
modules: as an installed package it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, cast

import pytest

from resilience.core.demand import is_made
from resilience.errors import ResilienceError
from resilience.systems import system
from resilience.testing import force_open, inactive, make_stoppable, record_events, reset

if TYPE_CHECKING:
    from resilience.events import Event
    from resilience.testing import StoppableSystem, inject

for _each in ("circuits", "fleets", "stores", "workers"):
    pytest.register_assert_rewrite(f"resilience.testing.contracts.{_each}")

with suppress(RuntimeError):  # somebody was earlier; who needs the clock is told so
    make_stoppable(system)

OFF = "off"
SEED, SHARE, REPORT = "--resilience-chaos", "--resilience-chaos-share", "--resilience-chaos-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what runs a suite under faults."""
    group = parser.getgroup("resilience", "guards under faults")
    group.addoption(
        SEED, type=int, metavar="SEED",
        help="run the suite under faults by this seed, and say which tests have no fallback",
    )  # fmt: skip
    group.addoption(
        SHARE, type=float, default=0.5, metavar="SHARE",
        help="of the guarded functions, the share above 0 and up to 1 that fail in each test (0.5)",
    )  # fmt: skip
    group.addoption(REPORT, metavar="FILE", help="write what came of it as JSON, too")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and what `--resilience-chaos` asks for."""
    config.addinivalue_line(
        "markers",
        "chaos(fault, target, share=1.0, match=None, seed=0): the fault hits the target's calls "
        "while the test runs",
    )
    config.addinivalue_line(
        "markers", "resilience(off=True): all guards pass their calls through, fixtures included"
    )
    seed = config.getoption(SEED)
    if seed is None:
        return
    share: float = config.getoption(SHARE) or 0.0
    if not 0.0 < share <= 1.0:
        raise pytest.UsageError(f"{SHARE}={share}: give a number above 0 and up to 1")
    from resilience.testing.rehearsal import Rehearsal

    config.pluginmanager.register(Rehearsal(seed, share), "resilience-chaos")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse markers that say nothing that can be done."""
    for item in items:
        for mark in item.iter_markers("chaos"):
            _check_chaos(item, mark)
        for mark in item.iter_markers("resilience"):
            if mark.args or set(mark.kwargs) - {OFF} or not isinstance(mark.kwargs.get(OFF), bool):
                raise pytest.UsageError(
                    f"{item.nodeid}: @pytest.mark.resilience takes off=True or off=False, and "
                    f"nothing else"
                )


def _check_chaos(item: pytest.Item, mark: pytest.Mark) -> None:
    from resilience.chaos.experiments import Experiment

    known = {"fault", "target", "share", "match", "seed"}
    try:
        unknown = sorted(set(mark.kwargs) - known)
        if unknown:
            raise TypeError(f"it does not take {unknown[0]}")
        Experiment("a test", *mark.args, **mark.kwargs)
    except (TypeError, ResilienceError) as error:
        raise pytest.UsageError(
            f"{item.nodeid}: @pytest.mark.chaos(fault, target, share=, match=, seed=): {error}"
        ) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[Any]:
    """Switch guards off for a test that says so, and leave nothing of it to the next one."""
    mark = item.get_closest_marker("resilience")
    with ExitStack() as stack:
        if mark is not None and mark.kwargs[OFF]:
            stack.enter_context(inactive())
        try:
            return (yield)
        finally:
            reset()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[Any]:
    """Put a test's own faults in while it runs; forget circuits that it made for itself."""
    before = system.circuits.names() if is_made(system, "circuits") else frozenset()
    with ExitStack() as stack:
        for mark in item.iter_markers("chaos"):
            stack.enter_context(_inject()(*mark.args, **mark.kwargs))
        try:
            return (yield)
        finally:
            if is_made(system, "circuits"):
                system.circuits.forget_passing(before)


def _inject() -> type[inject]:
    from resilience.testing import inject

    return inject


@pytest.fixture
def resilience() -> Iterator[StoppableSystem]:
    """The process-wide system, afresh, on a clock that stands still.

    It is the one that the bare decorators use, so the app's own guards are under test.
    `resilience.clock.advance(30)` lets time pass, `resilience.tick()` does what is due then.
    """
    clock = make_stoppable(system)
    reset()
    clock.stop()
    try:
        yield cast("StoppableSystem", system)
    finally:
        reset()
        clock.go_on()


@pytest.fixture
def circuit_open() -> Iterator[Callable[[str], force_open]]:
    """`circuit_open("payments")`: that circuit rejects all calls, until the test's end.

    As a context manager, until the end of its block.
    """
    with ExitStack() as stack:

        def hold_open(name: str) -> force_open:
            held = force_open(name)
            stack.callback(held.__exit__, None, None, None)
            return held

        yield hold_open


@pytest.fixture
def faults() -> Iterator[Callable[..., inject]]:
    """`faults(Outage(), "payments")`: the fault hits the target's calls, until the test's end.

    It takes what `resilience.testing.inject` takes, and tells how many calls it saw and hit.
    """
    with ExitStack() as stack:

        def put_in(fault: Any, target: Any, **options: Any) -> inject:
            held = _inject()(fault, target, **options)
            stack.callback(held.end)
            return held

        yield put_in


@pytest.fixture
def events() -> Iterator[list[Event]]:
    """The list that every event of the process-wide system is added to, as it happens."""
    with record_events() as seen:
        yield seen


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what came of `--resilience-chaos`."""
    seed = config.getoption(SEED)
    if seed is None:
        return
    import json
    from pathlib import Path

    from resilience.testing.rehearsal import findings, lines

    told = findings(seed, terminalreporter.stats)
    terminalreporter.section(f"resilience chaos, seed {seed}")
    for line in lines(told):
        terminalreporter.write_line(line)
    path = config.getoption(REPORT)
    if path:
        Path(path).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
