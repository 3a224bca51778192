"""`python -m resilience`, and the `resilience` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; say what to install where click is missing."""
    try:
        import click  # noqa: F401 - only to know whether it is there
    except ImportError:
        extra = "demo" if "demo" in sys.argv[1:] else "cli"
        print(f"resilience needs click: pip install 'resilience-web[{extra}]'", file=sys.stderr)
        sys.exit(2)
    from resilience.cli import assembled

    assembled()(prog_name="resilience")


if __name__ == "__main__":
    main()
