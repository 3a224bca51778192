"""The escalation: tell people of what the system cannot mend, once for each incident."""

from __future__ import annotations

import logging
import os
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import Any, TypeVar

from resilience import signals
from resilience.core.categories import SEVERITIES
from resilience.core.checks import flag, judging, one_of, seconds
from resilience.core.classify import Matcher
from resilience.core.rescue import GIVEN_UP, Call, Course, Do
from resilience.notify import Channels, Handler, Message, shortened, tellable
from resilience.strategies.rescuing import Home, RescuingStrategy

log = logging.getLogger("resilience")

H = TypeVar("H", bound=Handler)

MOST = 1000
"""Incidents that are remembered, and messages that wait to be sent."""

Claim = Callable[[str], Any]
"""Returns, for a component, something true if this process is the one to tell."""


@dataclass(slots=True)
class Incident:
    """What people were told of, and what came after.

    Args:
        component: what failed.
        level: the level that people were told.
        since: wall-clock time of the first failure, seconds since 1970-01-01 UTC.
        last: monotonic seconds of the last failure.
        held_back: failures after the first one, which nobody was told of.
        requires_manual_intervention: whether somebody has to do something.
    """

    component: str
    level: str
    since: float
    last: float
    held_back: int = 0
    requires_manual_intervention: bool = False


