"""The app that gunicorn serves in `test_flask_gunicorn.py`; its payment circuit is open."""

import time
from contextlib import suppress

from flask import Flask

from resilience import circuit, fallback
from resilience.core.request import present
from resilience_flask import Resilience


@circuit("payments", failure_threshold=1, reset_timeout=600)
def pay() -> str:
    """Fail as a payment service does that is down."""
    raise ConnectionError("postgres://admin:hunter2@10.0.0.7")


@fallback("no prices")
@circuit("prices", failure_threshold=1, reset_timeout=600)
def prices() -> str:
    """Fail, and be stood in for."""
    raise ConnectionError


def hold() -> str:
    """Take a while, and tell how long the request had waited before."""
    time.sleep(0.2)
    return str(getattr(present.get(), "waited", "outside"))


app = Flask("served shop")
app.add_url_rule("/hold", "hold", hold)
app.add_url_rule("/pay", "pay", pay)
app.add_url_rule("/prices", "prices", prices)
Resilience(app, authorize=lambda request: request.headers.get("Authorization") == "Bearer ops")

# Every worker makes its own circuits: open them in each, by a failure, as it loads the app.
with suppress(ConnectionError):
    pay()
