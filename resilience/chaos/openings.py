"""Where a guarded call can be reached from within, without a price while nobody does.

A guard is closures around the function that its author wrote; the innermost one keeps that
function in a cell. For an experiment another function is put into the cell, and afterwards the
first one again: in between calls run exactly the code that they would run without chaos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CellType, FunctionType
from typing import Any

Call = Callable[..., Any]


def openings(run: Call, call: Call) -> list[CellType]:
    """Return the cells in which the closures of `run` hold `call`."""
    return list(_found(run, call, set()))


def _found(run: Any, call: Call, seen: set[int]) -> Iterator[CellType]:
    for cell in getattr(run, "__closure__", None) or ():
        try:
            content = cell.cell_contents
        except ValueError:  # not filled yet
            continue
        if content is call:
            yield cell
        elif isinstance(content, FunctionType) and id(content) not in seen:
            seen.add(id(content))
            yield from _found(content, call, seen)