class Escalation(RescuingStrategy):
    """Tells people when a call fails: `Escalation("critical", ["slack"]).call(fn, …)`.

    There is one message for each incident. An incident begins with the first failure of a
    component and ends with `resolve`, or after `quiet` seconds without another failure, unless
    somebody says that it `persists`; the failures meanwhile are counted, and the next message says
    how many were held back. Only a failure of a higher level is told before that. Messages leave
    the process in the background. A channel that fails is logged, and hurts nobody.

    Args:
        level: "low", "medium", "high" or "critical".
        channels: "log", Apprise URLs such as "slack://…" (extra `notify`), and names that
            handlers serve, such as "slack".
        requires_manual_intervention: say in the message that somebody has to act.
        handlers: `{channel name: handler}`; more can be given by `handler`.
        name: the component of failures that name none.
        quiet: seconds, > 0, without a failure, after which an incident is over.
        on: failures to tell of: types, or a predicate; never `Rejected`.
        ignore: those not to tell of; beats `on`.
        claim: asked in the background before a message is sent, `claim(component)`: true if this
            process is the one to send it. Default: it is.
        system: whose clock, events and engine it uses; default: the process-wide system's.

    Raises:
        ConfigurationError: an unknown level or channel, a URL that Apprise cannot read, a
            handler that is no function.
    """

    def __init__(
        self,
        level: str = "critical",
        channels: Iterable[str] = ("log",),
        requires_manual_intervention: bool = False,
        *,
        handlers: Mapping[str, Handler] | None = None,
        name: str = "escalation",
        quiet: float | timedelta = 300.0,
        on: Matcher = Exception,
        ignore: Matcher = (),
        claim: Claim | None = None,
        system: Home | None = None,
    ) -> None:
        super().__init__(name, on, ignore, system)
        self.level = one_of(*SEVERITIES)("escalation level", level)
        self.channels = Channels(channels, handlers)
        self.requires_manual_intervention = flag(
            "requires_manual_intervention", requires_manual_intervention
        )
        self.claim = None if claim is None else judging("claim", claim)
        self._quiet = seconds("quiet", quiet)
        self._incidents: OrderedDict[str, Incident] = OrderedDict()
        self._outbox: deque[tuple[str, Message]] = deque(maxlen=MOST)
        self._lock, self._sending = Lock(), Lock()
        self._runtime.engine.at_stop(_weakly(self))
        _all.add(self)

    # -- use ----------------------------------------------------------------------------------

    def handler(self, channel: str) -> Callable[[H], H]:
        """Register what serves a channel: `@escalation.handler("slack")`.

        The function is called `handler(text, context)` in the background, and may be async.

        Raises:
            ConfigurationError: it is none of the channels, or no function.
        """

        def register(handler: H) -> H:
            self.channels.serve(channel, handler)
            return handler

        self.channels.expect(channel)
        return register

    def escalate(
        self,
        error: BaseException | str,
        component: str | None = None,
        *,
        level: str | None = None,
        **context: Any,
    ) -> bool:
        """Tell of a failure; returns whether this one is told, and not only counted.

        Args:
            error: what failed, or in words what is wrong.
            component: what it happened to; default: the name of this escalation.
            level: another level than its own.
            context: what else to tell, plain values.

        Raises:
            ConfigurationError: an unknown level, or an error that is neither exception nor words.
        """
        component = self.name if component is None else component
        level = self.level if level is None else one_of(*SEVERITIES)("escalation level", level)
        error = tellable(error)
        with self._lock:
            held_back = self._begin(component, level)
        if held_back is None:
            return False
        told = {"component": component, "level": level, "held_back": held_back, **context}
        told["requires_manual_intervention"] = self.requires_manual_intervention
        self._outbox.append((component, _message(error, told)))
        self._runtime.bus.emit(
            signals.escalated,
            component,
            {**told, "error": shortened(error), "channels": self.channels.names},
        )
        self._runtime.engine.aside(self._send, "escalation")
        return True

    def resolve(self, component: str | None = None) -> bool:
        """End an incident: the next failure is told again. Returns whether there was one."""
        component = self.name if component is None else component
        with self._lock:
            incident = self._incidents.get(component)
            if incident is None or incident.last == _OVER:
                return False
            incident.last = _OVER  # what was held back is for the next message
            return True

    def persists(self, component: str | None = None) -> None:
        """Hear that an incident goes on, though nothing fails anew: it does not end by itself."""
        now = self._runtime.clock.monotonic()
        with self._lock:
            incident = self._incidents.get(self.name if component is None else component)
            if incident is not None and self._goes_on(incident, now):
                incident.last = now

    def reset(self) -> None:
        """Forget all incidents."""
        with self._lock:
            self._incidents.clear()

    def incidents(self) -> list[Incident]:
        """Return the incidents that go on, oldest first."""
        now = self._runtime.clock.monotonic()
        with self._lock:
            return [
                Incident(each.component, each.level, each.since, each.last, each.held_back,
                         each.requires_manual_intervention)
                for each in self._incidents.values() if self._goes_on(each, now)
            ]  # fmt: skip

    def describe(self) -> Iterator[str]:
        """Yield whom it tells, and how."""
        yield f"escalation {self.name!r}"
        yield f"level = {self.level}"
        yield f"channels = {', '.join(self.channels.names)}"
        yield f"requires_manual_intervention = {self.requires_manual_intervention}"

    # -- what the shells ask --------------------------------------------------------------------

    def course(self, error: Exception, again: Call) -> Course:
        """Tell of the failure, which then goes on to the caller."""
        yield Do(lambda: self.escalate(error))
        return GIVEN_UP

    # -- incidents and messages -----------------------------------------------------------------

    def _begin(self, component: str, level: str) -> int | None:
        """Return how many were held back before, if this one is to be told; else count it."""
        now = self._runtime.clock.monotonic()
        before = self._incidents.pop(component, None)
        if before is not None and self._goes_on(before, now) and not _is_worse(level, before):
            before.last = now
            before.held_back += 1
            self._incidents[component] = before
            return None
        self._incidents[component] = Incident(
            component,
            level,
            self._runtime.clock.time(),
            now,
            requires_manual_intervention=self.requires_manual_intervention,
        )
        if len(self._incidents) > MOST:
            self._incidents.popitem(last=False)
        return 0 if before is None else before.held_back

    def _goes_on(self, incident: Incident, now: float) -> bool:
        return now - incident.last < self._quiet

    def _send(self) -> None:
        """Send all that waits; this is what runs in the background."""
        while self._outbox and self._sending.acquire(blocking=False):  # else another thread does
            try:
                if self._outbox:  # else another thread was faster, before this one had the lock
                    self._send_one(*self._outbox.popleft())
            finally:
                self._sending.release()

    def _send_one(self, component: str, message: Message) -> None:
        if self._is_ours(component):
            self.channels.send(message, self._settled)

    def _is_ours(self, component: str) -> bool:
        try:
            return self.claim is None or bool(self.claim(component))
        except Exception:
            log.exception("the claim to tell of %r failed: it is told", component)
            return True

    def finish(self) -> None:
        """Send what waits, and see what is being sent through to its end."""
        while True:
            self._send()
            with self._sending:
                if not self._outbox:
                    return

    def _settled(self, answer: Any) -> Any:
        return self._runtime.engine.settle(answer, timeout=30.0)

    def after_fork(self) -> None:
        """Begin in a forked child with nothing to send: the parent does."""
        self._lock, self._sending = Lock(), Lock()
        self._outbox.clear()


_OVER = float("-inf")


def _is_worse(level: str, incident: Incident) -> bool:
    return SEVERITIES.index(level) > SEVERITIES.index(incident.level)


def _message(error: BaseException | str, told: Mapping[str, Any]) -> Message:
    title = f"[{told['level']}] {told['component']}"
    parts = [f"{title}: {shortened(error)}"]
    if reason := told.get("reason"):
        parts.append(f"({reason})")
    if held_back := told["held_back"]:
        parts.append(f"— {held_back} more since the last message were held back")
    if told["requires_manual_intervention"]:
        parts.append("— somebody has to act: nothing more is done automatically")
    return Message(title, " ".join(parts), told["level"], told)


def _weakly(escalation: Escalation) -> Callable[[], None]:
    """Return what finishes an escalation, and does not keep it alive."""
    found = weakref.ref(escalation)

    def finish() -> None:
        alive = found()
        if alive is not None:
            alive.finish()

    return finish


_all: weakref.WeakSet[Escalation] = weakref.WeakSet()


def _after_fork() -> None:
    for escalation in list(_all):
        escalation.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
