"""The command line: `resilience`, and the same under `flask` and `manage.py`."""

from __future__ import annotations

from copy import copy
from functools import cache

import click

_EXAMPLES = """\
\b
Examples:
  resilience demo                       a shop before, during and after an outage
  resilience demo --baseline            the same without resilience, side by side
  resilience doctor shop:create_app()   what is built so that it will not hold
  resilience status --url https://shop.example
  resilience force payments open --reason 'the bank is down' --for 900

\b
Leaves with 0 when all went well, 1 when it could not be done, 2 when it was called wrongly, and
3 when it was done and something is not well. RESILIENCE_URL and RESILIENCE_TOKEN say which running
app is asked.
"""


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="resilience-web", prog_name="resilience")
def root() -> None:
    """Keep Python web apps up while the things they call go down."""


@cache
def assembled() -> click.Group:
    """Return the root with all commands."""
    from resilience.commands import chaos, completion, doctor, explain, fleet, orders, state, watch
    from resilience.commands.journal import journal
    from resilience.commands.report import report
    from resilience.commands.tune import tune
    from resilience.demo.command import demo

    for command in (
        state.status, watch.watch, state.circuits, state.health, state.events,
        orders.force, orders.release, orders.reset, orders.level, orders.features, orders.kill,
        orders.heal, chaos.chaos, fleet.fleet, journal, report, tune, explain.explain,
        doctor.doctor, demo, completion.completion,
    ):  # fmt: skip
        root.add_command(command)
    for name, command in (("list", state.circuits), ("prune", journal.commands["prune"])):
        other = copy(command)
        other.hidden = True  # as Django's other commands call them
        root.add_command(other, name)
    return root
