"""Running a system's checks: each on its schedule, where it belongs, never in a request."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from resilience.core.execution import settled
from resilience.core.names import did_you_mean
from resilience.core.runtime import Runtime
from resilience.core.schedule import Duty
from resilience.core.threads import ThreadPool
from resilience.errors import ConfigurationError
from resilience.health.checks import Check, Options
from resilience.health.loops import OwnLoop
from resilience.health.runs import Finding, Runs, Wrap
from resilience.health.settings import HealthSettings
from resilience.telemetry.host import Host

MOST_CHECKS = 1000
_SPREAD = 0.05  # of a check's interval, so that it runs 0.90 to 1.00 intervals after it ran
_GRACE = 0.5  # real seconds beyond a check's time limit that `verify` waits for it


@dataclass(slots=True)
class _Watched:
    """One check at work.

    Args:
        runs: its runs.
        call, declared, origin: what it was registered with, and where.
        loop: where it runs if it is async and the app has no loop.
        duty: what makes it run.
    """

    runs: Runs
    call: Callable[[], Any]
    declared: Options
    origin: str
    loop: OwnLoop = field(default_factory=OwnLoop)
    duty: Duty | None = None


class Watch:
    """The checks of one system, at work.

    Args:
        runtime: the system's clock and background engine.
        settings: those in force.
        host: what checks that ship read.
        heard: called with each finding, in the thread that made it.
    """

    def __init__(
        self,
        runtime: Runtime,
        settings: HealthSettings,
        host: Host,
        heard: Callable[[Check, Finding], None],
    ) -> None:
        self._runtime = runtime
        self._engine = runtime.engine
        self._settings = settings
        self._host = host
        self._heard = heard
        self._watched: dict[str, _Watched] = {}
        self._threads = ThreadPool()  # not the engine's, whose end would wait for one that hangs

    def __iter__(self) -> Any:
        return iter([each.runs.check for each in list(self._watched.values())])

    # -- which --------------------------------------------------------------------------------

    def add(self, name: str, call: Callable[[], Any], declared: Options, origin: str) -> Check:
        """Take in a check, to be begun; the same one again takes the place of the earlier.

        Raises:
            ConfigurationError: another check has that name, there are too many, or its times do
                not fit together.
        """
        before = self._watched.get(name)
        if before is not None and before.origin != origin:
            raise ConfigurationError(
                f"check {name!r} is registered already, by {before.origin}, and here by "
                f"{origin}: give it another name, or remove({name!r}) the other one"
            )
        if before is None and len(self._watched) >= MOST_CHECKS:
            raise ConfigurationError(f"check {name!r}: there are {MOST_CHECKS} checks already")
        check = Check.of(name, call, declared, self._settings, self._host)
        runs = Runs(check, self._runtime.clock, partial(self._tell, name))
        watched = _Watched(runs, call, declared, origin)
        if before is not None:
            self._end(before)
        self._watched[name] = watched
        return check

    def begin(self, name: str) -> None:
        """Run a check from now on."""
        self._schedule(self._watched[name])

    def remove(self, name: str) -> Check:
        """Run a check no more.

        Raises:
            KeyError: there is no such check; says near names.
        """
        if name not in self._watched:
            raise KeyError(f"no check {name!r}{did_you_mean(name, self._watched)}")
        watched = self._watched.pop(name)
        self._end(watched)
        return watched.runs.check

    def fitted(self, settings: HealthSettings) -> dict[str, Check]:
        """Return `{name: the check as it would be}` with these settings.

        Raises:
            ConfigurationError: they do not fit a check.
        """
        return {
            name: Check.of(name, each.call, each.declared, settings, self._host)
            for name, each in list(self._watched.items())
        }

    def adjust(self, settings: HealthSettings, checks: dict[str, Check]) -> None:
        """Put in force what `fitted` gave; a check that stays the same keeps its schedule."""
        self._settings = settings
        for name, check in checks.items():
            watched = self._watched.get(name)
            if watched is not None and watched.runs.check != check:
                moved = watched.runs.check.interval != check.interval
                watched.runs.check = check
                if moved:
                    self._schedule(watched)

    def _schedule(self, watched: _Watched) -> None:
        check = watched.runs.check
        if watched.duty is not None:
            watched.duty.cancel()
        watched.duty = self._engine.every(
            check.interval * (1 - _SPREAD),
            partial(self._due, watched),
            name=f"check {check.name}",
            jitter=_SPREAD,
        )

    def _end(self, watched: _Watched) -> None:
        if watched.duty is not None:
            watched.duty.cancel()
        watched.loop.close()

    # -- running ------------------------------------------------------------------------------

    def _due(self, watched: _Watched) -> None:
        if self._settings.enabled and not watched.runs.busy:
            self._start(watched, here=self._engine.running is None)

    def _start(self, watched: _Watched, here: bool) -> None:
        """Have a check run where it belongs.

        A sync one gets a thread of its own, so that it holds up neither the app's event loop nor
        the other checks; an async one runs on the app's loop where that drives the engine, else
        on its own.

        Args:
            watched: the check.
            here: run it in this thread, now; for `tick`.
        """
        runs = watched.runs
        if here:
            _run_here(runs)
        elif runs.is_async and self._engine.running == "task":
            self._on_loop(runs.run_async())
        else:
            act = partial(_run_beside, watched, self._engine)
            self._threads.run(act, f"resilience-check-{runs.check.name}")

    def _on_loop(self, run: Coroutine[Any, Any, None]) -> None:
        if not self._engine.run_later(run):
            run.close()  # the loop has just ended

    def give_up(self, now: float) -> None:
        """Tell of runs whose time is up."""
        for each in list(self._watched.values()):
            each.runs.give_up(now)

    def verify(self, component: str) -> bool | None:
        """Run a component's checks now and wait for them; None if it has none.

        Raises:
            RuntimeError: called on the event loop that the checks may need.
        """
        watched = self._about(component)
        if not watched:
            return None
        if self._engine.running == "task" and _on_a_loop():
            raise RuntimeError("verify waits for the checks: on an event loop use verify_async")
        return all(self._passes(each) for each in watched)

    def run_inside(self, component: str, wrap: Wrap) -> Callable[[], None]:
        """Run a component's checks as `wrap` makes of them, until what is returned is called."""
        wrapped = [each.runs for each in self._about(component) if each.runs.wrap is None]
        for runs in wrapped:
            runs.wrap = wrap

        def end() -> None:
            for runs in wrapped:
                runs.wrap = None

        return end

    def _about(self, component: str) -> list[_Watched]:
        watched = list(self._watched.values())
        return [each for each in watched if each.runs.check.component == component]

    def _passes(self, watched: _Watched) -> bool:
        patience = watched.runs.check.timeout + _GRACE
        start = partial(self._start, watched, here=self._engine.stands_still)
        return watched.runs.passes(start, patience)

    def _tell(self, name: str, finding: Finding) -> None:
        watched = self._watched.get(name)
        if watched is not None:
            self._heard(watched.runs.check, finding)

    # -- life ---------------------------------------------------------------------------------

    def close(self) -> None:
        """End the loops that are kept for async checks."""
        for each in list(self._watched.values()):
            each.loop.close()

    def after_fork(self) -> None:
        """Begin anew in a forked child."""
        self._threads = ThreadPool()
        for each in self._watched.values():
            each.runs.after_fork()
            each.loop.after_fork()


def _run_beside(watched: _Watched, engine: Any) -> None:
    """Run a check in this thread, which was made for it."""
    runs = watched.runs
    if not runs.is_async:
        runs.run()
        if not runs.is_async:
            return
        if engine.run_later(run := runs.run_async()):
            return
        run.close()
    if engine.running is None:  # nobody would close a loop that is kept
        settled(runs.run_async())
    else:
        watched.loop.run(runs.run_async)


def _run_here(runs: Runs) -> None:
    if not runs.is_async:
        runs.run()
    if runs.is_async:
        settled(runs.run_async())


def _on_a_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
