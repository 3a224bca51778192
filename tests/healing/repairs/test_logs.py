"""Log files that somebody moves away."""

import logging
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler, WatchedFileHandler
from pathlib import Path

import pytest

from resilience import System
from resilience.healing.actions import Outcome
from resilience.healing.repairs import ReopenLogs
from resilience.testing import ManualClock

NAME = "tests.healing.reopened"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """Give a logger of this test's own, whose handlers are closed afterwards."""
    made = logging.getLogger(NAME)
    made.propagate = False
    yield made
    for each in list(made.handlers):
        made.removeHandler(each)
        each.close()


@pytest.mark.parametrize("kind", [logging.FileHandler, RotatingFileHandler])
def test_the_next_line_is_in_the_new_file(
    tmp_path: Path, logger: logging.Logger, kind: type[logging.FileHandler], clock: ManualClock
) -> None:
    """After logrotate renamed it: what was written stays in the old one."""
    path = tmp_path / "app.log"
    logger.addHandler(kind(path))
    action = ReopenLogs(clock=clock)
    logger.error("before")
    assert action.due() is None

    path.rename(tmp_path / "app.log.1")
    logger.error("lost to the old file")
    assert action.due() == "1 log files were moved"
    record = action.run()
    logger.error("after")

    assert (record.before, record.after, record.outcome) == (1, 0, Outcome.VERIFIED)
    assert path.read_text() == "after\n"
    assert (tmp_path / "app.log.1").read_text() == "before\nlost to the old file\n"


def test_a_new_file_of_the_same_name_is_another_file(
    tmp_path: Path, logger: logging.Logger, clock: ManualClock
) -> None:
    """Logrotate's `create`: the name is there, the file is not ours."""
    path = tmp_path / "app.log"
    logger.addHandler(logging.FileHandler(path))
    logger.error("before")
    path.rename(tmp_path / "app.log.1")
    path.touch()

    ReopenLogs(clock=clock).look()
    logger.error("after")

    assert path.read_text() == "after\n"


def test_it_is_watched_in_the_background(
    tmp_path: Path, logger: logging.Logger, system: System, clock: ManualClock
) -> None:
    """Every five seconds, and nothing is recorded while nothing is moved."""
    path = tmp_path / "app.log"
    logger.addHandler(logging.FileHandler(path))
    action = system.healer.watch(ReopenLogs())
    system.tick()
    path.unlink()

    clock.advance(6)
    system.tick()
    logger.error("after")

    assert [each.outcome for each in action.history()] == [Outcome.VERIFIED]
    assert path.read_text() == "after\n"


def test_others_are_left_alone(tmp_path: Path, logger: logging.Logger, clock: ManualClock) -> None:
    """One that does it by itself, one that has not begun, and one that writes to no file."""
    watched = WatchedFileHandler(tmp_path / "watched.log")
    delayed = logging.FileHandler(tmp_path / "delayed.log", delay=True)
    for each in (watched, delayed, logging.StreamHandler()):
        logger.addHandler(each)
    (tmp_path / "watched.log").unlink()

    assert ReopenLogs(clock=clock).due() is None


def test_where_it_cannot_be_opened_the_old_one_goes_on(
    tmp_path: Path, logger: logging.Logger, clock: ManualClock
) -> None:
    """The folder is gone; the record says what was in the way, and no line raises."""
    folder = tmp_path / "logs"
    folder.mkdir()
    handler = logging.FileHandler(folder / "app.log")
    logger.addHandler(handler)
    folder.rename(tmp_path / "elsewhere")

    record = ReopenLogs(handlers=[handler], clock=clock).run()
    logger.error("goes on")

    assert record.outcome is Outcome.FAILED
    assert "FileNotFoundError" in record.detail
    assert (tmp_path / "elsewhere" / "app.log").read_text() == "goes on\n"
