"""What type checkers see of the Starlette integration; checked, never run."""

from pathlib import Path
from typing import Any, assert_type

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import BaseRoute

from resilience import Settings, System
from resilience_starlette import (
    PROBES,
    RESPONSES,
    Resilience,
    ResilienceMiddleware,
    lifespan,
    routes,
)
from resilience_starlette.dependencies import AppSystem

system = System()


async def later(request: Request) -> str | None:
    """Tell who asks, after a while."""
    return request.headers.get("user")


def at_once(request: Request) -> bool:
    """Tell whether somebody asks."""
    return "user" in request.headers


def apps() -> None:
    """Both kinds of apps, and every kind of settings, are taken."""
    Resilience(Starlette())
    Resilience(FastAPI(responses=RESPONSES), system=system, authorize=later)
    Resilience(system=system, authorize=at_once).init_app(FastAPI(lifespan=lifespan))
    Resilience(Starlette(), settings={"web": {"probe_first": True}})
    Resilience(Starlette(), settings=Path("resilience.toml"))
    Resilience(Starlette(), settings=Settings())
    Resilience("app")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Resilience(Starlette(), settings=7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def pieces() -> Starlette:
    """The pieces fit Starlette's own types."""
    assert_type(routes(system=system), list[BaseRoute])
    assert_type(RESPONSES, dict[int | str, dict[str, Any]])
    paths: tuple[str, ...] = PROBES
    assert_type(len(paths), int)
    return Starlette(
        routes=routes(authorize=later),
        middleware=[Middleware(ResilienceMiddleware, system=system)],
        lifespan=lifespan,
    )


async def endpoint(injected: AppSystem) -> None:
    """What is injected is a system."""
    assert_type(injected, System)
