"""`resilience status`, `circuits`, `health`, `events`: what a running app is at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from rich.text import Text

from resilience.commands.running import app_at, asks_app, unwell
from resilience.commands.showing import COLOURS, as_json, cell, printed, table
from resilience.core.names import did_you_mean

State = Mapping[str, Any]

CIRCUITS = ("name", "state", "calls", "failures", "rejected", "retry_after", "last_error")
COMPONENTS = ("name", "status", "score", "trend", "criticality")
FEATURES = ("name", "enabled", "capability", "rollout", "reason")
EVENTS = ("at", "type", "component", "worker")
RECOVERIES = ("at", "component", "result", "strategy", "failures")
STATUS = ("at", "since", "health", "level", "circuits", "features", "experiments", "fleet")


@click.command(
    epilog="\b\nExamples:\n  resilience status --url https://shop.example\n"
    "  resilience status --json | jq .level\n\n\b\nLeaves with 3 where the health is failing."
)
@asks_app
def status(url: str | None, token: str | None, as_json: bool) -> None:
    """Show how an app is: its health, its level, and what is not as it should be."""
    told = _state(url, token)
    if as_json:
        _json({"worker": told["worker"], **{key: told[key] for key in STATUS if key in told}})
    else:
        printed(*_parts(told))
    if told["health"]["status"] == "fail":
        raise unwell("health is failing")


@click.command(
    epilog="\b\nExamples:\n  resilience circuits\n  resilience circuits payments --json\n\n\b\n"
    "With a name it leaves with 3 unless that circuit lets calls through."
)
@click.argument("name", required=False)
@asks_app
def circuits(name: str | None, url: str | None, token: str | None, as_json: bool) -> None:
    """List circuits, worst first, or tell all of one."""
    told = _state(url, token)
    if name is None:
        _listed(told, "circuits", CIRCUITS, as_json=as_json)
        return
    one = _one(told["circuits"], name)
    if as_json:
        _json(one)
    else:
        rows = [{"what": key.replace("_", " "), "is": one[key]} for key in one if key != "seconds"]
        printed(head_of(told), table(("what", "is"), rows))
    if one["state"] in ("open", "forced_open"):
        raise unwell(f"circuit {name} is {one['state']}")


@click.command(
    epilog="\b\nExamples:\n  resilience health || echo 'something is down'\n\n\b\n"
    "Leaves with 3 where the health is failing."
)
@asks_app
def health(url: str | None, token: str | None, as_json: bool) -> None:
    """Show the health, component by component."""
    told = _state(url, token)
    _listed(told, "components", COMPONENTS, as_json=as_json)
    if told["health"]["status"] == "fail":
        raise unwell("health is failing")


@click.command(
    epilog="\b\nExamples:\n  resilience events\n  resilience events --json | jq '.events[0]'"
)
@asks_app
def events(url: str | None, token: str | None, as_json: bool) -> None:
    """List what happened of late, newest first; `resilience report` has the rest."""
    _listed(_state(url, token), "events", EVENTS, as_json=as_json)


def list_features(url: str | None, token: str | None, *, as_json: bool) -> None:
    """Print the features of an app."""
    _listed(_state(url, token), "features", FEATURES, as_json=as_json)


def list_recoveries(url: str | None, token: str | None, *, as_json: bool) -> None:
    """Print the recoveries of an app."""
    _listed(_state(url, token), "recoveries", RECOVERIES, as_json=as_json)


def _state(url: str | None, token: str | None) -> dict[str, Any]:
    with app_at(url, token) as app:
        return app.state()


def _json(told: Any) -> None:
    as_json(told)


def _listed(told: State, key: str, columns: tuple[str, ...], *, as_json: bool) -> None:
    if as_json:
        _json({**{name: told[name] for name in ("worker", "health", "level")}, key: told[key]})
    else:
        printed(head_of(told), table(columns, told[key]) if told[key] else f"no {key}")


def _one(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    for each in found:
        if each["name"] == name:
            return each
    known = [each["name"] for each in found]
    raise click.ClickException(f"no circuit {name!r}{did_you_mean(name, known)}")


def head_of(told: State) -> Text:
    """Return how an app is, in a line."""
    health, level = told["health"], told["level"]["level"]
    word = str(health["status"])
    said = Text.assemble(
        f"worker {cell(told['worker'])}: health ", (word, COLOURS.get(word, "")),
        f" ({health['score']:.0f} of 100), level {level}",
    )  # fmt: skip
    if told["level"].get("reason"):
        said.append(f" ({cell(told['level']['reason'])})")
    return said


def _parts(told: State) -> list[Any]:
    """Return what is not as it should be, under a head."""
    ill = [each for each in told["circuits"] if each["state"] != "closed"]
    off = [each for each in told["features"] if not each["enabled"] or each["capability"] < 100]
    down = [each for each in told["components"] if each["status"] not in ("pass", "unknown")]
    parts: list[Any] = [head_of(told)]
    for rows, columns in ((down, COMPONENTS), (ill, CIRCUITS), (off, FEATURES)):
        parts += ["", table(columns, rows)] if rows else []
    running = (told.get("experiments") or {}).get("running") or []
    parts += ["", table(("name", "fault", "target", "remaining"), running)] if running else []
    parts += ["", _fleet(told["fleet"])] if told.get("fleet") else []
    total = told["circuits_total"]
    parts += ["", f"{total - len(ill)} of {total} circuits closed"] if total else []
    return parts


def _fleet(told: State) -> Text:
    where = cell(told["address"])
    if told["online"]:
        live = told["live"]
        return Text(f"1 worker shares {where}" if live == 1 else f"{live} workers share {where}")
    why = cell(told["error"] or "not asked yet")
    return Text(f"this worker is on its own: {where} does not answer ({why})", "yellow")
