"""Workers on one backend, as the contract of fleets uses them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from resilience.fleet.base import Backend, Claim, Letter, Order, Reply
from resilience.fleet.verdicts import Report, Rules, Verdict

RULES = Rules(
    failure_threshold=5, failure_rate=0.5, calls_to_judge=5, window=10.0, slow_call_rate=0.5,
    reset_timeout=20.0, reset_timeout_multiplier=2.0, reset_timeout_max=300.0,
    half_open_calls=3, success_threshold=2, trial_timeout=30.0,
)  # fmt: skip

Pass = Callable[[float], None]


class Workers:
    """Some workers on one backend.

    Args:
        backend: of all of them.
        pass_time: lets seconds pass on the store's clock.
    """

    def __init__(self, backend: Backend, pass_time: Pass) -> None:
        self.backend = backend
        self.pass_time = pass_time
        self.replies: dict[str, Reply] = {}
        self.known: dict[str, tuple[int, str]] = {}  # epoch and state of the circuit "it"

    def tell(self, worker: str, **said: Any) -> Verdict:
        """Send one report; return the verdict on it."""
        report = Report("it", said.pop("rules", RULES), **said)
        verdict = self.send(worker, report)[0]
        self.known[worker] = (verdict.epoch, verdict.state)
        return verdict

    def send(self, worker: str, *reports: Report, **said: Any) -> tuple[Verdict, ...]:
        """Send a letter as a worker that has seen all earlier replies; return all verdicts."""
        known = self.replies.get(worker)
        letter = Letter(worker, known.era if known else "", known.seen if known else 0, reports)
        reply = self.backend.exchange(replace(letter, **said))
        self.replies[worker] = reply
        return reply.verdicts

    def order(self, worker: str, *orders: Order) -> tuple[Order, ...]:
        """Send orders; return those that the worker hears."""
        self.send(worker, orders=orders)
        return self.replies[worker].orders

    def claim(self, worker: str, claim: Claim) -> int:
        """Claim a lease; return its token, or 0."""
        self.send(worker, claims=(claim,))
        return self.replies[worker].leases[0]

    def wait_out(self, seconds: float) -> None:
        """Let a moment pass, on the machine's clock as well: some stores have one of their own."""
        time.sleep(seconds)
        self.pass_time(seconds)

    def ask(self, worker: str) -> Verdict:
        """Ask for a trial, as the worker knows the circuit."""
        epoch, state = self.known.get(worker, (1, "open"))
        return self.tell(worker, epoch=epoch, state=state, wants=True)

    def try_it(self, worker: str, outcome: str) -> Verdict:
        """Ask for a trial, and report how it ended."""
        asked = self.ask(worker)
        assert asked.place, asked
        return self.tell(
            worker, epoch=asked.epoch, state=asked.state, trials={asked.place: outcome}
        )

    def open(self) -> Verdict:
        """Let two workers fail until the fleet is open."""
        self.send("b")
        self.tell("a", calls=5, failures=5, error="OSError: no")
        return self.tell("b", calls=5, failures=5)
