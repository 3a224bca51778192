"""What operators ordered and circuits learned, kept over restarts by the journal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from resilience.circuits.remembered import Remembered
from resilience.circuits.states import CircuitState, Forced
from resilience.core.runtime import Runtime
from resilience.events import Worker
from resilience.storage.base import Store
from resilience.storage.tables import ORDER, STATE, Row

if TYPE_CHECKING:
    from resilience.circuits.registry import Circuits
    from resilience.degradation.service import Degradation

log = logging.getLogger("resilience")

CIRCUIT, LEVEL, FEATURE = "circuit", "level", "feature"
LEVEL_ORDERED = "level_ordered"
"""The type of rows of `degradation_state` that say which level an operator forces."""
APP = "app"

_KINDS = frozenset(
    {CircuitState.FORCED_OPEN, CircuitState.FORCED_CLOSED, CircuitState.DISABLED, "shadow"}
)

Key = tuple[str, str, str]
"""What an order is on: `(circuit | level | feature, name, kind)`."""
Plain = dict[str, Any]
"""An order without what only its process knows: `value, reason, actor, ends`."""


class Orders:
    """Tells which orders are new or over, and puts those back that still hold after a restart.

    A process writes only what changes in it. So one that was told nothing never overwrites what
    another one of the same journal was told.

    Args:
        circuits: gives the circuits.
        degradation: gives what holds the level and the features.
        is_made: tells whether there is a part of that name yet.
        runtime: the system's clock.
    """

    def __init__(
        self,
        circuits: Callable[[], Circuits],
        degradation: Callable[[], Degradation],
        is_made: Callable[[str], bool],
        runtime: Runtime,
    ) -> None:
        self._circuits = circuits
        self._degradation = degradation
        self._is_made = is_made
        self._clock = runtime.clock
        self._told: dict[Key, Plain] | None = None  # None until it is known what was in force
        self._stored: dict[Key, Plain] = {}  # what was, some of it for circuits yet to come

    # -- out ----------------------------------------------------------------------------------

    def rows(self) -> Iterator[Row]:
        """Yield a row for each order that changed since the last time."""
        if self._told is None:
            return
        before, now = self._told, self.in_force()
        self._told = now
        for key in {**before, **now}:
            known = before.get(key) or self._stored.pop(key, None)
            if not same(known, now.get(key)):
                yield self._row(key, now.get(key))

    def in_force(self) -> dict[Key, Plain]:
        """Return all orders that hold in this process."""
        found: dict[Key, Plain] = {}
        if self._is_made("circuits"):
            for circuit in self._circuits():
                order = circuit.order()
                if order is not None:
                    found[CIRCUIT, circuit.name, ORDER] = self._plain(order)
        if self._is_made("degradation"):
            orders = self._degradation().orders()
            if orders["level"] is not None:
                found[LEVEL, APP, ORDER] = orders["level"]
            for name, kinds in orders["features"].items():
                found.update({(FEATURE, name, kind): order for kind, order in kinds.items()})
        return found

    def _plain(self, order: Forced) -> Plain:
        ends = order.until - self._clock.monotonic() + self._clock.time()
        return {
            "value": str(order.kind),
            "reason": order.reason,
            "actor": order.actor,
            "ends": ends if isfinite(ends) else None,
        }

    def _row(self, key: Key, order: Plain | None) -> Row:
        what, name, kind = key
        value = None if order is None else str(order["value"]).lower()
        said = order or {}
        values = {
            "at": self._clock.time(),
            "worker": Worker.name(),
            "reason": said.get("reason"),
            "actor": said.get("actor"),
            "until": said.get("ends"),
        }
        if what == LEVEL:
            level = {"component": APP, "type": LEVEL_ORDERED, "level": value}
            return Row("degradation_state", {**values, **level})
        values.update({"name": name, "kind": kind})
        if what == FEATURE:
            return Row("feature_flags", {**values, "value": value})
        return Row("circuit_breakers", {**values, "state": value or "", "generation": 0})

    # -- back ---------------------------------------------------------------------------------

    def restore(self, store: Store | None) -> None:
        """Put back what a store says, as far as it still holds and nothing newer was ordered.

        Args:
            store: an open one; None: nothing is to be put back.

        Raises:
            Exception: the database cannot be read now; nothing is changed then.
        """
        if store is not None:
            circuits = store.read("circuit_breakers")
            flags = store.read("feature_flags")
            level = store.read(
                "degradation_state", equal={"component": APP, "type": LEVEL_ORDERED}, newest=1
            )
            _safely(self._restore_circuits, circuits)
            _safely(self._restore_degradation, level, flags)
        self._told = {}

    def _restore_circuits(self, rows: list[dict[str, Any]]) -> None:
        found: dict[str, Remembered] = {}
        states = {row["name"]: row for row in rows if row["kind"] == STATE}
        orders = {row["name"]: row for row in rows if row["kind"] == ORDER}
        for name in {**states, **orders}:
            seen = _remembered(states.get(name), orders.get(name))
            if self._holds(seen):
                found[name] = seen
                if name in orders:
                    order = _order_of(orders[name], orders[name]["state"])
                    self._stored[CIRCUIT, name, ORDER] = order
        if found:
            self._circuits().restore(found)

    def _holds(self, seen: Remembered) -> bool:
        ends = -inf if seen.order is None else seen.order.until
        return max(seen.open_until, ends) > self._clock.time()

    def _restore_degradation(
        self, levels: list[dict[str, Any]], flags: list[dict[str, Any]]
    ) -> None:
        given = self.in_force()
        found: dict[str, Any] = {"level": None, "features": {}}
        for row in levels:
            if (LEVEL, APP, ORDER) not in given and self._is_ahead(row) and row["level"]:
                found["level"] = self._stored[LEVEL, APP, ORDER] = _order_of(row, row["level"])
        for row in flags:
            name, kind = row["name"], row["kind"]
            if row["value"] and (FEATURE, name, kind) not in given and self._is_ahead(row):
                order = _order_of(row, _VALUES[kind](row["value"]))
                found["features"].setdefault(name, {})[kind] = order
                self._stored[FEATURE, name, kind] = order
        if found["level"] or found["features"]:
            self._degradation().restore(found)

    def _is_ahead(self, row: dict[str, Any]) -> bool:
        return row["until"] is None or row["until"] > self._clock.time()


def same(one: Plain | None, other: Plain | None) -> bool:
    """Tell whether orders are the same; ends that two clocks gave differ by a little."""
    if one is None or other is None:
        return one is other
    ends = [inf if each["ends"] is None else float(each["ends"]) for each in (one, other)]
    rest = [{**each, "ends": None} for each in (one, other)]
    return rest[0] == rest[1] and (ends[0] == ends[1] or abs(ends[0] - ends[1]) < 1.0)


def _remembered(state: dict[str, Any] | None, order: dict[str, Any] | None) -> Remembered:
    forced = None
    if order is not None and order["state"] in _KINDS:
        kind = order["state"]
        kind = kind if kind == "shadow" else CircuitState(kind)
        ends = inf if order["until"] is None else order["until"]
        forced = Forced(kind, order["reason"] or "", order["actor"], ends)
    if state is None or state["state"] != CircuitState.OPEN or state["until"] is None:
        return Remembered(forced)
    return Remembered(forced, state["until"], state["opened_at"], state["error"])


def _order_of(row: dict[str, Any], value: Any) -> Plain:
    return {
        "value": value,
        "reason": row["reason"] or "",
        "actor": row["actor"],
        "ends": row["until"],
    }


_VALUES: dict[str, Callable[[str], Any]] = {
    "kill": lambda text: text == "true",
    "enabled": lambda text: text == "true",
    "rollout": float,
}


def _safely(act: Callable[..., None], *rows: Any) -> None:
    """Put something back; what is written there wrongly must not keep the app from its start."""
    try:
        act(*rows)
    except Exception:
        log.warning("journal: what was in force before could not be restored", exc_info=True)
