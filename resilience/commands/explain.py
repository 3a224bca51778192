"""`resilience explain`: the layers of a guarded function, and where each number came from."""

from __future__ import annotations

import contextlib
import io

import click

from resilience.commands.loading import loaded
from resilience.commands.showing import as_json as print_json
from resilience.core.guard import explain as explained
from resilience.core.guard import guard_of
from resilience.errors import ConfigurationError


@click.command(
    epilog="\b\nExamples:\n  resilience explain shop.calls:pay\n"
    "  resilience explain shop/calls.py:Client.send --json\n"
)
@click.argument("function", metavar="MODULE:FUNCTION")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def explain(function: str, as_json: bool) -> None:
    """Print the guard of a function: its layers in their order, with the numbers in force.

    The module is imported, so what it does on import happens here. Settings that the app reads
    at its start are in force only if importing the module reads them.
    """
    target = loaded(function)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            text = explained(target)
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from None
    if not as_json:
        click.echo(text)
        return
    guard = guard_of(target)
    assert guard is not None
    layers = []
    for layer in guard.layers:
        head, *numbers = layer.describe()
        layers.append({"role": layer.role, "says": head, "numbers": numbers})
    print_json({"function": guard.name, "kind": guard.kind.value, "layers": layers})
