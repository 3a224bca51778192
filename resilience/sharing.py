"""What operators ordered, shared with the app's other workers."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from resilience.circuits.states import CircuitState
from resilience.core.runtime import Runtime
from resilience.fleet.base import Order
from resilience.orders import CIRCUIT, FEATURE, LEVEL, Key, Orders, Plain, same

if TYPE_CHECKING:
    from resilience.circuits.registry import Circuits
    from resilience.degradation.service import Degradation

log = logging.getLogger("resilience")

_METHODS = {
    str(CircuitState.FORCED_OPEN): "force_open",
    str(CircuitState.FORCED_CLOSED): "force_closed",
    str(CircuitState.DISABLED): "disable",
    "shadow": "shadow",
}
COMMAND = "command"
HALT, RECOVER = "halt", "recover"
COMMANDED = 60.0  # seconds for which a command is told to workers that have not heard it
OVER = "taken back elsewhere in the fleet"


class SharedOrders:
    """Tells the fleet which orders are new or over in this worker, and follows the others'.

    Args:
        orders: gives those in force here.
        circuits: gives the circuits.
        degradation: gives what holds the level and the features.
        runtime: the system's clock.
        halt: `halt(reason, actor)` stops all experiments.
    """

    def __init__(
        self,
        orders: Orders,
        circuits: Callable[[], Circuits],
        degradation: Callable[[], Degradation],
        runtime: Runtime,
        halt: Callable[[str, str | None], object],
    ) -> None:
        self._orders = orders
        self._circuits = circuits
        self._degradation = degradation
        self._clock = runtime.clock
        self._acts = {HALT: halt, RECOVER: self._recover}
        self._me = os.urandom(6).hex()
        self.forget()

    def _recover(self, reason: str, actor: str | None) -> None:
        self._degradation().recover(reason, actor)

    def forget(self) -> None:
        """Know nothing of the fleet: its orders come with the first reply, and beat those here."""
        self._met = self._was_here = False
        self._known: dict[Key, Plain] = {}  # what the fleet has, as this worker has heard it
        self._numbers: dict[Key, int] = {}
        self._absent: set[Key] = set()  # orders on circuits that do not exist here yet
        self._commands: list[Order] = []  # given here, and not told yet

    # -- out ----------------------------------------------------------------------------------

    def command(self, name: str, reason: str, actor: str | None) -> None:
        """Have every worker do something once, this one excepted: it has done it.

        Args:
            name: `HALT` all experiments, or let the level `RECOVER`.
            reason: why.
            actor: who orders it.
        """
        text = json.dumps({"by": self._me, "reason": reason, "actor": actor})
        self._commands.append(Order(_joined((COMMAND, name, "")), text, COMMANDED))

    def news(self, *, all_known: bool = False) -> tuple[Order, ...]:
        """Return what the fleet has to hear: what was ordered or taken back here.

        Args:
            all_known: the store has forgotten: tell what it knew, too.
        """
        if not self._met:
            return ()
        self._settle_absent()
        here = self._orders.in_force()
        told = [
            self._written(key, plain)
            for key, plain in here.items()
            if not same(plain, self._known.get(key))
        ]
        told += [
            Order(_joined(key), "")
            for key, plain in self._known.items()
            if key not in here and key not in self._absent and self._is_ahead(plain)
        ]
        told += self._commands
        if all_known:
            new = {each.key for each in told}
            told += [
                self._written(key, plain, self._numbers[key])
                for key, plain in self._known.items()
                if _joined(key) not in new and self._is_ahead(plain)
            ]
        return tuple(told)

    def sent(self, orders: Iterable[Order]) -> None:
        """Take note that the store has heard orders."""
        for order in orders:
            if not order.number and not order.text:
                self._known.pop(_parted(order.key), None)
            elif order in self._commands:
                self._commands.remove(order)

    def _written(self, key: Key, plain: Plain, number: int = 0) -> Order:
        ends = inf if plain["ends"] is None else float(plain["ends"])
        left = max(0.001, ends - self._clock.time())
        text = json.dumps({name: plain[name] for name in ("value", "reason", "actor")})
        return Order(_joined(key), text, left if isfinite(left) else None, number)

    def _is_ahead(self, plain: Plain) -> bool:
        return plain["ends"] is None or float(plain["ends"]) > self._clock.time()

    # -- in -----------------------------------------------------------------------------------

    def take(self, orders: Iterable[Order]) -> None:
        """Follow what was ordered elsewhere, or here and came back with its number."""
        self._was_here, self._met = self._met, True
        for order in orders:
            try:
                self._take_one(_parted(order.key), order)
            except Exception:
                log.warning("fleet: order %s cannot be followed", order.key, exc_info=True)

    def _take_one(self, key: Key, order: Order) -> None:
        if order.number < self._numbers.get(key, 0):
            return
        again = order.number == self._numbers.get(key, 0)
        self._numbers[key] = order.number
        if key[0] == COMMAND:
            if not again and self._was_here:
                self._do(key[1], json.loads(order.text))
            return
        if not order.text:
            self._absent.discard(key)
            if self._known.pop(key, None) is not None or key in self._orders.in_force():
                self._end(key)
            return
        ends = None if order.left is None else self._clock.time() + order.left
        plain = {**json.loads(order.text), "ends": ends}
        self._known[key] = plain
        if not same(plain, self._orders.in_force().get(key)):
            self._begin(key, plain)

    def _do(self, name: str, said: Mapping[str, Any]) -> None:
        if said["by"] != self._me:
            self._acts[name](said["reason"], said["actor"])

    def _settle_absent(self) -> None:
        for key in list(self._absent):
            plain = self._known.get(key)
            self._absent.discard(key)
            if plain is not None and self._is_ahead(plain):
                self._begin(key, plain)

    def _begin(self, key: Key, plain: Plain) -> None:
        what, name, kind = key
        if what == CIRCUIT:
            self._begin_on_circuit(key, plain)
        elif what == LEVEL:
            self._degradation().restore({"level": plain, "features": {}})
        else:
            self._degradation().restore({"level": None, "features": {name: {kind: plain}}})

    def _begin_on_circuit(self, key: Key, plain: Plain) -> None:
        try:
            circuit = self._circuits()[key[1]]
        except KeyError:
            self._absent.add(key)
            return
        ends = inf if plain["ends"] is None else float(plain["ends"])
        order = getattr(circuit, _METHODS[str(plain["value"])])
        order(plain["reason"], plain["actor"], for_=max(0.001, ends - self._clock.time()))

    def _end(self, key: Key) -> None:
        what, name, _ = key
        if what == CIRCUIT:
            if name in self._circuits():
                self._circuits()[name].release(OVER)
        elif what == LEVEL:
            self._degradation().recover(OVER)
        else:
            self._degradation().release(name, OVER)
            rest: Mapping[str, Any] = {
                kind: plain
                for (kept, feature, kind), plain in self._known.items()
                if (kept, feature) == (FEATURE, name)
            }
            if rest:
                self._degradation().restore({"level": None, "features": {name: rest}})


def _joined(key: Key) -> str:
    return json.dumps(key)


def _parted(text: str) -> Key:
    what, name, kind = json.loads(text)
    return str(what), str(name), str(kind)
