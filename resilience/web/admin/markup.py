"""HTML and SVG as nested calls: whatever is put in is escaped, so that nothing can break out."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

VOID = frozenset({"meta", "link", "input", "br", "hr"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = Markup | str | int | float | None | Iterable["Content"]


def element(tag: str, *content: Content, **attributes: object) -> Markup:
    """Return an element.

    Args:
        tag: its name.
        content: what is inside: `Markup` as it is, anything else escaped, None left out.
        attributes: `class_` for `class`, `_` for `-`; True for one without a value, None or False
            for one that is left out.
    """
    inside = "" if tag in VOID else f"{joined(*content)}</{tag}>"
    return Markup(f"<{tag}{_attributes(attributes)}>{inside}")


def joined(*content: Content) -> Markup:
    """Return several pieces, one after the other."""
    return Markup("".join(_text(each) for each in content))


def _text(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Markup):
        return content
    if isinstance(content, str | int | float):
        return escape(str(content))
    return joined(*content)


def _attributes(attributes: dict[str, object]) -> str:
    shown = []
    for name, value in attributes.items():
        spelled = name.rstrip("_").replace("_", "-")
        if value is True:
            shown.append(f" {spelled}")
        elif value is not None and value is not False:
            shown.append(f' {spelled}="{escape(str(value))}"')
    return "".join(shown)
