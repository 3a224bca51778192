"""`resilience chaos`: experiments on a running app, asked for, approved, run, and halted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from resilience.chaos.faults import Exhaustion
from resilience.chaos.files import described
from resilience.chaos.results import COMPLETED
from resilience.chaos.settings import FAULTS
from resilience.commands.orders import give
from resilience.commands.running import ASKED, app_at, asks_app, ordered, orders_app, unwell
from resilience.commands.showing import COLOURS, as_json, cell, printed, table
from resilience.core.names import did_you_mean
from resilience.errors import ConfigurationError
from resilience.web.admin.remote import Remote, RemoteError

LOOKED_EVERY = 0.5  # seconds between two looks at a run
ENDED_WITHIN = 30.0  # seconds after its time within which the result is there

PLANS = ("name", "fault", "target", "asked_by", "approved_by")
RUNNING = ("name", "fault", "target", "remaining", "calls", "injected")
NOTHING: dict[str, list[dict[str, Any]]] = {"plans": [], "running": [], "results": []}
HITTING = {kind for kind in FAULTS if kind != Exhaustion.KIND}  # that one takes places, no calls
SHOWN = ("fault", "target", "seed", "started_at", "duration", "calls", "injected")
RESULTS = ("name", "status", "target", "injected", "calls", "started_at")


@click.group(
    epilog="\b\nExamples:\n  resilience chaos run outage.toml --reason 'game day'\n"
    "  resilience chaos approve 'bank gone' --reason 'agreed'\n"
    "  resilience chaos halt --reason 'customers notice'\n"
)
def chaos() -> None:
    """Run experiments on a running app, within the limits of its settings."""


@chaos.command(
    "list",
    epilog="\b\nExamples:\n  resilience chaos list\n  resilience chaos list --json | jq .running",
)
@asks_app
def list_(url: str | None, token: str | None, as_json: bool) -> None:
    """List what was asked for, what runs, and what came of the last ones."""
    with app_at(url, token) as app:
        told = _experiments(app)
    if as_json:
        _json(told)
        return
    for key, columns in (("running", RUNNING), ("plans", PLANS), ("results", RESULTS)):
        if told[key]:
            printed(Text(f"{key}:", "bold"), table(columns, told[key]), "")
    if not any(told.values()):
        click.echo("no experiment yet")


@chaos.command(
    epilog="\b\nExamples:\n  resilience chaos run experiments/outage.yaml --reason 'game day'\n"
    "  resilience chaos run 'bank gone' --reason 'approved by ada'\n\n\b\n"
    "Leaves with 3 unless all of it is completed, and has hit a call."
)
@click.argument("what", metavar="FILE|NAME")
@orders_app
@click.option("--no-wait", is_flag=True, help="Begin it, and do not wait for its end.")
def run(  # noqa: PLR0917 - click gives them by name
    what: str, url: str | None, token: str | None, as_json: bool, reason: str, no_wait: bool
) -> None:
    """Run the experiments of a file, one after the other, or one that was asked for by its name.

    Where somebody else has to approve it, it is asked for, and waits for that.
    """
    with app_at(url, token) as app:
        named = _from_file(app, what, reason) if Path(what).is_file() else [what]
        results = []
        for name in named:
            worker = _begin(app, name, reason)
            if not no_wait:
                results.append(_awaited(app, name, worker, quiet=as_json))
    if no_wait:
        _json({"begun": named}) if as_json else click.echo(f"begun: {', '.join(named)}")
        return
    _tell(results, in_json=as_json)


@chaos.command(
    epilog="\b\nExamples:\n  resilience chaos show 'bank gone'\n"
    "  resilience chaos show 'bank gone' --json | jq '.results[0].recommendations'"
)
@click.argument("name")
@asks_app
def show(name: str, url: str | None, token: str | None, as_json: bool) -> None:
    """Tell all of one experiment: who asked for it, how far it is, and what came of its runs."""
    with app_at(url, token) as app:
        state = app.state()
    told = state.get("experiments") or NOTHING
    found = {key: [each for each in told[key] if each["name"] == name] for key in told}
    if not any(found.values()):
        known = [each["name"] for key in told for each in told[key]]
        raise click.ClickException(
            f"worker {cell(state['worker'])} knows no experiment {name!r}"
            f"{did_you_mean(name, known)}; if its server has others, ask again: they may"
        )
    _json(found) if as_json else _tell_all(found)


@chaos.command(
    epilog="\b\nExample:\n  resilience chaos approve 'bank gone' --reason 'agreed'",
)
@click.argument("name")
@orders_app
def approve(name: str, **given: Any) -> None:
    """Let an experiment run once that somebody else has asked for."""
    give(**given, action="chaos.approve", name=name)


@chaos.command(epilog="\b\nExample:\n  resilience chaos halt --reason 'customers notice'")
@orders_app
def halt(**given: Any) -> None:
    """Stop all experiments at once."""
    give(**given, action="chaos.halt")


def _json(told: Any) -> None:
    as_json(told)


def _experiments(app: Remote) -> dict[str, list[dict[str, Any]]]:
    return app.state().get("experiments") or NOTHING


def _from_file(app: Remote, path: str, reason: str) -> list[str]:
    try:
        found = described(path)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None
    for each in found:
        app.order({"action": "chaos.plan", "experiment": each, "reason": reason})
    return [each["name"] for each in found]


def _begin(app: Remote, name: str, reason: str) -> str:
    """Begin an experiment that was asked for; return the worker that runs it."""
    try:
        done = ordered(app, {"action": "chaos.run", "name": name, "reason": reason})
    except RemoteError as error:
        if error.status == 409 and _is_unapproved(app, name):
            raise click.ClickException(
                f"{error}; they say `resilience chaos approve '{name}'`, and then it is "
                f"`resilience chaos run '{name}'`"
            ) from None
        raise
    return str(done["worker"])


def _is_unapproved(app: Remote, name: str) -> bool:
    """Tell whether an experiment waits for approval, in one of the workers that answer."""
    seen = (each for _ in range(ASKED) for each in _experiments(app)["plans"])
    return any(each["name"] == name and not each["approved_by"] for each in seen)


def _awaited(app: Remote, name: str, worker: str, *, quiet: bool) -> dict[str, Any]:
    """Return the result of a run that was just begun, telling meanwhile how far it is.

    Others than its worker know nothing of it, but may have run it before.
    """
    told, until = "", time.monotonic() + ENDED_WITHIN
    while True:
        state = app.state()
        seen = (state["experiments"] if state["worker"] == worker else None) or NOTHING
        now = next((each for each in seen["running"] if each["name"] == name), None)
        if now is None:
            result = next((each for each in seen["results"] if each["name"] == name), None)
            if result is not None:
                return result
            if time.monotonic() > until:
                raise click.ClickException(
                    f"{name}: worker {worker} tells no result, or does not answer any more: "
                    "look at `resilience report`"
                )
        else:
            until = time.monotonic() + now["remaining"] + ENDED_WITHIN
            said = f"{name}: {now['injected']} of {now['calls']} calls hit"
            if not quiet and said != told:
                click.echo(f"{said}, {now['remaining']:.0f} s left", err=True)
                told = said
        time.sleep(LOOKED_EVERY)


def _tell(results: list[dict[str, Any]], *, in_json: bool) -> None:
    if in_json:
        _json(results)
    else:
        for each in results:
            printed(*_lines(each), "")
    bad = [each["name"] for each in results if each["status"] != COMPLETED]
    if bad:
        raise unwell(f"not completed: {', '.join(bad)}")
    idle = [each["name"] for each in results if not each["injected"] and each["fault"] in HITTING]
    if idle:
        raise unwell(f"no call was hit, so nothing is shown by: {', '.join(idle)}")


def _tell_all(found: Mapping[str, list[dict[str, Any]]]) -> None:
    for columns, rows in ((RUNNING, found["running"]), (PLANS, found["plans"])):
        if rows:
            printed(table(columns, rows), "")
    for result in found["results"]:
        rows = [{"what": each.replace("_", " "), "is": result[each]} for each in SHOWN]
        printed(*_lines(result), table(("what", "is"), [*rows, *_steady(result)]), "")


def _steady(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what was seen of the steady state before, during and after a run."""
    return [
        {
            "what": f"{when}: {finding['probe']}",
            "is": f"{finding['saw']} ({'holds' if finding['holds'] else 'does not hold'})",
        }
        for when in ("before", "during", "after")
        for finding in (result[when] or {}).get("findings", ())
    ]


def _lines(result: Mapping[str, Any]) -> list[Text]:
    status = result["status"]
    why = f": {cell(result['reason'])}" if result["reason"] else ""
    head = Text.assemble(
        (cell(result["name"]), "bold"), " ", (status, COLOURS.get(status, "")), why,
        f" ({result['injected']} of {result['calls']} calls hit, seed {result['seed']})",
    )  # fmt: skip
    said = [*result["observations"], *result["recommendations"]]
    return [head, *(Text(f"  - {cell(each)}") for each in said)]
