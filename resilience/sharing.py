"""What operators ordered, shared with the app's other workers."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from resilience.core.runtime import Runtime
from resilience.fleet.base import Order
from resilience.orders import CIRCUIT, FEATURE, LEVEL, Key, Orders, Plain, same

if TYPE_CHECKING:
    from resilience.circuits.registry import Circuits
    from resilience.degradation.service import Degradation

log = logging.getLogger("resilience")

COMMAND = "command"
HALT, RECOVER = "halt", "recover"
COMMANDED = 60.0  # seconds for which a command is told to workers that have not heard it
OVER = "taken back elsewhere in the fleet"


class Told(Protocol):
    """What else than operators' orders is told as orders are: such as `chaos.telling.ToldPlans`."""

    def in_force(self) -> dict[Key, Plain]:
        """Return what other workers can understand."""
        ...

    def begin(self, name: str, plain: Plain) -> None:
        """Take one up."""

    def end(self, name: str) -> None:
        """Forget one."""


class SharedOrders:
    """Tells the fleet which orders are new or over in this worker, and follows the others'.

    Their ends are kept in monotonic seconds: the wall clock may be set meanwhile.

    Args:
        orders: gives those in force here.
        circuits: gives the circuits.
        degradation: gives what holds the level and the features.
        told: what else is shared, by what keys begin with: experiments that are planned, or run.
        runtime: the system's clock.
        halt: `halt(reason, actor)` stops all experiments.
    """

    def __init__(
        self,
        orders: Orders,
        circuits: Callable[[], Circuits],
        degradation: Callable[[], Degradation],
        told: Mapping[str, Told],
        *,
        runtime: Runtime,
        halt: Callable[[str, str | None], object],
    ) -> None:
        self._orders = orders
        self._circuits = circuits
        self._degradation = degradation
        self._told_too = told
        self._clock = runtime.clock
        self._acts = {HALT: halt, RECOVER: self._recover}
        self.forget()

    def _recover(self, reason: str, actor: str | None) -> None:
        self._degradation().recover(reason, actor)

    def forget(self) -> None:
        """Know nothing of the fleet: its orders come with the first reply, and beat those here."""
        self._me = os.urandom(6).hex()  # a forked worker is another one than its parent
        self._met = self._was_here = False
        self._known: dict[Key, Plain] = {}  # what the fleet has, as this worker has heard it
        self._numbers: dict[Key, int] = {}
        self._followed: set[Key] = set()  # of the known ones those that have been in force here
        self._told: dict[Key, Plain] | None = None  # what was here when the last letter was written
        self._commands: list[Order] = []  # given here, and not told yet

    def _here(self) -> dict[Key, Plain]:
        """Return what is in force in this worker."""
        shift = self._clock.monotonic() - self._clock.time()
        found = self._orders.in_force()
        for each in self._told_too.values():
            found.update(each.in_force())
        return {
            key: plain if plain["ends"] is None else {**plain, "ends": plain["ends"] + shift}
            for key, plain in found.items()
        }

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
        self._follow_late()
        here = self._told = self._here()
        self._followed |= here.keys() & self._known.keys()
        new = [
            self._written(key, plain)
            for key, plain in here.items()
            if not same(plain, self._known.get(key))
        ]
        new += [Order(_joined(key), "") for key in self._known if self._is_taken_back(key, here)]
        new += self._commands
        old = self._remembered({each.key for each in new}) if all_known else ()
        return (*new, *old)

    def sent(self, orders: Iterable[Order]) -> None:
        """Take note that the store has heard orders."""
        for order in orders:
            if not order.number and not order.text:
                self._known.pop(parted(order.key), None)
            elif order in self._commands:
                self._commands.remove(order)

    def _is_taken_back(self, key: Key, here: Mapping[Key, Plain]) -> bool:
        """Tell whether an order that the fleet has was in force here, and has been ended."""
        if key in here or key not in self._followed or not self._is_ahead(self._known[key]):
            return False
        if key[0] == CIRCUIT and key[1] not in self._circuits():
            self._followed.discard(key)  # the circuit is gone, not the order
            return False
        return True

    def _remembered(self, new: Container[str]) -> Iterator[Order]:
        """Yield all that an earlier store knew, also what was taken back, with its numbers."""
        for key, number in self._numbers.items():
            plain = self._known.get(key)
            if key[0] == COMMAND or _joined(key) in new:
                continue
            if plain is None:
                yield Order(_joined(key), "", None, number)
            elif self._is_ahead(plain):
                yield self._written(key, plain, number)

    def _written(self, key: Key, plain: Plain, number: int = 0) -> Order:
        left = None if plain["ends"] is None else max(0.001, plain["ends"] - self._now())
        text = json.dumps({name: plain[name] for name in ("value", "reason", "actor")})
        return Order(_joined(key), text, left, number)

    def _is_ahead(self, plain: Plain) -> bool:
        return plain["ends"] is None or bool(plain["ends"] > self._now())

    def _now(self) -> float:
        return self._clock.monotonic()

    # -- in -----------------------------------------------------------------------------------

    def take(self, orders: Iterable[Order]) -> None:
        """Follow what was ordered elsewhere, or here and came back with its number."""
        self._was_here, self._met = self._met, True
        for order in orders:
            _safely(order.key, self._take_one, order)

    def _take_one(self, order: Order) -> None:
        key = parted(order.key)
        if order.number < self._numbers.get(key, 0):
            return
        again = order.number == self._numbers.get(key, 0)
        self._numbers[key] = order.number
        if key[0] == COMMAND:
            if not again and self._was_here:
                self._do(key[1], json.loads(order.text))
            return
        was_known = self._known.pop(key, None) is not None
        if order.text:
            ends = None if order.left is None else self._now() + order.left
            self._known[key] = {**json.loads(order.text), "ends": ends}
        here = self._here()
        if self._is_newer(key, here):
            self._followed.add(key)  # so that the next letter tells it, also that it is over
        elif order.text:
            self._follow(key, here)
        elif was_known or key in here:
            _safely(key, self._end, key, here)

    def _is_newer(self, key: Key, here: Mapping[Key, Plain]) -> bool:
        """Tell whether something was ordered here since the last letter: that is the last word."""
        if self._told is None or not self._was_here:
            return False
        before = self._told.get(key)
        if before is not None and not self._is_ahead(before):
            before = None
        return not same(before, here.get(key))

    def _do(self, name: str, said: Mapping[str, Any]) -> None:
        if said["by"] != self._me:
            _safely((COMMAND, name, ""), self._acts[name], said["reason"], said["actor"])

    def _follow_late(self) -> None:
        """Follow orders on circuits that did not exist when they came."""
        late = {
            key[1]: key
            for key in self._known.keys() - self._followed
            if key[0] == CIRCUIT and self._is_ahead(self._known[key])
        }
        for circuit in self._circuits() if late else ():
            if circuit.name in late:
                self._follow(late[circuit.name], {})

    def _follow(self, key: Key, here: Mapping[Key, Plain]) -> None:
        plain = self._known[key]
        if same(plain, here.get(key)):
            self._known[key] = here[key]  # with the end that it has here, and no answer's delay
            self._followed.add(key)
        elif key[0] != CIRCUIT or key[1] in self._circuits():
            self._followed.discard(key)
            if _safely(key, self._begin, key, plain):
                self._followed.add(key)

    def _begin(self, key: Key, plain: Plain) -> None:
        what, name, kind = key
        left = inf if plain["ends"] is None else max(0.001, plain["ends"] - self._now())
        ends = None if plain["ends"] is None else self._clock.time() + left
        if what == CIRCUIT:
            order = str(plain["value"])
            self._circuits()[name].obey(order, plain["reason"], plain["actor"], left)
        elif what == LEVEL:
            self._degradation().restore({"level": {**plain, "ends": ends}, "features": {}})
        elif what in self._told_too:
            self._told_too[what].begin(name, {**plain, "ends": ends})
        else:
            self._begin_on_feature(name, {kind: {**plain, "ends": ends}})

    def _begin_on_feature(self, name: str, kinds: Mapping[str, Plain]) -> None:
        self._degradation().restore({"level": None, "features": {name: kinds}})

    def _end(self, key: Key, here: Mapping[Key, Plain]) -> None:
        what, name, _ = key
        if what == CIRCUIT:
            if name in self._circuits():
                self._circuits()[name].obey(None, OVER, None, 0.0)
        elif what == LEVEL:
            self._degradation().recover(OVER)
        elif what in self._told_too:
            self._told_too[what].end(name)
        else:
            rest = {each: plain for each, plain in here.items() if each[:2] == (FEATURE, name)}
            rest.pop(key, None)
            self._degradation().release(name, OVER)
            for other, plain in rest.items():
                self._begin(other, plain)


def _safely(key: Key | str, act: Callable[..., object], *given: Any) -> bool:
    """Follow an order; one that cannot be followed, or read, keeps nobody from the others."""
    try:
        act(*given)
    except Exception:
        log.warning("fleet: order %s cannot be followed", key, exc_info=True)
        return False
    return True


def _joined(key: Key) -> str:
    return json.dumps(key)


def parted(text: str) -> Key:
    """Return what the key of an order is about.

    Raises:
        ValueError: nothing that we have written.
    """
    what, name, kind = json.loads(text)
    return str(what), str(name), str(kind)
