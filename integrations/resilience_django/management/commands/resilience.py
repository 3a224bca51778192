"""`manage.py resilience`: what the workers of a running server hold, and orders to them."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from resilience.web.admin.remote import Remote, RemoteError

URL, TOKEN = "RESILIENCE_URL", "RESILIENCE_TOKEN"
FAILING = 2
"""What `health` leaves with while the health is "fail"."""

TABLES: Mapping[str, tuple[str, Sequence[str], str]] = {
    "list": (
        "circuits",
        ("name", "state", "calls", "failures", "rejected", "retry_after", "last_error"),
        "circuits, worst first",
    ),
    "health": (
        "components",
        ("name", "status", "score", "trend", "criticality"),
        "health by component; leaves with 2 where it is failing",
    ),
    "features": (
        "features",
        ("name", "enabled", "capability", "rollout", "reason"),
        "features, and what is left of them",
    ),
    "events": ("events", ("at", "type", "component"), "what happened of late, newest first"),
}
"""`{subcommand: (what of the state, which columns, help)}`"""

STATES = ("open", "closed")
LEVELS = ("normal", "reduced", "minimal", "emergency")
ORDERS: Mapping[str, tuple[str, str]] = {
    "force": ("circuit.force_{state}", "reject all calls of a circuit, or admit all"),
    "shadow": ("circuit.shadow", "let a circuit record, but reject nothing"),
    "release": ("circuit.release", "end an order on a circuit"),
    "reset": ("circuit.reset", "close a circuit, and forget its counts"),
    "level": ("level.degrade", "set the level of service"),
    "recover": ("level.recover", "let rules set the level of service again"),
    "enable": ("feature.enable", "switch a feature on"),
    "disable": ("feature.disable", "switch a feature off"),
    "kill": ("feature.kill", "switch a feature off, whatever else is said"),
    "rollout": ("feature.rollout", "give a feature to a share of users"),
    "release-feature": ("feature.release", "end all orders on a feature"),
}
"""`{subcommand: (action, help)}`"""

TIMED = ("force", "shadow", "level", "enable", "disable", "rollout")
UNNAMED = ("level", "recover")

_ALONE = (
    "What circuits and features are at is in the memory of the server's workers, which no other "
    f"process can reach. Give the address of a running one by --url or {URL}, and a token that its "
    f"`authorize` knows by {TOKEN}."
)


class Command(BaseCommand):
    """Asks a running server, and orders it; starts nothing in this process."""

    help = "Ask a running server how its circuits, components and features are, and order them."
    requires_system_checks: Sequence[str] = ()  # during an incident they may well fail

    def add_arguments(self, parser: Any) -> None:
        """Take a subcommand; each has the options that say which server."""
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        for name, (_, _, about) in TABLES.items():
            _add_server(subcommands.add_parser(name, help=about))
        for name, (_, about) in ORDERS.items():
            _add_order(name, subcommands.add_parser(name, help=about))

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what a subcommand says.

        Raises:
            CommandError: no server was given, it did not answer, or it refused.
        """
        if not options["url"]:
            raise CommandError(_ALONE)
        try:
            remote = Remote(options["url"], options["token"] or "")
            if options["subcommand"] in ORDERS:
                self._order(remote, options)
            else:
                self._show(remote.state(), options)
        except RemoteError as error:
            raise CommandError(str(error)) from None

    def _order(self, remote: Remote, options: Mapping[str, Any]) -> None:
        action = ORDERS[options["subcommand"]][0].format_map(options)
        fields = ("name", "reason", "for", "level", "percent")
        given = {field: options[field] for field in fields if options.get(field) is not None}
        done = remote.order({"action": action, **given})
        if options["json"]:
            self.stdout.write(json.dumps(done))
        else:
            about = done.get("name") or done.get("level") or ""
            self.stdout.write(f"{done['action']} {about}: done, by {done['actor']}")

    def _show(self, state: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        key, columns, _ = TABLES[options["subcommand"]]
        health, level = state["health"], state["level"]
        if options["json"]:
            told = {"worker": state["worker"], "health": health, "level": level, key: state[key]}
            self.stdout.write(json.dumps(told))
        else:
            said = f"health {health['status']} ({health['score']:.0f} of 100)"
            self.stdout.write(f"worker {state['worker']}: {said}, level {level['level']}")
            for line in _table(columns, state[key]):
                self.stdout.write(line)
        if options["subcommand"] == "health" and health["status"] == "fail":
            raise CommandError("health is failing", returncode=FAILING)


def _add_server(parser: ArgumentParser) -> None:
    url, token = os.environ.get(URL), os.environ.get(TOKEN)
    parser.add_argument("--url", default=url, help=f"address of the app; or {URL}")
    parser.add_argument("--token", default=token, help=f"bearer token; better as {TOKEN}")
    parser.add_argument("--json", action="store_true", help="for programs")


def _add_order(name: str, parser: ArgumentParser) -> None:
    if name not in UNNAMED:
        parser.add_argument("name", help="which one")
    if name == "force":
        parser.add_argument("state", choices=STATES)
    if name == "level":
        parser.add_argument("level", choices=LEVELS)
    if name == "rollout":
        parser.add_argument("percent", type=float, help="0 to 100")
    parser.add_argument("--reason", required=True, help="why, 1 to 200 characters")
    if name in TIMED:
        parser.add_argument("--for", type=float, help="seconds after which it ends")
    _add_server(parser)


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return lines with aligned columns."""
    shown = [[each.replace("_", " ") for each in columns]]
    shown += [[_cell(row[column]) for column in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in shown]


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
