"""A Flask app whose metrics are served, for servers with several workers."""

import os
import time
from typing import Any

from flask import Flask

from resilience import CircuitOpenError, System
from resilience_flask import Resilience

app = Flask("metered")
app.config["RESILIENCE_WEB"] = {"metrics": True}
system = System()
Resilience(app, system=system)


@system.circuit("payments", failure_threshold=2, key=lambda tenant: tenant)
def pay(tenant: str) -> str:
    """Answer, or fail for one tenant."""
    if tenant == "broken":
        raise OSError("no bank")
    return "paid"


@app.get("/pay/<tenant>")
def paid(tenant: str) -> Any:
    """Tell which worker paid, whatever became of it."""
    try:
        time.sleep(0.01)  # long enough for other workers to take the next ones
        pay(tenant)
    except (OSError, CircuitOpenError):
        return str(os.getpid()), 502
    return str(os.getpid())
