"""A held client has the type of what its factory makes."""

from typing import assert_type

import httpx2
import requests

import resilience
from resilience import System, system
from resilience.healing.repairs import FreeMemory, ReopenLogs

assert_type(resilience.client(lambda: httpx2.Client(timeout=2.0)), httpx2.Client)
assert_type(resilience.client(httpx2.AsyncClient, grace=10), httpx2.AsyncClient)
assert_type(System().client(requests.Session, connect_errors=5, cool_down=60.0), requests.Session)
assert_type(system.healer.watch(ReopenLogs(), every=10), ReopenLogs)
assert_type(
    system.healer.watch(FreeMemory("memory", system.host), severity="low"),
    FreeMemory,
)

resilience.client(7)  # type: ignore[arg-type]
