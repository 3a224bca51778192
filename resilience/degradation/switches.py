"""One feature as it is in force: read without a lock, published anew whenever it changes."""

from __future__ import annotations

from math import inf

from resilience.core.stopwatch import Stopwatch
from resilience.degradation.features import ALL, Feature
from resilience.degradation.orders import ENABLED, KILL, ROLLOUT, Order

KILLED, BY_OPERATOR, DISABLED, BY_LEVEL, BY_RULE = "killed", "operator", "disabled", "level", "rule"
"""Why a feature is less than all of it; whoever limits one is a cause by name."""

Shown = tuple[float, float, str]
"""What events tell of a feature: capability, rollout and cause."""

STEP = 10.0
"""Percent that a limit moves before it is told again."""


class Switch:
    """What is in force for one feature.

    Args:
        feature: as the decorator and the settings describe it.

    Attributes:
        on: True while it is on for every call, and no clock has to be asked; else False.
        capability: percent 0-100 of it that is left.
        rollout: percent 0-100 of keys or calls that have it at all.
        cause: why it is less than its settings say ("killed", "operator", "level", "rule", or who
            limits it), or is off by them ("disabled"); "" while it is neither.
        why: in words; "" where nothing is to be said.
        orders: `{kind: order}` of operators.
        limits: `{who: (percent 0-100, why)}` that others set, such as a dimmer.
        stopwatch: what times its calls, for a dimmer; None: nobody wants to know.
        until: monotonic seconds of the first end of an order on it; infinite where none ends.
    """

    __slots__ = (
        "_told", "capability", "cause", "feature", "limits", "on", "orders", "rollout",
        "stopwatch", "until", "why",
    )  # fmt: skip

    def __init__(self, feature: Feature) -> None:
        self.feature = feature
        self.on = False
        self.capability = self.rollout = ALL
        self.cause = self.why = ""
        self.orders: dict[str, Order] = {}
        self.limits: dict[str, tuple[float, str]] = {}
        self.stopwatch: Stopwatch | None = None
        self.until = inf
        self._told: Shown | None = None

    @property
    def name(self) -> str:
        """The feature's name."""
        return self.feature.name

    @property
    def enabled(self) -> bool:
        """Whether anybody has any of it."""
        return self.capability > 0 and self.rollout > 0

    @property
    def stepped_down(self) -> bool:
        """Whether it is less than its settings say: by level, rule, limit or an operator."""
        return self.cause not in {"", DISABLED}

    def news(self) -> Shown | None:
        """Return what was told last, if what is in force now is worth telling; it counts as told.

        A limit that follows its measure up and down is told in steps, and where it begins and
        ends.
        """
        before, now = self._told, (self.capability, self.rollout, self.cause)
        if before is None:  # it is new: there is nothing it changed from
            self._told = now
            return None
        is_drift = (
            before[1:] == now[1:]
            and now[2] in self.limits
            and 0 < now[0] < ALL
            and 0 < before[0] < ALL
            and abs(now[0] - before[0]) < STEP
        )
        if now == before or is_drift:
            return None
        self._told = now
        return before

    def drop_ended(self, now: float) -> None:
        """Forget the orders whose time is up."""
        for kind, order in list(self.orders.items()):
            if order.until <= now:
                del self.orders[kind]
        self.until = min((each.until for each in self.orders.values()), default=inf)

    def publish(self, left: float, cause: str, why: str) -> None:
        """Put in force what follows from everything at once.

        A kill is over an operator's order, that over `enabled`, that over level and limits.

        Args:
            left: percent 0-100 that level and rules leave of it.
            cause: `BY_LEVEL` or `BY_RULE`; "" where it is what the settings leave at best.
            why: the level's or rule's reason.
        """
        kill, switch = self.orders.get(KILL), self.orders.get(ENABLED)
        if kill is not None:
            found = (0.0, KILLED, kill.reason)
        elif switch is not None:
            found = (ALL, "", "") if switch.value else (0.0, BY_OPERATOR, switch.reason)
        elif not self.feature.enabled:
            found = (0.0, DISABLED, "")
        else:
            lowest = [(left, cause, why)]
            lowest += [(percent, who, said) for who, (percent, said) in self.limits.items()]
            found = min(lowest, key=lambda each: each[0])
        self.capability, self.cause, self.why = found
        rollout = self.orders.get(ROLLOUT)
        self.rollout = self.feature.rollout if rollout is None else rollout.value


def place_of(name: str, key: object) -> float:
    """Return where a key stands among all keys of a feature, 0 to below 100, spread evenly.

    It is the same in every process and after every restart; a key whose place is below a
    percentage has the feature, and so has it at every higher one.

    Raises:
        Exception: the key has no text.
    """
    from hashlib import blake2b  # only features for some need it

    text = f"{name}\0{key}".encode("utf-8", "surrogatepass")
    digest = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    return (digest >> 11) / 2**53 * ALL  # as many bits as a float holds: never all of ALL
