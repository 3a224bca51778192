"""The steady state: what has to hold of a system, and whether it does."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from resilience.errors import ConfigurationError

Measure = Callable[[str, str | None], float | None]
"""`measure(metric, of)`: a metric, of all or of one circuit, route or component; None: unknown."""

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}
METRICS = (
    "health_score",
    "error_rate",
    "latency_p95",
    "open_circuits",
    "cpu",
    "memory",
    "loop_lag",
)
_CONDITION = re.compile(r"\s*([a-z_0-9]+)(?:\((.+)\))?\s*(<=|>=|<|>|==)\s*([-+.\deE]+)\s*")
_CIRCUIT = re.compile(r"\s*circuit\s+(.+?)\s+is\s+(open|closed|half_open)\s*")


class Finding(NamedTuple):
    """What a probe found.

    Args:
        probe: the condition, or the function's name.
        holds: whether it is as it has to be.
        saw: the number or value that was seen, as people read it.
    """

    probe: str
    holds: bool
    saw: str


class View(NamedTuple):
    """What probes look at.

    Args:
        measure: the number of a metric.
        circuit: the state of a circuit by its name; raises `KeyError` where there is none.
        settle: returns what an awaitable gives.
    """

    measure: Measure
    circuit: Callable[[str], str]
    settle: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Probe:
    """One condition of the steady state.

    Args:
        name: what people call it.
        look: `look(view)` returns whether it holds, and what was seen.
    """

    name: str
    look: Callable[[View], tuple[bool, str]]

    def find(self, view: View) -> Finding:
        """Look; a probe that raises does not hold."""
        try:
            holds, saw = self.look(view)
        except Exception as error:
            return Finding(self.name, False, f"{type(error).__name__}: {error}"[:200])
        return Finding(self.name, holds, saw)


def probe_of(value: Any) -> Probe:
    """Return the probe that a function or a condition is.

    Raises:
        ConfigurationError: no function, and not a condition that can be read.
    """
    if callable(value):
        return Probe(getattr(value, "__qualname__", repr(value)), _asking(value))
    if isinstance(value, str):
        if found := _CIRCUIT.fullmatch(value):
            return Probe(value.strip(), _in_state(*found.groups()))
        if found := _CONDITION.fullmatch(value):
            return Probe(value.strip(), _comparing(*found.groups()))
    raise ConfigurationError(
        f"steady_state: {value!r}: give a function, or a condition such as 'error_rate <= 0.05', "
        f"'health_score(postgres) >= 80' or 'circuit payments is closed'"
    )


def _asking(ask: Callable[[], Any]) -> Callable[[View], tuple[bool, str]]:
    def look(view: View) -> tuple[bool, str]:
        answer = view.settle(ask())
        return answer is None or bool(answer), repr(answer)[:200]

    return look


def _in_state(name: str, wanted: str) -> Callable[[View], tuple[bool, str]]:
    def look(view: View) -> tuple[bool, str]:
        state = view.circuit(name)
        return state == wanted, state

    return look


def _comparing(
    metric: str, of: str | None, sign: str, limit: str
) -> Callable[[View], tuple[bool, str]]:
    if metric not in METRICS:
        from resilience.core.names import did_you_mean

        raise ConfigurationError(
            f"steady_state: unknown metric {metric!r}{did_you_mean(metric, METRICS)}"
        )
    try:
        against = float(limit)
    except ValueError:
        raise ConfigurationError(f"steady_state: {limit!r} is no number") from None

    def look(view: View) -> tuple[bool, str]:
        seen = view.measure(metric, of)
        if seen is None:  # too few requests to tell: nothing speaks against it
            return True, "unknown"
        return OPERATORS[sign](seen, against), f"{seen:.3g}"

    return look
