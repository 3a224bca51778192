"""A worker as a process of its own: told what to do on its standard input, a line each.

`python member.py URL PREFIX [SETTINGS]` answers each line with a line of JSON. With
`CLOCK_AHEAD` in the environment its wall clock is wrong by so many seconds, from before anything
is imported; with `PATIENT` the store may take so many seconds for an answer.
"""

import json
import os
import sys
import time
from typing import Any

if "CLOCK_AHEAD" in os.environ:
    right, ahead = time.time, float(os.environ["CLOCK_AHEAD"])
    time.time = lambda: right() + ahead

from resilience import CircuitOpenError, Event, System
from resilience.circuits.states import Trial
from resilience.errors import ConfigurationError, StoreUnavailableError
from resilience.fleet.leases import Lease


def _fail() -> None:
    raise OSError("no")


class Member:
    """A system with circuits, on the machine's own clock.

    Args:
        url: of the store.
        prefix: of its keys.
        circuit: settings of its circuits.
    """

    def __init__(self, url: str, prefix: str, circuit: dict[str, Any]) -> None:
        fleet = {"url": url, "prefix": prefix, "timeout": float(os.environ.get("PATIENT", "0.25"))}
        self.system = System({"fleet": fleet})
        self.circuit = circuit
        self.events: list[Event] = []
        self.system.on_event(self.events.append)
        self.slowest = 0.0
        self.held: Any = None
        self.lease: Lease | None = None

    def start(self) -> str:
        """Begin; return what was refused, or ""."""
        try:
            self.system.start()
        except ConfigurationError as error:
            return str(error)
        return ""

    def call(self, times: int, name: str = "it", ok: bool = True) -> int:
        """Make calls; return how many were admitted."""
        circuit = self.system.circuits.get(name, **self.circuit)
        admitted = 0
        for _ in range(times):
            began = time.perf_counter()
            try:
                circuit.call((lambda: None) if ok else _fail)
                admitted += 1
            except CircuitOpenError:
                pass
            except OSError:
                admitted += 1
            self.slowest = max(self.slowest, time.perf_counter() - began)
        return admitted

    def call_many(self, count: int, times: int, ok: bool = True) -> int:
        """Make calls through many circuits; return how many were admitted."""
        return sum(self.call(times, f"it[{number}]", ok) for number in range(count))

    def try_once(self) -> bool:
        """Make a call that succeeds, unless it is refused; tell whether it was a trial."""
        circuit = self.system.circuits.get("it", **self.circuit)
        try:
            permit = circuit.tick or circuit.admit()
        except CircuitOpenError:
            return False
        now = circuit.monotonic()
        circuit.succeeded(permit, now, now, None)
        return isinstance(permit, Trial)

    def begin(self) -> bool:
        """Begin a call that never ends; tell whether it was admitted."""
        try:
            self.held = self.system.circuits.get("it", **self.circuit).admit()
        except CircuitOpenError:
            return False
        return True

    def wall_clock(self) -> float:
        """Return its time of day."""
        return time.time()

    def retry_after(self) -> float:
        """Return the seconds for which the circuit says that it stays open."""
        return self.system.circuits.get("it", **self.circuit).snapshot().retry_after or 0.0

    def state(self, name: str = "it") -> str:
        """Return what a circuit does with calls."""
        return str(self.system.circuits.get(name, **self.circuit).state)

    def open(self, count: int) -> int:
        """Return how many of many circuits are open."""
        return sum(self.state(f"it[{number}]") == "open" for number in range(count))

    def order(self, what: str) -> None:
        """Give an operator's order on the circuit, or take it back."""
        getattr(self.system.circuits.get("it", **self.circuit), what)("a drill", "ada")

    def confirm(self) -> str:
        """Return "2 of 3" that have taken all orders in, or why nobody knows."""
        try:
            found = self.system.fleet.confirm(5.0)
        except StoreUnavailableError as error:
            return str(error)
        return f"{found.confirmed} of {found.live}"

    def claim(self, name: str, lasts: float = 15.0) -> int:
        """Return the token of a lease that only one may hold, or 0: another has it."""
        lease = self.system.fleet.claim(name, lasts=lasts)
        self.lease = lease or self.lease
        return 0 if lease is None else lease.token

    def holds(self) -> bool:
        """Tell whether its last lease may be relied on."""
        return self.lease is not None and self.lease.holds()

    def fleet(self) -> dict[str, Any]:
        """Return what it knows of the fleet."""
        seen = self.system.fleet.snapshot()
        return {"online": seen.online, "workers": seen.workers, "error": seen.error}

    def told(self, *kinds: str) -> list[list[Any]]:
        """Return `[type, component, data]` of its events of these types."""
        return [[e.type, e.component, dict(e.data)] for e in self.events if e.type in kinds]

    def slowest_call(self) -> float:
        """Return the seconds that the slowest call took so far."""
        return self.slowest

    def stop(self) -> None:
        """End in order."""
        self.system.stop()


def main() -> None:
    """Do what the standard input says until it ends."""
    url, prefix, settings = sys.argv[1:4]
    member = Member(url, prefix, json.loads(settings))
    for line in sys.stdin:
        verb, args, kwargs = json.loads(line)
        print(json.dumps(getattr(member, verb)(*args, **kwargs)), flush=True)


if __name__ == "__main__":
    main()
