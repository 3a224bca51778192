"""An app for a server with several workers, which share nothing."""

from flask import Flask

from resilience import System
from resilience.web.actors import bearer
from resilience_flask import Resilience
from tests.commands.conftest import TOKENS

system = System({"chaos": {"enabled": True, "require_approval": True}})


@system.circuit("prices")
@system.timeout(5)
def prices() -> str:
    """Tell prices."""
    return "3"


app = Flask("two workers")
Resilience(app, system=system, authorize=bearer(TOKENS))


@app.get("/prices")
def show() -> str:
    """Show prices."""
    return prices()
