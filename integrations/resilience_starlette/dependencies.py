"""What FastAPI's endpoints can ask for."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from resilience import ConfigurationError, System
from resilience_starlette.extension import NAME, name_of


async def get_system(connection: HTTPConnection) -> System:
    """Return the system that the app was set up with.

    Raises:
        ConfigurationError: `Resilience(app)` was not called.
    """
    state = getattr(connection.app.state, NAME, None)
    if state is None:
        raise ConfigurationError(
            f"{name_of(connection.app)} is not set up: call Resilience(app) where the app is made"
        )
    system: System = state.system
    return system


AppSystem = Annotated[System, Depends(get_system)]
"""The app's system, as in `async def pay(system: AppSystem)`; tests replace `get_system`."""
