"""Gunicorn's timeout is found wherever it is told; its file of settings is never run."""

from pathlib import Path

import pytest

from resilience.web import server_timeout


@pytest.mark.parametrize(
    ("argv", "environ", "expected"),
    [
        (["/venv/bin/gunicorn", "shop:app"], {}, 30),
        (["/lib/gunicorn/__main__.py", "shop:app"], {}, 30),
        (["gunicorn", "-t", "12", "shop:app"], {}, 12),
        (["gunicorn", "-t12"], {}, 12),
        (["gunicorn", "--timeout=7"], {"GUNICORN_CMD_ARGS": "--timeout 90"}, 7),
        (["gunicorn"], {"GUNICORN_CMD_ARGS": "--timeout 90 -w 4"}, 90),
        (["gunicorn", "--timeout", "0"], {}, None),
        (["gunicorn", "--timeout", "soon"], {}, "cannot be read"),
        (["gunicorn"], {"GUNICORN_CMD_ARGS": "'"}, "cannot be read"),
        (["gunicorn", "-c", "nowhere.py"], {}, "nowhere.py cannot be read"),
        (["gunicorn", "-c", "python:shop.conf"], {}, "cannot be read"),
        (["resilience", "doctor", "-t", "5"], {}, "does not serve this process"),
        ([], {}, "does not serve this process"),
    ],
)
def test_gunicorns_timeout_is_found(
    tmp_path: Path, argv: list[str], environ: dict[str, str], expected: float | str | None
) -> None:
    """On its command line, and in the variable for more of it."""
    found = server_timeout.told(argv, environ, tmp_path)

    if isinstance(expected, str):
        assert (found.seconds, expected in found.unknown) == (None, True), found
    else:
        assert (found.seconds, found.unknown) == (expected, "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timeout = 9", 9),
        ("timeout = 9\ntimeout: float = 7.5", 7.5),
        ("timeout = 0", None),
        ("workers = 3\ndef post_fork(server, worker):\n    timeout = 5", 30),
        ("import os\ntimeout = int(os.environ['T'])", "works its timeout out"),
        ("timeout = 5\nif True:\n    timeout = 6", "works its timeout out"),
        ("from common import *", "works its timeout out"),
        ("timeout = ", "cannot be read"),
    ],
)
def test_gunicorns_file_is_read_and_not_run(
    tmp_path: Path, text: str, expected: float | str | None
) -> None:
    """The usual one, or the one that it is told; its options come before it."""
    (tmp_path / "gunicorn.conf.py").write_text(text)
    (tmp_path / "other.py").write_text(text)

    for argv in ([], ["gunicorn"], ["gunicorn", "-c", "./other.py"]):
        found = server_timeout.told(argv, {}, tmp_path)
        if isinstance(expected, str):
            assert (found.seconds, expected in found.unknown) == (None, True), found
        else:
            assert (found.seconds, found.unknown) == (expected, "")
    assert server_timeout.told(["gunicorn", "-t", "3"], {}, tmp_path).seconds == 3
