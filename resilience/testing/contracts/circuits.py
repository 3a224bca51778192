"""A circuit does, in any order of events, what a model of it in plain words does.

Hypothesis runs it: `run_state_machine_as_test(CircuitMachine)`, or as a test case by
`TestMine = CircuitMachine.TestCase`. Override `make_system` to try systems of your own.
"""

from __future__ import annotations

import asyncio
import math
import random
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from resilience.errors import CircuitOpenError
from resilience.systems import System
from resilience.testing.clocks import ManualClock
from resilience.testing.contracts.circuit_model import Model, Rules


class IgnoredError(OSError):
    """A failure by its type, and excluded."""


ENDS: dict[str, BaseException | str] = {
    "success": "good",
    "bad result": "bad",
    "failure": OSError("down"),
    "no failure": ValueError("the caller's mistake"),
    "ignored": IgnoredError(),
    "cancelled": asyncio.CancelledError(),
    "rejected inside": CircuitOpenError("inner", 1.0),
}


class Pause:
    """Awaited, it hands control to whoever steps the coroutine."""

    def __await__(self) -> Any:
        return (yield)


class CircuitMachine(RuleBasedStateMachine):
    """Does the same to a circuit and to the model, and compares them after each step."""

    running = Bundle("running")

    @initialize(
        window_calls=st.sampled_from([None, 4, 6]),
        bad_results=st.booleans(),
        slow_call_rate=st.sampled_from([0.5, 1.0]),
        seed=st.integers(0, 5),
    )
    def make(
        self, window_calls: int | None, bad_results: bool, slow_call_rate: float, seed: int
    ) -> None:
        """Make both with the same settings."""
        rules = Rules(window_calls=window_calls, slow_call_rate=slow_call_rate)
        self.clock, self.model = ManualClock(), Model(rules, bad_results)
        self.system = self.make_system(self.clock, random.Random(seed))
        self.events: list[str] = []
        self.system.on_event(lambda event: self.events.append(event.type))
        options: dict[str, Any] = {"on": OSError, "ignore": IgnoredError, **asdict(rules)}
        if bad_results:
            options["on_result"] = "bad".__eq__

        @self.system.circuit("modelled", **options)
        def call(end: BaseException | str, seconds: float) -> str:
            self.clock.advance(seconds)
            if isinstance(end, BaseException):
                raise end.with_traceback(None)
            return end

        @self.system.circuit("modelled", **options)
        async def call_async() -> Any:
            return await Pause()

        self.call_now, self.call_async = call, call_async
        self.circuit = self.system.circuits["modelled"]

    def make_system(self, clock: ManualClock, chance: random.Random) -> System:
        """Return the system whose circuit is tried."""
        return System(clock=clock, random=chance)

    @property
    def now(self) -> float:
        """The manual clock's time."""
        return self.clock.monotonic()

    @rule(
        end=st.sampled_from(["failure", "success", *sorted(ENDS)]),
        seconds=st.sampled_from([0.0, 0.0, 0.0, 2.0, 3.0]),
        times=st.integers(1, 3),
    )
    def call(self, end: str, seconds: float, times: int) -> None:
        """Make calls, one after the other, that end before anything else happens."""
        for _ in range(times):
            permit, started = self.model.admit(self.now), self.now
            found = self.outcome(ENDS[end], seconds)
            if permit is None:
                assert isinstance(found, CircuitOpenError)
                assert found.name == "modelled"
            else:
                assert found is ENDS[end]
                self.model.finish(permit, end, started, self.now)
            self.they_agree()

    def outcome(self, end: BaseException | str, seconds: float) -> object:
        """Return what a call returned or raised."""
        try:
            return self.call_now(end, seconds)
        except BaseException as error:
            return error

    @rule(target=running)
    def begin(self) -> Any:
        """Begin a call that goes on while other things happen."""
        permit, coroutine = self.model.admit(self.now), self.call_async()
        if permit is None:
            with pytest.raises(CircuitOpenError):
                coroutine.send(None)
            return multiple()
        coroutine.send(None)
        return permit, coroutine, self.now

    @rule(
        call=consumes(running), end=st.sampled_from(["failure", "success", "closed", *sorted(ENDS)])
    )
    def finish(self, call: Any, end: str) -> None:
        """End a call that was begun some time ago; "closed": its coroutine is dropped."""
        permit, coroutine, started = call
        outcome = ENDS.get(end)
        if outcome is None:
            coroutine.close()
        elif isinstance(outcome, BaseException):
            with pytest.raises(type(outcome)):
                coroutine.throw(outcome.with_traceback(None))
        else:
            with pytest.raises(StopIteration):
                coroutine.send(outcome)
        self.model.finish(permit, "cancelled" if end == "closed" else end, started, self.now)

    @rule(seconds=st.sampled_from([1.0, 1.0, 2.0, 5.0, 8.0, 21.0, 60.0, 200.0]))
    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @precondition(lambda self: self.model.state == "open")
    @rule()
    def wait(self) -> None:
        """Let the open time pass, to a whole second after its end."""
        self.clock.advance(float(math.ceil(self.circuit.snapshot().retry_after) + 1))

    @invariant()
    def they_agree(self) -> None:
        """All that can be read is the same; looking twice changes nothing."""
        if not hasattr(self, "circuit"):
            return
        model, now = self.model, self.now
        snapshot = self.circuit.snapshot()
        if model.state == "open" and math.isnan(model.until):
            assert 0.9 <= snapshot.retry_after / model.expected_wait <= 1.1
            model.until = now + snapshot.retry_after
        calls, failures, slow = model.counts(now)
        judged = calls >= model.rules.min_calls
        assert snapshot.state == self.circuit.state == model.shown(now)
        assert (snapshot.calls, snapshot.failures, snapshot.slow_calls) == (calls, failures, slow)
        assert snapshot.failure_rate == (failures / calls if judged else None)
        assert snapshot.slow_call_rate == (slow / calls if judged else None)
        assert snapshot.rejected == model.rejected
        assert snapshot.shadow == (model.ordered(now) == "shadow")
        assert [each for each in self.events if each != "call_rejected"] == model.events
        assert snapshot.generation == len(model.events)
        if snapshot.state == "open":
            assert snapshot.retry_after == pytest.approx(max(0.0, model.until - now))
        assert self.circuit.snapshot() == snapshot


class OperatedMachine(CircuitMachine):
    """The same with operators, who give and take back orders meanwhile."""

    running = CircuitMachine.running

    @rule(
        order=st.sampled_from(["force_open", "force_closed", "disable", "shadow"]),
        seconds=st.sampled_from([5.0, 30.0]),
    )
    def command(self, order: str, seconds: float) -> None:
        """Give an operator's order."""
        states = {"force_open": "forced_open", "force_closed": "forced_closed"}
        state = {**states, "disable": "disabled", "shadow": "shadow"}[order]
        self.model.command(state, self.now + seconds, self.now)
        getattr(self.circuit, order)(reason="test", for_=seconds)

    @precondition(lambda self: self.model.order)
    @rule()
    def release(self) -> None:
        """Take the operator's order back."""
        self.model.release()
        self.circuit.release()

    @rule()
    def reset(self) -> None:
        """Begin afresh."""
        self.model.reset(self.now)
        self.circuit.reset()

    @rule()
    def tick(self) -> None:
        """Do what is due in the background: orders end by themselves."""
        self.model.end_order_in_time(self.now)
        self.system.tick()
