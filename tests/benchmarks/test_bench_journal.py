"""The journal's benchmark measures what it says, on small numbers."""

from pathlib import Path

from benchmarks import journal


def test_it_accepts_and_answers(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Each figure is of rows that are really there."""
    monkeypatch.setattr(journal, "CIRCUITS", 8)
    monkeypatch.setattr(journal, "DAYS", 2)

    assert journal.accepted(tmp_path, 2000) > 0
    assert journal.queued(tmp_path, 2000) > 0
    figures = journal.answered(tmp_path)

    assert len(figures) == 4
    assert all(seconds > 0 for name, seconds in figures.items() if "rows" not in name)
