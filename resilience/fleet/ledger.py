"""The store of a fleet as pure data, told the time: for backends that keep it in Python."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from resilience.fleet.base import KEPT, SILENCE, Letter, Reply
from resilience.fleet.verdicts import Record, Report, Verdict, differs, settle, verdict_on


@dataclass(slots=True)
class Ledger:
    """All that a fleet knows.

    Args:
        era: a name of its own.
        change: the number of the last change.
        workers: `{worker: when it was last heard of}`.
        records: by the circuits' names.
        moved: `{circuit: the number of its last change}`.
    """

    era: str = field(default_factory=lambda: os.urandom(6).hex())
    change: int = 0
    workers: dict[str, float] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)

    def exchange(self, letter: Letter, now: float) -> Reply:
        """Take in a letter at `now`, seconds of the store's clock; return the reply."""
        self._hear(letter, now)
        behind = bool(letter.era) and (letter.era != self.era or letter.seen > self.change)
        seen = 0 if behind else letter.seen
        told = [self._settle(report, now, letter.worker) for report in letter.reports]
        named = {each.name for each in told}
        others = [
            verdict_on(name, self.records[name], now)
            for name, number in self.moved.items()
            if number > seen and name not in named
        ]
        return Reply(self.era, self.change, len(self.workers), behind, (*told, *others))

    def _hear(self, letter: Letter, now: float) -> None:
        self.workers[letter.worker] = now
        if letter.leaving:
            del self.workers[letter.worker]
        self.workers = {each: at for each, at in self.workers.items() if at > now - SILENCE}
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
