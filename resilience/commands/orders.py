"""`resilience force`, `release`, `reset`, `level`, `features`, `kill`, `heal`: orders to an app."""

from __future__ import annotations

from typing import Any

import click

from resilience.commands.running import app_at, asks_app, ordered, orders_app
from resilience.commands.showing import as_json as print_json
from resilience.commands.showing import cell
from resilience.commands.state import list_features, list_recoveries

STATES = {"open": "force_open", "closed": "force_closed", "disabled": "disable", "shadow": "shadow"}
LEVELS = ("normal", "reduced", "minimal", "emergency")
RECOVER = "recover"
ALONE = ("healer.recover", "chaos.run")  # in a fleet, too, one worker does it

lasting = click.option(
    "--for", "lasts", type=click.FloatRange(0, min_open=True),
    help="Seconds after which it ends by itself.",
)  # fmt: skip


def give(url: str | None, token: str | None, as_json: bool, **order: Any) -> None:
    """Send an order, and print what was done."""
    given = {"for" if name == "lasts" else name: order[name] for name in order}
    with app_at(url, token) as app:
        done = ordered(app, {name: given[name] for name in given if given[name] is not None})
    if as_json:
        print_json(done)
        return
    about = cell(done.get("name") or done.get("level") or "")
    click.echo(f"{done['action']} {about}: done, by {cell(done['actor'])}{_reached(done)}")


def _reached(done: dict[str, Any]) -> str:
    """Return which workers have taken an order in, where the app has several."""
    told, workers = done.get("confirmed"), done.get("workers", 1)
    if isinstance(told, dict):
        return f"; confirmed by {told.get('confirmed')} of {told.get('live')} workers"
    if workers < 2:
        return ""
    said = f"; in worker {cell(done.get('worker'))}, one of {workers}"
    if done["action"] in ALONE:
        return said
    return f"{said}: the others know of it only by the setting fleet.url"


@click.command(
    epilog="\b\nExamples:\n  resilience force payments open --reason 'the bank is down' --for 900\n"
    "  resilience force search shadow --reason 'watch it first'\n"
)
@click.argument("name")
@click.argument("state", type=click.Choice(list(STATES)))
@orders_app
@lasting
def force(name: str, state: str, lasts: float | None, **given: Any) -> None:
    """Hold a circuit open (no calls), closed (all), disabled (all, uncounted) or as a shadow.

    It ends by itself, after an hour if --for does not say when.
    """
    give(**given, action=f"circuit.{STATES[state]}", name=name, lasts=lasts)


@click.command(epilog="\b\nExample:\n  resilience release payments --reason 'the bank is back'")
@click.argument("name")
@orders_app
def release(name: str, **given: Any) -> None:
    """End an order on a circuit."""
    give(**given, action="circuit.release", name=name)


@click.command(epilog="\b\nExample:\n  resilience reset payments --reason 'deployed a fix'")
@click.argument("name")
@orders_app
def reset(name: str, **given: Any) -> None:
    """Close a circuit, and forget its counts."""
    give(**given, action="circuit.reset", name=name)


@click.command(
    epilog="\b\nExamples:\n  resilience level\n"
    "  resilience level reduced --reason 'a sale' --for 3600\n"
    "  resilience level recover --reason 'sold out'\n"
)
@click.argument("level", type=click.Choice([*LEVELS, RECOVER]), required=False)
@asks_app
@click.option("--reason", help="Why, in 1 to 200 characters; needed to change it.")
@lasting
def level(
    level: str | None, reason: str | None, lasts: float | None, as_json: bool, **where: Any
) -> None:
    """Show the level of service, or set it; `recover` lets the rules decide again."""
    if level is None:
        _show_level(as_json, **where)
    elif not reason:
        raise click.UsageError("--reason is needed to change the level")
    elif level == RECOVER:
        give(**where, as_json=as_json, action="level.recover", reason=reason)
    else:
        give(
            **where,
            as_json=as_json,
            action="level.degrade",
            level=level,
            reason=reason,
            lasts=lasts,
        )


def _show_level(as_json: bool, url: str | None, token: str | None) -> None:
    with app_at(url, token) as app:
        told = app.state()["level"]
    if as_json:
        print_json(told)
    else:
        why = f": {cell(told['reason'])}" if told.get("reason") else ""
        click.echo(f"{told['level']} since {cell(told.get('since'))}{why}")


@click.group(
    invoke_without_command=True,
    epilog="\b\nExamples:\n  resilience features\n"
    "  resilience features disable offers --reason broken --for 600\n"
    "  resilience features rollout offers 25 --reason 'a try'\n",
)
@asks_app
@click.pass_context
def features(context: click.Context, url: str | None, token: str | None, as_json: bool) -> None:
    """List features and what is left of them; or order one of them."""
    if context.invoked_subcommand is None:
        list_features(url, token, as_json=as_json)


@features.command(epilog="\b\nExample:\n  resilience features enable offers --reason mended")
@click.argument("name")
@orders_app
@lasting
def enable(name: str, lasts: float | None, **given: Any) -> None:
    """Switch a feature on."""
    give(**given, action="feature.enable", name=name, lasts=lasts)


@features.command(
    epilog="\b\nExample:\n  resilience features disable offers --reason broken --for 600"
)
@click.argument("name")
@orders_app
@lasting
def disable(name: str, lasts: float | None, **given: Any) -> None:
    """Switch a feature off."""
    give(**given, action="feature.disable", name=name, lasts=lasts)


@features.command(epilog="\b\nExample:\n  resilience features rollout offers 25 --reason 'a try'")
@click.argument("name")
@click.argument("percent", type=click.FloatRange(0, 100))
@orders_app
@lasting
def rollout(name: str, percent: float, lasts: float | None, **given: Any) -> None:
    """Give a feature to a share of its users."""
    give(**given, action="feature.rollout", name=name, percent=percent, lasts=lasts)


@features.command(
    "release", epilog="\b\nExample:\n  resilience features release offers --reason mended"
)
@click.argument("name")
@orders_app
def release_feature(name: str, **given: Any) -> None:
    """End all orders on a feature, a kill included."""
    give(**given, action="feature.release", name=name)


@click.command(epilog="\b\nExample:\n  resilience kill recommendations --reason 'leaks names'")
@click.argument("name")
@orders_app
def kill(name: str, **given: Any) -> None:
    """Switch a feature off, whatever else is said, until `features release`."""
    give(**given, action="feature.kill", name=name)


@click.command(
    epilog="\b\nExamples:\n  resilience heal\n  resilience heal postgres --reason 'failed over'\n"
)
@click.argument("component", required=False)
@asks_app
@click.option("--reason", help="Why, in 1 to 200 characters; needed to recover something.")
def heal(component: str | None, reason: str | None, as_json: bool, **where: Any) -> None:
    """List recoveries; or recover a component now, whatever cool-downs and limits say."""
    if component is None:
        list_recoveries(**where, as_json=as_json)
    elif not reason:
        raise click.UsageError("--reason is needed to recover something")
    else:
        give(**where, as_json=as_json, action="healer.recover", name=component, reason=reason)
