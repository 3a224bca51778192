"""What a checkpoint keeps, also when disks and states go bad."""

import asyncio
import logging
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from resilience import ConfigurationError
from resilience.strategies.checkpoints import Checkpoint, FileCheckpoint, MemoryCheckpoint


@pytest.fixture(params=["memory", "file"])
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Checkpoint:
    """Give one of each kind."""
    if request.param == "memory":
        return MemoryCheckpoint()
    return FileCheckpoint(tmp_path / "prices.json")


def values(checkpoint: Checkpoint) -> list[Any]:
    """Return what can be put back."""
    return [saved.value for saved in checkpoint.candidates()]


def test_it_keeps_the_last_state_and_the_one_before(checkpoint: Checkpoint) -> None:
    """Newest first; the older one is marked stale."""
    for price in (1, 2, 3):
        checkpoint.save({"tea": price})

    assert values(checkpoint) == [{"tea": 3}, {"tea": 2}]
    assert [saved.stale for saved in checkpoint.candidates()] == [False, True]


def test_without_a_state_there_is_nothing_to_put_back(checkpoint: Checkpoint) -> None:
    """Before the first `save` it is empty."""
    assert values(checkpoint) == []


def test_what_is_done_to_a_state_later_does_not_reach_it(checkpoint: Checkpoint) -> None:
    """Neither through what was saved, nor through what was loaded."""
    prices = {"tea": 1}
    checkpoint.save(prices)

    prices["tea"] = 2
    next(checkpoint.candidates()).value["tea"] = 3

    assert values(checkpoint) == [{"tea": 1}]


def test_another_process_finds_it(tmp_path: Path) -> None:
    """What one object has saved, another one of the same path loads."""
    FileCheckpoint(tmp_path / "prices.json").save(["é", 1.5, None])

    saved = FileCheckpoint(tmp_path / "prices.json").load()

    assert saved is not None
    assert saved.value == ["é", 1.5, None]


@pytest.mark.parametrize("position", [0, 30, 100, -1])
def test_a_damaged_byte_makes_it_load_the_previous(
    tmp_path: Path, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever it is: in the header, in the checksum, in the date or in the state."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json")
    checkpoint.save({"tea": 1})
    checkpoint.save({"tea": 2})
    content = bytearray(checkpoint.path.read_bytes())
    content[position] ^= 1
    checkpoint.path.write_bytes(content)

    saved = checkpoint.load()

    assert saved is not None
    assert (saved.value, saved.stale) == ({"tea": 1}, True)
    assert "is damaged: its checksum does not match" in caplog.text


def test_a_file_that_ends_too_early_is_damaged(tmp_path: Path) -> None:
    """As a full disk or a crash of the machine leaves it."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json")
    checkpoint.save({"tea": 1})
    whole = checkpoint.path.read_bytes()

    for length in range(len(whole)):
        checkpoint.path.write_bytes(whole[:length])
        assert checkpoint.load() is None, length


def test_a_damaged_state_never_becomes_the_previous(tmp_path: Path) -> None:
    """The good one before it is kept instead."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json")
    checkpoint.save(1)
    checkpoint.save(2)
    checkpoint.path.write_bytes(b"rubbish")

    checkpoint.save(3)

    assert values(checkpoint) == [3, 1]


def test_a_state_of_another_shape_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`valid` knows what this version of the app expects; an error in it is a no."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json", valid=lambda prices: prices["tea"] > 0)
    checkpoint.save({"tea": 1})
    checkpoint.save({"tea": 0})
    assert values(checkpoint) == [{"tea": 1}]

    checkpoint.save([])

    assert values(checkpoint) == []
    assert "is not of the shape that is expected" in caplog.text


@pytest.mark.parametrize("fails_at", ["fsync", "rename", "dumps"])
def test_what_fails_while_saving_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: str
) -> None:
    """Whole states and nothing else: neither a torn one nor a temporary file."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json")
    checkpoint.save(1)
    checkpoint.save(2)

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        if fails_at == "fsync":
            patch.setattr(os, "fsync", fail)
        elif fails_at == "rename":
            patch.setattr(Path, "replace", fail)
        with pytest.raises(TypeError if fails_at == "dumps" else OSError):
            checkpoint.save({1, 2} if fails_at == "dumps" else 3)

    assert values(checkpoint) == [2, 1]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"prices.json", "prices.json.previous"}


def test_it_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flushed first and renamed then, so that a crash leaves one or the other."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json")
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(handle: int) -> None:
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    def renamed(path: Path, target: Path) -> Path:
        order.append(f"rename to {target.name}")
        return replace(path, target)

    checkpoint.save(1)
    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    checkpoint.save(2)

    assert order == [
        "file",
        "rename to prices.json.previous",
        "rename to prices.json",
        "folder",
    ]


def test_it_works_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems have none: the previous state is then a copy."""

    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    checkpoint = FileCheckpoint(tmp_path / "prices.json")

    checkpoint.save(1)
    checkpoint.save(2)

    assert values(checkpoint) == [2, 1]


def test_who_may_read_it_stays_as_it_was(tmp_path: Path) -> None:
    """A new one is for its owner alone; what an operator changed about that is kept."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json")
    checkpoint.save(1)
    assert stat.S_IMODE(checkpoint.path.stat().st_mode) == 0o600

    checkpoint.path.chmod(0o640)
    checkpoint.save(2)

    assert stat.S_IMODE(checkpoint.path.stat().st_mode) == 0o640


def test_a_file_that_cannot_be_read_is_no_state(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is passed over, and said."""
    checkpoint = FileCheckpoint(tmp_path / "prices.json")
    checkpoint.path.mkdir()

    with caplog.at_level(logging.WARNING):
        assert checkpoint.load() is None

    assert "cannot be read" in caplog.text


def test_it_takes_other_forms_than_json(tmp_path: Path) -> None:
    """`dumps` and `loads` turn states into bytes and back."""
    checkpoint = FileCheckpoint(tmp_path / "raw", dumps=lambda value: value, loads=bytes)
    checkpoint.save(b"\x00\n\xff")

    assert values(checkpoint) == [b"\x00\n\xff"]


def test_a_place_that_cannot_be_is_refused_at_once(tmp_path: Path) -> None:
    """Not when the first state is to be saved."""
    nothing: Any = None
    awaited: Any = asyncio.sleep
    with pytest.raises(ConfigurationError, match=r"valid=.*give a plain function"):
        FileCheckpoint(tmp_path / "prices.json", valid=awaited)
    with pytest.raises(ConfigurationError, match="path=None: give the path of a file"):
        FileCheckpoint(nothing)
    with pytest.raises(ConfigurationError, match="there is no such folder"):
        FileCheckpoint(tmp_path / "missing" / "prices.json")
    with pytest.raises(ConfigurationError, match="give a file, not a folder"):
        FileCheckpoint(tmp_path)
    with pytest.raises(ConfigurationError, match="checkpoint: loads=3: give a function"):
        FileCheckpoint(tmp_path / "prices.json", loads=3)  # type: ignore[arg-type]
