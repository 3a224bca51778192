"""What came of an experiment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from resilience.chaos.steady import Finding
from resilience.errors import ChaosRefusedError

COMPLETED, ABORTED, REFUSED, FAILED = "completed", "aborted", "refused", "failed"


@dataclass(frozen=True, slots=True)
class SteadyState:
    """The steady state at one time.

    Args:
        findings: what each probe found; during the experiment, its worst.
    """

    findings: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether all of it held."""
        return all(each.holds for each in self.findings)

    def __bool__(self) -> bool:
        return self.holds

    def broken(self) -> str:
        """Return what does not hold, as people read it."""
        return ", ".join(
            f"{each.probe} (saw {each.saw})" for each in self.findings if not each.holds
        )


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one run of an experiment.

    Args:
        name: the experiment's.
        status: completed; aborted, by an operator or by itself; refused: nothing was injected;
            failed: the run itself broke.
        reason: why it was not completed; "" if it was.
        fault: the kind of fault.
        target: where it was to go.
        seed: of its chance, to replay it.
        started_at: wall-clock time, seconds since 1970-01-01 UTC.
        duration: seconds that the fault was in force, >= 0.
        calls: calls of the target that matched meanwhile; of other workers of the fleet those that
            they told of, which they do once a second.
        injected: those that the fault hit.
        before, during, after: the steady state; None where nobody got to look.
        observations: what happened, a sentence each.
        recommendations: what to change and why, a sentence each.
        workers: of the fleet in which it was in force, >= 1.
    """

    name: str
    status: str
    reason: str
    fault: str
    target: str
    seed: int
    started_at: float
    duration: float = 0.0
    calls: int = 0
    injected: int = 0
    before: SteadyState | None = None
    during: SteadyState | None = None
    after: SteadyState | None = None
    observations: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()
    workers: int = 1

    def plain(self) -> dict[str, Any]:
        """Return all of it as plain values, for JSON."""
        told = asdict(self)
        for name in ("before", "during", "after"):
            state: SteadyState | None = getattr(self, name)
            if state is not None:
                findings = [each._asdict() for each in state.findings]
                told[name] = {"holds": state.holds, "findings": findings}
        return {key: list(each) if isinstance(each, tuple) else each for key, each in told.items()}

    def check(self) -> Result:
        """Return itself if the experiment ran.

        Raises:
            ChaosRefusedError: it was refused; says why.
        """
        if self.status == REFUSED:
            raise ChaosRefusedError(f"experiment {self.name!r}: {self.reason}")
        return self
