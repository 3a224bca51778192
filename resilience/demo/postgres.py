"""A PostgreSQL of one's own: where its programs are, and whom they run as."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

USER = "resilience"
"""The superuser of a cluster made here, who needs no password."""

# Debian keeps the programs of each version apart, and out of PATH.
_DEBIAN = Path("/usr/lib/postgresql")

# Nothing outlives the process that wants it: no write has to be safe from a power cut.
_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60",
             "shared_buffers=16MB")  # fmt: skip


def program(name: str) -> str | None:
    """Return the path of one of PostgreSQL's programs, of its newest version; None: not there."""
    versions = [each for each in _DEBIAN.glob("*/bin") if os.access(each / name, os.X_OK)]
    if versions:
        return str(max(versions, key=lambda each: _number(each.parent.name)) / name)
    return shutil.which(name)


def is_installed() -> bool:
    """Tell whether a server can be started here."""
    return all(program(name) is not None for name in ("initdb", "postgres"))


def account() -> str | None:
    """Return the user that PostgreSQL runs as, which refuses to be root's; None: ourselves."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {each.pw_name for each in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def making(folder: Path) -> Sequence[str]:
    """Return the command that makes a cluster in a folder that is not there yet."""
    options = ("--auth=trust", f"--username={USER}", "--no-sync", "--locale=C", "-E", "UTF8")
    return [_there("initdb"), "-D", str(folder), *options]


def serving(folder: Path, *settings: str) -> Sequence[str]:
    """Return the command that serves a cluster.

    Args:
        folder: where `making` has made it.
        settings: further ones, such as "port=5433".
    """
    chosen = [each for setting in (*_SETTINGS, *settings) for each in ("-c", setting)]
    return [_there("postgres"), "-D", str(folder), *chosen]


def _there(name: str) -> str:
    found = program(name)
    if found is None:
        raise FileNotFoundError(f"{name} of PostgreSQL is not installed")
    return found


def _number(version: str) -> float:
    return float(version) if re.fullmatch(r"\d+(\.\d+)?", version) else 0.0
