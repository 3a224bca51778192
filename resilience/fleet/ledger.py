"""The store of a fleet as pure data, told the time: for backends that keep it in Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from resilience.fleet.base import (
    FOR_EVER,
    KEPT,
    SILENCE,
    Claim,
    Letter,
    Order,
    Peer,
    Reply,
)
from resilience.fleet.verdicts import Record, Report, Verdict, differs, settle, verdict_on


def _new_era() -> str:
    return os.urandom(6).hex()


@dataclass(slots=True)
class Ledger:
    """All that a fleet knows.

    Args:
        era: a name of its own.
        change: the number of the last change.
        workers: `{worker: when it was last heard of}`.
        records: by the circuits' names.
        moved: `{circuit: the number of its last change}`.
        crew: `{worker: [the last change it has seen, what it says of itself]}`.
        orders: `{key: [number, text, until]}`; "" is one that was taken back.
        leases: `{name: {token: [worker, until]}}`.
        token: the last one that was given.
        floor: tokens are greater; for a store whose clock begins anew with each boot.
    """

    era: str = field(default_factory=_new_era)
    change: int = 0
    workers: dict[str, float] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    crew: dict[str, list[Any]] = field(default_factory=dict)
    orders: dict[str, list[Any]] = field(default_factory=dict)
    leases: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    token: int = 0
    floor: int = 0

    def exchange(self, letter: Letter, now: float) -> Reply:
        """Take in a letter at `now`, seconds of the store's clock; return the reply."""
        self._hear(letter, now)
        behind = self._is_behind(letter)
        seen = 0 if behind else letter.seen
        told = [self._settle(report, now, letter.worker) for report in letter.reports]
        named = {each.name for each in told}
        others = [
            verdict_on(name, self.records[name], now)
            for name, number in self.moved.items()
            if number > seen and name not in named
        ]
        for order in letter.orders:
            self._order(order, now)
        leases = tuple(self._lease(each, letter.worker, now) for each in letter.claims)
        return Reply(
            self.era, self.change, len(self.workers), behind, (*told, *others),
            orders=tuple(self._orders_after(seen, now)), leases=leases,
            roll=tuple(self._roll(now)) if letter.roll else (),
        )  # fmt: skip

    def _is_behind(self, letter: Letter) -> bool:
        """Tell whether changes are forgotten that the worker has seen; numbers go on after those.

        Who has seen more of the same store knows that an older one took its place: all are to hear.
        """
        if letter.era == self.era and letter.seen > self.change:
            self.era = _new_era()
        behind = bool(letter.era) and letter.era != self.era
        if behind:
            self.change = max(self.change, letter.seen)
        return behind

    def _hear(self, letter: Letter, now: float) -> None:
        self.workers[letter.worker] = now
        if letter.leaving:
            del self.workers[letter.worker]
            self._end_leases(letter.worker)
        self.workers = {each: at for each, at in self.workers.items() if at > now - SILENCE}
        about = letter.about or self.crew.get(letter.worker, [0, ""])[1]
        self.crew[letter.worker] = [letter.seen if letter.era == self.era else 0, about]
        self.crew = {each: told for each, told in self.crew.items() if each in self.workers}
        self.orders = {key: each for key, each in self.orders.items() if each[2] > now}
        old = [each for each, record in self.records.items() if record.reported <= now - KEPT]
        for name in old:
            del self.records[name]
            self.moved.pop(name, None)

    def _settle(self, report: Report, now: float, worker: str) -> Verdict:
        record = self.records.setdefault(report.name, Record(since=now))
        before = record.epoch
        place, made = settle(record, report, now, worker, self.workers)
        other = differs(record, report, worker, self.workers)
        if record.epoch != before:
            self.change += 1
            self.moved[report.name] = self.change
        verdict = verdict_on(report.name, record, now)
        return replace(verdict, place=place, made=made, differs=other)

    def _order(self, order: Order, now: float) -> None:
        """Take in an order: a new one beats all, one of an earlier store only what is older."""
        known = self.orders.get(order.key)
        if order.number and known and known[0] >= order.number:
            return
        self.change = max(self.change + (not order.number), order.number)
        lasts = KEPT if not order.text else FOR_EVER if order.left is None else order.left
        self.orders[order.key] = [order.number or self.change, order.text, now + lasts]

    def _orders_after(self, seen: int, now: float) -> Iterator[Order]:
        for key, (number, text, until) in self.orders.items():
            if number > seen:
                left = until - now
                ends = None if not text or left > FOR_EVER / 2 else left
                yield Order(key, text, ends, number)

    def _lease(self, claim: Claim, worker: str, now: float) -> int:
        """Give a lease, prolong it, or take it back; a claim that fails changes nothing.

        Silence alone ends none: its worker relies on it while it cannot be heard. A new token is
        greater than those that an emptied store gave.
        """
        known = self.leases.get(claim.name, {})
        held = {token: each for token, each in known.items() if each[1] > now}
        token = claim.token
        mine = str(token) in held and held[str(token)][0] == worker
        if mine and claim.over:
            del held[str(token)]
        elif self.token < token and not claim.over and len(held) < claim.places:
            self.token, mine = token, True  # of an earlier store, and nobody has another since
        elif not token and not claim.over and len(held) < claim.places:
            token = self.token = max(self.token + 1, int(now * 1000), self.floor)
            mine = True
        if mine and not claim.over:
            held[str(token)] = [worker, now + claim.lasts]
        self.leases[claim.name] = held
        if not held:
            del self.leases[claim.name]
        return token if mine and not claim.over else 0

    def _end_leases(self, worker: str) -> None:
        for name, held in list(self.leases.items()):
            left = {token: each for token, each in held.items() if each[0] != worker}
            self.leases[name] = left
            if not left:
                del self.leases[name]

    def _roll(self, now: float) -> Iterator[Peer]:
        for name, at in sorted(self.workers.items()):
            seen, about = self.crew.get(name, [0, ""])
            yield Peer(name, max(0.0, now - at), seen, about)
