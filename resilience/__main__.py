"""`python -m resilience`, and the `resilience` command."""

from __future__ import annotations

import sys
from importlib import import_module

NEEDED = ("click", "rich")
"""What every command needs; the extra `cli` has it, and so has `demo`."""


def main() -> None:
    """Run the command line; say what to install where what it needs is missing."""
    for name in NEEDED:
        try:
            import_module(name)
        except ImportError:
            extra = "demo" if "demo" in sys.argv[1:] else "cli"
            print(
                f"resilience needs {name}: pip install 'resilience-web[{extra}]'", file=sys.stderr
            )
            sys.exit(2)
    from resilience.cli import assembled

    assembled()(prog_name="resilience")


if __name__ == "__main__":
    main()
