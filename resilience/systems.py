"""The system: every part, connected; and the one that the bare decorators use."""

from __future__ import annotations

import random as randomness
from collections.abc import Callable, Collection, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, cast

from resilience.clock import Clock
from resilience.core.demand import alone, is_made, part
from resilience.core.runtime import Runtime
from resilience.decorators import Decorators
from resilience.events import Event

if TYPE_CHECKING:
    from datetime import timedelta

    from resilience.degradation.dimming import Dimming
    from resilience.degradation.metrics import Measures
    from resilience.healing.actions import ActionOptions
    from resilience.healing.surroundings import Surroundings
    from resilience.limits.load import Load
    from resilience.metrics import Metrics
    from resilience.settings import Settings, WebSettings
    from resilience.telemetry.traffic import Traffic

C = TypeVar("C")

_OWN = "settings"  # where settings come from that are the system's, and not some app's


class System(Decorators):
    """Guards, their circuits, and what they share.

    Args:
        settings: `Settings`, or a dict of the same shape; over what decorators say.
        clock: what tells the time; `resilience.testing.ManualClock` in tests.
        random: where jitter and shares are drawn from; a seeded one makes runs repeatable.

    Raises:
        ConfigurationError: a setting is refused; says which, and what is allowed.
    """

    def __init__(
        self,
        settings: Settings | Mapping[str, Any] | None = None,
        *,
        clock: Clock | None = None,
        random: randomness.Random | None = None,
    ) -> None:
        super().__init__(Runtime(clock, random))
        self.started_at = self.runtime.started_at
        self.stopping = False
        self.leaving = False
        """Whether this worker sends its clients to others, before it ends: it is not ready, and
        closes each connection after its answer."""
        self.bypassed: dict[str, str] = {}
        """Routes that are served without the guard their view was given: `{path: view}`."""
        self._settings: Settings | None = None
        self._by_source: dict[str, Settings] = {}
        self.runtime.engine.every(1.0, self._settle, name="circuits")
        if settings is not None:
            self.configure(settings)

    # -- parts, loaded when they are first asked for ------------------------------------------

    @part
    def load(self) -> Load:
        """What the requests say of this process's load: whom it has to turn away."""
        from resilience.limits.load import Load

        return Load(self.runtime, self.traffic)

    @part
    def traffic(self) -> Traffic:
        """The app's requests: how many, how fast, how many fail; counted by its integration."""
        from resilience.telemetry.traffic import Traffic

        return Traffic(self.runtime.clock)

    @part
    def metrics(self) -> Metrics:
        """All that it can tell in numbers; events are counted from the first use on."""
        from resilience.metrics import Metrics

        return Metrics(self, lambda: self.traffic if is_made(self, "traffic") else None)

    def dim(
        self,
        feature: str,
        target: float | timedelta = 0.5,
        *,
        utilisation: float = 0.85,
        places: int | None = None,
        least: float = 0.0,
    ) -> Dimming:
        """Serve only as much of a feature as leaves this process time for everything else.

        Args:
            feature: the name of a feature that is described already; its `@feature` functions are
                what is optional.
            target: seconds, >= 0.01, within which 95 % of requests are to be served, what they
                wait included (or a `timedelta`).
            utilisation: above 0 and below 1, the share of its time that the process may be busy.
            places: requests that the process serves at once, >= 1: its threads. None: as many as
                are seen under way while others wait.
            least: the share, 0-1, of the feature that is always served.

        Raises:
            ConfigurationError: no such feature, one that is dimmed already, or a value out of
                range.
        """
        from resilience.degradation.dimmer import Dimmer
        from resilience.degradation.dimming import BY, WHY, Dimming

        dimmer = Dimmer(feature, target, utilisation=utilisation, places=places, least=least)
        return Dimming(
            dimmer,
            self.runtime,
            self.traffic,
            self.degradation.time(feature),
            limit=lambda left: self.degradation.limit(feature, left, by=BY, reason=WHY),
            ended=lambda: self.degradation.time_no_more(feature),
        )

    def client(
        self,
        factory: Callable[[], C],
        *,
        component: str = "http client",
        connect_errors: int = 3,
        grace: float | timedelta | None = None,
        **options: Unpack[ActionOptions],
    ) -> C:
        """Return a client that is replaced when its connections have leaked or reach nobody.

        It is used like the client that `factory` makes, is made when it is first used, and made
        anew after a fork. A `PoolTimeout`, or `connect_errors` errors in a row, replaces it, at
        most once in 30 s, and not one that never worked. The old one is closed after `grace`.

        Args:
            factory: makes an `httpx.Client`, `httpx.AsyncClient`, `requests.Session`, or
                anything else that sends by a method `send`.
            component: what the healer calls it.
            connect_errors: so many failures to connect in a row, >= 1.
            grace: seconds, >= 0; None: the client's read timeout, or 60 s where it has none.
            options: those of `Action`, for the action that replaces it.

        Raises:
            ConfigurationError: a value is refused.
        """
        from resilience.healing.clients import ClientHolder
        from resilience.healing.repairs.clients import hold

        holder = ClientHolder(factory, self.runtime, connect_errors, grace)
        return cast(C, hold(holder, self.healer, component, options))

    def _surroundings(self) -> Surroundings:
        from resilience.joints import surroundings_of

        return surroundings_of(self)

    def _about(self) -> dict[str, Any]:
        from resilience.joints import about

        return about(self, leaving=self.leaving)

    def _routes_so_far(self) -> Collection[str]:
        if not is_made(self, "traffic"):
            return ()
        return [each.route for each in self.traffic.snapshot()]

    def _measures(self) -> Measures:
        from resilience.measures import measures_of

        return measures_of(
            lambda: self.circuits, lambda: self.host, lambda: self.traffic, lambda: self.health
        )

    # -- settings -----------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """What tells it the time; the one that it was given, or the machine's."""
        return self.runtime.clock

    @property
    def settings(self) -> Settings:
        """The settings that were put in force last."""
        if self._settings is None:
            from resilience.settings import Settings

            self._settings = Settings()
        return self._settings

    def configure(self, settings: Settings | Mapping[str, Any], *, source: str = _OWN) -> None:
        """Put settings in force: all of them, or on an error none.

        What keeps its settings keeps its state and counts, too.

        Args:
            settings: `Settings`, or a dict of the same shape.
            source: who gives them; settings given earlier by the same one are replaced, those
                of others stay, later ones winning.

        Raises:
            ConfigurationError: a setting is refused; those in force stay.
        """
        from resilience.configuration import prepared, warn_of_unknown
        from resilience.settings import Settings

        made = settings if isinstance(settings, Settings) else Settings.of(settings, source)
        with alone():
            by_source = {**self._by_source, source: made}
            for commit in prepared(self, by_source):
                commit()
            self._by_source, self._settings = by_source, made
        warn_of_unknown(self, only_near=True)

    def web_of(self, app: Settings) -> WebSettings:
        """Return an app's web settings, over those that the system was given for all apps.

        These are what `System(settings)` and `configure` were told without a `source`.
        """
        from resilience.configuration import laid_over

        return laid_over(self._by_source.get(_OWN), app)

    def warn_of_unknown(self) -> None:
        """Warn of settings by name for what does not exist, now that all of the app is there."""
        if self._by_source:
            from resilience.configuration import warn_of_unknown

            warn_of_unknown(self, only_near=False)

    # -- life ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve: run the background engine, warn of settings for what does not exist.

        Where an event loop runs, the engine is a task on it; else it is a thread. Under a server
        call it in the process that serves, after the fork: an engine of the parent's is not there.

        Raises:
            ConfigurationError: the journal or the fleet can never work with these settings.
        """
        self.stopping = False
        self.warn_of_unknown()
        if is_made(self, "journal"):
            self.journal.start()
        if is_made(self, "fleet"):
            self.fleet.start()
        self.runtime.engine.start()

    def stop(self) -> None:
        """Leave: `/health/ready` says so from now on; what is queued is drained, in <= 5 s.

        On an event loop use `async with`, which does not hold it up meanwhile.
        """
        self.stopping = True
        self.runtime.engine.stop()

    def ensure(self) -> None:
        """Run the background engine in this process, unless it does or was stopped.

        For every request to call: it never raises, and costs next to nothing.
        """
        self.runtime.engine.ensure()

    def tick(self) -> None:
        """Do what the background engine has due at the clock's time; tests need no thread."""
        self._settle()
        self.runtime.engine.tick()

    def _settle(self) -> None:
        """End operators' orders whose time is up."""
        if is_made(self, "circuits"):
            for circuit in self.circuits:
                circuit.settle()

    def on_event(self, listener: Callable[[Event], Any]) -> Callable[[], None]:
        """Call `listener(event)` for every event of this system; returns what ends that."""
        return self.runtime.bus.subscribe(listener)

    @property
    def active(self) -> bool:
        """False while every guard passes its calls through (`resilience.testing.inactive`)."""
        return self.runtime.active

    @active.setter
    def active(self, value: bool) -> None:
        self.runtime.active = value
        self.circuits.refresh()
        if is_made(self, "degradation"):
            self.degradation.refresh()

    def __enter__(self) -> System:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> System:
        self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stopping = True
        await self.runtime.engine.stop_async()


system = System()
"""The process-wide system, which the bare decorators use."""

system.home = "resilience.systems:system"
system.runtime.home = "resilience.systems:system.runtime"
