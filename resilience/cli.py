"""The command line's root: `resilience --help`, `--version`; `__main__` adds the commands."""

from __future__ import annotations

import click

_EXAMPLES = """\
\b
Examples:
  resilience demo              a shop before, during and after an outage
  resilience demo --baseline   the same without resilience, side by side
  resilience demo --help       all its options
"""


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="resilience-web", prog_name="resilience")
def root() -> None:
    """Keep Python web apps up while the things they call go down."""
