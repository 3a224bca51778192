"""An app that is one of many: what its worker knows of the fleet, asked by HTTP."""

import os
from contextlib import suppress

from flask import Flask

from resilience import CircuitOpenError, circuit, system
from resilience_flask import Resilience

app = Flask(__name__)
Resilience(app)


@circuit("it", failure_threshold=2, reset_timeout=300.0)
def always_down() -> None:
    """Fail."""
    raise OSError("no")


@app.get("/")
def worker() -> str:
    """Say which worker answers."""
    return str(os.getpid())


@app.get("/break")
def break_it() -> str:
    """Make a call that fails, or is refused."""
    with suppress(OSError, CircuitOpenError):
        always_down()
    return "done"


@app.get("/state")
def state() -> str:
    """Say what the circuit is at."""
    return str(system.circuits["it"].state)


@app.get("/workers")
def workers() -> str:
    """Say how many workers it knows of."""
    return str(system.fleet.snapshot().workers)
