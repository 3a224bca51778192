"""Run the service: `python -m flaky_upstream --port 0`."""

import argparse
import signal
import sys
from typing import NoReturn

from flaky_upstream.server import Upstream


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say it in one line."""
        self.exit(2, f"{self.prog}: {message}\n")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 0 (any free one) to 65535")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Serve until a SIGINT or SIGTERM; return the exit status."""
    parser = _Parser(prog="flaky_upstream", description=sys.modules["flaky_upstream"].__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="port; 0 takes a free one")
    given = parser.parse_args(arguments)
    # Also SIGINT: it is ignored in what a shell starts in the background.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        upstream = Upstream(given.host, given.port)
    except OSError as error:
        parser.error(f"cannot listen on {given.host}:{given.port}: {error.strerror}")
    return _serve(upstream)


def _serve(upstream: Upstream) -> int:
    try:
        print(f"listening on {upstream.address}", flush=True)
        upstream.serve_forever(poll_interval=0.1)
    except KeyboardInterrupt:
        return 0
    finally:
        upstream.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
