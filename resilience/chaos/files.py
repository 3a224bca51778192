"""Experiments from files: TOML or YAML, one experiment or a list named `experiments`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from resilience.chaos.experiments import Experiment
from resilience.errors import ConfigurationError

_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*experiments[ \t]*\]\]", re.MULTILINE)


class Place(NamedTuple):
    """Where something is in a file; both from 1."""

    line: int
    column: int


def load(path: str | Path) -> list[Experiment]:
    """Return the experiments of a `.toml`, `.yaml` or `.yml` file.

    Raises:
        ConfigurationError: it cannot be read, or does not describe experiments; says where, by
            line and column.
    """
    return [Experiment.of(each) for each in described(path)]


def described(path: str | Path) -> list[dict[str, Any]]:
    """Return the same as the tables that describe them, each of which has been tried.

    Raises:
        ConfigurationError: as `load` does.
    """
    file = Path(path)
    read = _READERS.get(file.suffix.lower())
    if read is None:
        raise ConfigurationError(f"{file}: give a .toml, .yaml or .yml file")
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: is not UTF-8: {error}") from None
    tree, places = read(str(file), text)
    return _tables(str(file), tree, places)


def _tables(file: str, tree: Any, places: list[Place]) -> list[dict[str, Any]]:
    tables: Any = tree.get("experiments") if isinstance(tree, Mapping) else tree
    if isinstance(tree, Mapping) and tables is None:
        tables = [tree]
    elif isinstance(tree, Mapping) and len(tree) > 1:
        more = next(name for name in tree if name != "experiments")
        raise ConfigurationError(f"{file}:1:1: unknown {more!r} beside experiments")
    if not isinstance(tables, list) or not tables:
        raise ConfigurationError(f"{file}:1:1: give an experiment, or a list named experiments")
    for number, table in enumerate(tables):
        place = places[number] if number < len(places) else Place(1, 1)
        try:
            Experiment.of(table)
        except ConfigurationError as error:
            raise ConfigurationError(f"{file}:{place.line}:{place.column}: {error}") from None
    return list(tables)


def _toml(file: str, text: str) -> tuple[Any, list[Place]]:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = Place(int(found[1]), int(found[2])) if found else _end_of(text)
        said = re.sub(r" \(at .*\)$", "", str(error))
        raise ConfigurationError(f"{file}:{place.line}:{place.column}: {said}") from None
    starts = [each.start() for each in _TABLE.finditer(text)]
    return tree, [Place(text.count("\n", 0, start) + 1, 1) for start in starts]


def _end_of(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


def _yaml(file: str, text: str) -> tuple[Any, list[Place]]:
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise ConfigurationError(
            f"{file}: YAML needs PyYAML: pip install 'resilience-web[chaos]'"
        ) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return yaml.safe_load(text), _places(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = _end_of(text) if mark is None else Place(mark.line + 1, mark.column + 1)
        said = getattr(error, "problem", None) or str(error)
        raise ConfigurationError(f"{file}:{place.line}:{place.column}: {said}") from None


def _places(node: Any) -> list[Place]:
    """Return where each experiment begins, in the tree that YAML gives with positions."""
    if node is None:
        return []
    items = node.value if isinstance(node.value, list) else []
    if items and isinstance(items[0], tuple):  # a table: one experiment, or the list's
        inside = [value for key, value in items if key.value == "experiments"]
        items = inside[0].value if inside and isinstance(inside[0].value, list) else [node]
    marks = [each.start_mark for each in items if not isinstance(each, tuple)]
    return [Place(mark.line + 1, mark.column + 1) for mark in marks]


_READERS: dict[str, Callable[[str, str], tuple[Any, list[Place]]]] = {
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
}
