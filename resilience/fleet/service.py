"""The fleet as one worker takes part in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from resilience.core.checks import text, whole
from resilience.errors import StoreUnavailableError
from resilience.fleet.base import Backend, Claim
from resilience.fleet.exchanging import Exchanging
from resilience.fleet.leases import LASTS, Lease
from resilience.fleet.pace import APART, QUIET
from resilience.fleet.settings import FleetSettings
from resilience.fleet.snapshots import Confirmation, FleetSnapshot, PeerSnapshot, peer_of

ORDERED = (
    "circuit_forced", "feature_changed", "degradation_changed", "operator_acted", "chaos_started",
    "chaos_finished",
)  # fmt: skip


class Fleet(Exchanging):
    """Shares what this worker's circuits learn, and what operators order, with the app's others."""

    def snapshot(self) -> FleetSnapshot:
        """Return all that is known of the fleet at this moment."""
        backend = self._backend
        address = None if backend is None else backend.address
        online, workers = bool(self._online), max(1, self._replica.workers)
        return FleetSnapshot(self._worker(), address, online, workers, self._error)

    # -- settings -----------------------------------------------------------------------------

    def prepare(self, settings: FleetSettings) -> Callable[[], None]:
        """Return what puts settings in force; the same ones again change nothing.

        Raises:
            ConfigurationError: redis-py is not installed, or does not take the URL.
        """
        if settings == self.settings:
            return lambda: None
        same = replace(self.settings, quarantine=settings.quarantine) == settings
        return partial(self._switch, settings, None if same else backend_of(settings))

    def _switch(self, settings: FleetSettings, backend: Backend | None) -> None:
        before, self.settings = self.settings, settings
        if replace(before, quarantine=settings.quarantine) != settings:
            self.use(backend)

    def use(self, backend: Backend | None, *, worker: str | None = None) -> None:
        """Exchange through a backend from now on.

        Args:
            backend: such as `resilience.testing.FakeFleet`; None: with nobody.
            worker: what this system is called in the fleet; None: as its process is.
        """
        if self._backend is not None:
            self._part()
        self._backend, self._name = backend, worker
        self._begin()
        if backend is not None:
            self._members().on_new(self._welcome)
            self._unsubscribe = self._runtime.bus.subscribe(self._hear_order, ORDERED)
            self._duty = self._runtime.engine.every(
                QUIET, self.exchange, name="fleet", blocking=True
            )

    def _part(self) -> None:
        self.leave()
        self._unsubscribe()
        self._members().on_new(None)
        for member in self._members():
            member.let_go()
        if self._duty is not None:
            self._duty.cancel()
            self._duty = None

    # -- what the whole fleet does ------------------------------------------------------------

    def claim(
        self, name: str, *, places: int = 1, lasts: float = LASTS, renewed: bool = True
    ) -> Lease | None:
        """Return the right to do something that only so many workers may do at once. It may wait.

        Args:
            name: of what, 1 to 200 characters.
            places: how many workers may, >= 1.
            lasts: seconds, > 0, after which it ends when nobody renews it; it is renewed in the
                background while this worker lives.
            renewed: False: it ends after `lasts` whatever happens.

        Returns:
            The lease, to be released; None: others have it, or the store does not answer. Where
            there is no store it is granted: nobody shares.
        """
        backend, asked_at = self._backend, self._now()
        claim = Claim(text("lease", name), 0, whole("places", places, least=1), lasts)
        if backend is None:
            return Lease(claim, 0, asked_at, self._now, _nothing)
        if self._refused or (places == 1 and self._leases.holds(name)):
            return None
        with self._exchanging:
            token = self._exchange_by(backend, claim, roll=False)
        if not token:
            return None
        lease = Lease(claim, token, asked_at, self._now, self._give_back)
        if renewed:
            self._leases.keep(lease)
        return lease

    @staticmethod
    def alone(name: str) -> Lease:
        """Return a lease that nobody shares."""
        return Lease(Claim(name), 0, 0.0, float, _nothing)

    def _give_back(self, lease: Lease) -> None:
        self._leases.drop(lease)
        self._soon(limited=False)

    @property
    def is_cut_off(self) -> bool:
        """Whether there is a store, and it does not answer."""
        return self._backend is not None and not self._online

    def roll(self) -> list[PeerSnapshot]:
        """Return who is alive, as the store says. It may wait.

        Returns:
            This worker alone where there is no store, or it does not answer.
        """
        self.exchange(roll=True)
        if not self._online:
            return [PeerSnapshot(self._worker(), 0.0, confirmed=True, about=self._about())]
        return self._peers(self._replica.seen)

    def peers(self) -> list[PeerSnapshot]:
        """Return who was alive when the store was last asked; it never waits.

        While somebody asks again and again, the store is asked with every exchange.
        """
        self._looked_at = self._now()
        return self._peers(self._replica.seen)

    def _peers(self, newest: int) -> list[PeerSnapshot]:
        return [peer_of(each, newest, self._worker()) for each in self._roll]

    def command(self, name: str, reason: str, actor: str | None) -> None:
        """Have every other worker do once what this one did: "halt" experiments, or "recover"."""
        if self._backend is not None:
            self._board.command(name, reason, actor)
            self._soon(limited=False)

    def confirm(self, timeout: float = 1.0) -> Confirmation:
        """Wait until all live workers have taken in what was ordered, here and elsewhere.

        Args:
            timeout: seconds, >= 0, to wait for them.

        Raises:
            StoreUnavailableError: the store did not answer: the order holds in this worker alone.
        """
        if self._backend is None:
            return Confirmation(1, 1)
        until, newest = self._now() + timeout, 0
        while True:
            self.exchange(roll=True)
            if not self._online:
                raise StoreUnavailableError(f"only this worker has it: {self._error}")
            newest = newest or self._replica.seen
            peers = self._peers(newest)
            waiting = tuple(each.worker for each in peers if not each.confirmed)
            if not waiting or self._now() >= until or self._runtime.engine.stands_still:
                return Confirmation(len(peers) - len(waiting), len(peers), waiting)
            self._runtime.clock.sleep(APART)


def _nothing(_: Lease) -> None:
    """Give back what nobody shares."""


def backend_of(settings: FleetSettings) -> Backend | None:
    """Return the backend that the settings say; None: none.

    Raises:
        ConfigurationError: what it needs is not installed, or does not take the URL.
    """
    if settings.url is None:
        return None
    if settings.url.partition(":")[0].partition("+")[0] in ("sqlite", "postgresql", "postgres"):
        from resilience.fleet.sql import SQLBackend

        return SQLBackend(settings.url, settings.prefix, settings.timeout)
    from resilience.fleet.redis import RedisBackend

    return RedisBackend(settings.url, settings.prefix, settings.timeout)
