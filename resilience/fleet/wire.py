"""Letters and replies as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from resilience.fleet.base import Letter, Order, Peer, Reply
from resilience.fleet.verdicts import Report, Verdict, told

NONSENSE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What may be raised where a store holds or answers something that is not ours."""


def written(letter: Letter) -> bytes:
    """Return a letter as JSON; half a surrogate pair is written as it is, as Lua takes no escape.

    An error that names a file whose name is not UTF-8 has one in its text.
    """
    text = json.dumps(
        {
            "worker": letter.worker,
            "era": letter.era,
            "seen": letter.seen,
            "leaving": letter.leaving,
            "reports": [_report(each) for each in letter.reports],
            "orders": [asdict(each) for each in letter.orders],
            "claims": [asdict(each) for each in letter.claims],
            "about": letter.about,
            "roll": letter.roll,
        },
        ensure_ascii=False,
    )
    return text.encode("utf-8", "surrogatepass")


def _report(report: Report) -> dict[str, Any]:
    return {**asdict(report), "told": told(report.rules)}


def read(text: str | bytes, letter: Letter) -> Reply:
    """Return the reply to a letter that JSON is.

    Raises:
        ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError:
            it is none.
    """
    said = json.loads(text)
    if len(said["leases"] or ()) != len(letter.claims):
        raise ValueError(f"{len(letter.claims)} leases were claimed: {said['leases']!r}")
    # Lua has one kind of table: an empty list comes as {}.
    verdicts = tuple(_verdict(each) for each in said["verdicts"] or ())
    orders = tuple(
        Order(each["key"], each["text"], each.get("left"), int(each["number"]))
        for each in said["orders"] or ()
    )
    roll = tuple(
        Peer(each["name"], each["silent"], int(each["seen"]), each["about"])
        for each in said["roll"] or ()
    )
    return Reply(
        said["era"], int(said["seen"]), int(said["workers"]), said["behind"], verdicts,
        orders, tuple(int(token) for token in said["leases"] or ()), roll,
    )  # fmt: skip


def _verdict(said: dict[str, Any]) -> Verdict:
    calls, failures, slow = (int(each) for each in said.pop("counts"))
    epoch, relapses = int(said.pop("epoch")), int(said.pop("relapses"))
    return Verdict(epoch=epoch, relapses=relapses, counts=(calls, failures, slow), **said)
