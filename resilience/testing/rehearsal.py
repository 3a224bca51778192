"""A suite under faults: which functions fail in which test, and what came of it."""

from __future__ import annotations

import random
from collections.abc import Generator, Iterable, Iterator, Mapping
from math import inf
from typing import Any

import pytest
from _pytest.runner import runtestprotocol  # as plugins that run tests again do

from resilience.chaos.experiments import Experiment
from resilience.chaos.faults import Error, Fault, Outage
from resilience.chaos.injection import Injection
from resilience.chaos.insertion import Insertion
from resilience.chaos.leases import Lease
from resilience.chaos.targets import Aim
from resilience.core.guard import Guard, guarded_runs
from resilience.errors import ChaosRefusedError
from resilience.systems import system
from resilience.testing import reset

FAULTS: tuple[Fault, ...] = (Outage(), Error(TimeoutError))
"""What goes wrong: nobody answers, or too late. Neither takes time."""

HELD, FELL, WRONG = "held", "fell", "wrong"
"""How a test stood its faults; wrong: it fails without them, too."""

Put = tuple[Insertion, Guard, Injection]

_ATTRIBUTE = "resilience_chaos"


class Rehearsal:
    """Lets a share of the guarded functions fail in each test.

    Which ones is a matter of the seed, the test and the function alone: not of the order of tests,
    nor of the process that runs them. A test that fails then runs once more without faults, on
    fresh fixtures. If it passes, that is no failure of the suite: it is told as one that has no
    fallback. If it fails again, it is one.

    Args:
        seed: of the choice.
        share: above 0 and up to 1, of the functions that fail in a test.
    """

    def __init__(self, seed: int, share: float) -> None:
        self._seed, self._share = seed, share
        self._calm = False  # no faults: a test runs again
        self._put: list[Put] = []  # in the test that runs
        self._running = False  # reports that are made meanwhile are of subtests
        self._subtest = ""  # what the first one said that failed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test, and if it fell under faults, once more without them."""
        where = {"nodeid": item.nodeid, "location": item.location}
        item.ihook.pytest_runtest_logstart(**where)
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        told = next((_told(each) for each in reports if _fell(each)), None)
        if told is not None:
            again = self._again(item, nextitem)
            failed = next((each for each in again if self._is_failed(each)), None)
            if failed is not None:
                setattr(failed, _ATTRIBUTE, {**told, "result": WRONG})
                reports = again
        for each in reports:
            item.ihook.pytest_runtest_logreport(report=each)
        item.ihook.pytest_runtest_logfinish(**where)
        return True

    def _again(self, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        reset()  # what the faults have opened
        self._calm = True
        try:
            return runtestprotocol(item, log=False, nextitem=nextitem)
        finally:
            self._calm = False

    def _is_failed(self, report: pytest.TestReport) -> bool:
        return report.failed or (report.when == "call" and bool(self._subtest))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[Any]:
        """Put the faults in while the test runs."""
        self._put = [] if self._calm else list(self._put_in(item.nodeid))
        self._running, self._subtest = True, ""
        try:
            return (yield)
        finally:
            self._running = False
            for insertion, _, _ in self._put:
                insertion.take_out()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Note what a test met, and how it stood it."""
        report = yield
        if call.when != "call":
            return report
        met = [_met(guard, injection) for _, guard, injection in self._put if injection.hit]
        error = "" if call.excinfo is None else call.excinfo.exconly().splitlines()[0][:200]
        fell = report.failed or (bool(self._subtest) and not self._running)
        if self._running:
            self._subtest = self._subtest or (error if report.failed else "")
        elif met and not report.skipped:
            told = {"test": item.nodeid, "result": FELL if fell else HELD}
            setattr(report, _ATTRIBUTE, {**told, "error": error or self._subtest, "faults": met})
        if met and fell and not report.skipped:
            report.outcome = "skipped"
            report.wasxfail = "it fell under faults in " + ", ".join(
                each["function"] for each in met
            )
        return report

    def _put_in(self, test: str) -> Iterator[Put]:
        for run, guard in guarded_runs(system.runtime):
            chance = random.Random(f"{self._seed}:{test}:{guard.name}")
            if chance.random() >= self._share:
                continue
            experiment = Experiment(f"seed {self._seed}", chance.choice(FAULTS), guard.name)
            clock = system.runtime.clock
            injection = Injection(experiment, clock, chance, Lease(clock, inf, inf), "")
            aim = Aim("function", guard.name, ((run, guard),))
            insertion = Insertion(injection, experiment, aim, system.runtime, system.chaos.around)
            try:
                insertion.put_in()
            except ChaosRefusedError:  # the test's own faults hit it, or an inner guard is held
                continue
            yield insertion, guard, injection


def _told(report: pytest.TestReport) -> dict[str, Any]:
    told: dict[str, Any] = getattr(report, _ATTRIBUTE, {})
    return told


def _fell(report: pytest.TestReport) -> bool:
    return _told(report).get("result") == FELL


def _met(guard: Guard, injection: Injection) -> dict[str, Any]:
    return {
        "function": guard.name,
        "fault": injection.fault.KIND,
        "calls": injection.hit,
        "fallback": guard.layer("fallback") is not None,
    }


def findings(seed: int, stats: Mapping[str, Iterable[Any]]) -> dict[str, Any]:
    """Return what came of a run, from the reports of all its processes."""
    reports = [each for kind in stats.values() for each in kind]
    told = [getattr(each, _ATTRIBUTE) for each in reports if hasattr(each, _ATTRIBUTE)]
    ran = {each.nodeid for each in reports if getattr(each, "when", "") == "call"}
    return {
        "seed": seed,
        "tests": len(ran),
        "met": len(told),
        HELD: sum(1 for each in told if each["result"] == HELD),
        FELL: sorted((each for each in told if each["result"] == FELL), key=lambda e: e["test"]),
        WRONG: sorted({each["test"] for each in told if each["result"] == WRONG}),
    }


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """Yield what people read of it."""
    yield (
        f"{told['tests']} tests, {told['met']} of them met faults: {told[HELD]} held, "
        f"{len(told[FELL])} fell, {len(told[WRONG])} fail without them, too"
    )
    for each in told[FELL]:
        yield f"{each['test']}: {each['error']}"
        for fault in each["faults"]:
            has = "has a fallback, and the test asks for more" if fault["fallback"] else (
                "has no fallback"
            )  # fmt: skip
            yield f"    {fault['function']} ({fault['fault']}) {has}"
    if told[FELL]:
        yield f"again: pytest {told[FELL][0]['test']!r} --resilience-chaos={told['seed']}"
    elif not told["met"]:
        yield "no guarded function that was to fail was called: try another seed, or a larger share"
