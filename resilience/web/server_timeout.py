"""After how many seconds the server ends a request: gunicorn's, as it is or as it will be told."""

from __future__ import annotations

import argparse
import ast
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resilience.healing import servers

GUNICORN = 30.0
"""What gunicorn takes where it is told nothing, in seconds."""

CONFIG = "gunicorn.conf.py"
_SIGNALS = ("SIGUSR1", "SIGABRT", "SIGTERM")  # those whose handlers an app hardly replaces first


@dataclass(frozen=True, slots=True)
class ServerTimeout:
    """A server's timeout.

    Args:
        seconds: after which it ends a request; None: never, or nobody knows.
        unknown: why nobody knows; "": it is known.
    """

    seconds: float | None = None
    unknown: str = ""


UNLIMITED = ServerTimeout()


def server_timeout() -> ServerTimeout:
    """Return that of the server that this process works for, or of one that is started here."""
    worker = _gunicorn_worker()
    if worker is not None:
        return ServerTimeout(float(worker.cfg.timeout) or None)  # 0: it never ends one
    if servers.server() == "uvicorn" or _is("uvicorn", sys.argv):
        return UNLIMITED
    return told(sys.argv, os.environ, Path.cwd())


def told(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> ServerTimeout:
    """Return what gunicorn is told: by its command line, its variable, or its file of settings.

    Args:
        argv: this process's command line.
        environ: its variables.
        folder: where gunicorn is started.
    """
    serves = _is("gunicorn", argv)
    try:
        words = [*shlex.split(environ.get("GUNICORN_CMD_ARGS", "")), *(argv[1:] if serves else ())]
        given = _options().parse_known_args(words)[0]
    except (ValueError, argparse.ArgumentError) as error:
        return ServerTimeout(unknown=f"gunicorn's options cannot be read: {error}")
    if given.timeout is not None:
        return ServerTimeout(given.timeout or None)
    file = folder / (given.config or CONFIG).removeprefix("file:")
    if given.config or file.is_file():
        return _in_file(file)
    if serves:
        return ServerTimeout(GUNICORN)
    return ServerTimeout(unknown=f"gunicorn does not serve this process, and has no {CONFIG} here")


def _gunicorn_worker() -> Any:
    """Return the gunicorn worker that this process is; None: it is none.

    Nothing but its signal handlers leads to it.
    """
    if "gunicorn.arbiter" not in sys.modules:
        return None
    for name in _SIGNALS:
        handler = signal.getsignal(getattr(signal, name))
        owner = getattr(handler, "__self__", None)
        if isinstance(getattr(getattr(owner, "cfg", None), "timeout", None), int | float):
            return owner
    return None


def _is(server: str, argv: Sequence[str]) -> bool:
    """Tell whether a command line is a server's; `python -m` gives it as `…/server/__main__.py`."""
    program = Path(*argv[:1])
    return server in (program.parent.name if program.name == "__main__.py" else program.name)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-t", "--timeout", type=float)
    parser.add_argument("-c", "--config")
    return parser


def _in_file(file: Path) -> ServerTimeout:
    """Return what a file of gunicorn's settings says, without running it."""
    try:
        statements = ast.parse(file.read_bytes()).body
    except (OSError, ValueError, SyntaxError):
        return ServerTimeout(unknown=f"{file.name} cannot be read")
    seconds: float | None = GUNICORN
    for each in statements:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if _sets_timeout(each):
            seconds = _literal(each)
    if seconds is None:
        return ServerTimeout(unknown=f"{file.name} works its timeout out when it runs")
    return ServerTimeout(seconds or None)


def _sets_timeout(statement: ast.stmt) -> bool:
    for each in ast.walk(statement):
        if isinstance(each, ast.Name) and each.id == "timeout" and isinstance(each.ctx, ast.Store):
            return True
        if isinstance(each, ast.alias) and (each.asname or each.name) in ("timeout", "*"):
            return True
    return False


def _literal(statement: ast.stmt) -> float | None:
    """Return the number of `timeout = number`; None: it is another statement."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return None
    value = statement.value
    found = value.value if isinstance(value, ast.Constant) else None
    return float(found) if isinstance(found, int | float) else None
