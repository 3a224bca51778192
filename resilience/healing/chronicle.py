"""What is told and written down of failures and recoveries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from resilience import signals
from resilience.core.runtime import Runtime
from resilience.healing.components import Incident
from resilience.healing.failures import Failure
from resilience.healing.records import Book, Recovery, Result

CHECK = "check"
CALL = "call"


class Chronicle:
    """Emits the events of recoveries, and keeps their records.

    Args:
        runtime: its system's clock and events.
        book: where records and numbers go.
    """

    def __init__(self, runtime: Runtime, book: Book) -> None:
        self._runtime = runtime
        self._book = book

    def detected(self, failure: Failure, *, fresh: bool) -> None:
        """Count a failure; tell of it if an incident begins with it."""
        self._book.failed(failure)
        if fresh:
            self._tell(signals.failure_detected, failure, error=failure.error)

    def started(self, failure: Failure, strategies: tuple[str, ...]) -> None:
        """Tell that a recovery begins."""
        self._tell(signals.recovery_started, failure, strategies=strategies)

    def of(
        self, incident: Incident, result: Result, strategy: str = "", steps: Iterable[str] = ()
    ) -> Recovery:
        """Return the record of what ended now, for a whole incident."""
        return self._made(incident.failure, result, strategy, steps, incident.failures)

    def of_one(
        self, failure: Failure, result: Result, strategy: str = "", steps: Iterable[str] = ()
    ) -> Recovery:
        """Return the record of what ended now, for one caller."""
        return self._made(failure, result, strategy, steps, 1)

    def succeeded(self, recovery: Recovery, by: str, *, told: bool = True) -> None:
        """Write down, and tell of, a recovery that was verified now.

        Args:
            recovery: what was done.
            by: what shows that it helped: `CHECK` or `CALL`.
            told: whether it is more than a number.
        """
        done = self._made(
            recovery.failure,
            Result.SUCCEEDED,
            recovery.strategy,
            recovery.steps,
            recovery.failures,
        )
        self._book.recovered(done, kept=told)
        if told:
            self._tell(
                signals.recovery_succeeded,
                done.failure,
                strategy=done.strategy,
                seconds=done.elapsed,
                failures=done.failures,
                verified_by=by,
            )

    def failed(self, recovery: Recovery, *, told: bool = True) -> None:
        """Write down, and tell of, a recovery that did not help."""
        self._book.recovered(recovery, kept=told)
        if told:
            self._tell(
                signals.recovery_failed,
                recovery.failure,
                strategy=recovery.strategy,
                seconds=recovery.elapsed,
                reason="; ".join(recovery.steps) or "there was nothing to try",
            )

    def noted(self, recovery: Recovery, *, kept: bool = True) -> None:
        """Write down what is neither a success nor a failure."""
        self._book.recovered(recovery, kept=kept)

    def _made(
        self, failure: Failure, result: Result, strategy: str, steps: Iterable[str], failures: int
    ) -> Recovery:
        clock = self._runtime.clock
        return Recovery(
            failure,
            result,
            strategy,
            at=clock.time(),
            elapsed=clock.monotonic() - failure.monotonic,
            failures=failures,
            steps=tuple(steps),
        )

    def _tell(self, signal: Any, failure: Failure, **told: Any) -> None:
        data = {"name": failure.name, "category": failure.category, "severity": failure.severity}
        self._runtime.bus.emit(signal, failure.component, {**data, **told})
