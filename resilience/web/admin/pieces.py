"""The small pieces of the dashboard: badges, sparklines, times, buttons."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from resilience.web.admin.markup import Content, Markup, element, joined

# A word and a shape beside the colour: not everyone sees it.
_SIGNS = {
    "closed": ("good", "●"),
    "pass": ("good", "●"),
    "normal": ("good", "●"),
    "on": ("good", "●"),
    "half_open": ("warn", "◐"),
    "warn": ("warn", "▲"),
    "reduced": ("warn", "▲"),
    "partly": ("warn", "◐"),
    "disabled": ("warn", "◌"),
    "forced_closed": ("warn", "●"),
    "unknown": ("idle", "?"),
    "open": ("bad", "■"),
    "forced_open": ("bad", "■"),
    "fail": ("bad", "■"),
    "minimal": ("bad", "▼"),
    "emergency": ("bad", "▼"),
    "off": ("bad", "○"),
}
SECONDS, STEP, HEIGHT = 60, 2, 24
WIDTH = SECONDS * STEP

NONE = "\u2013"
"""What stands where there is nothing to say: a dash."""


def badge(word: str) -> Markup:
    """Return a state as a word, a shape and a colour."""
    kind, sign = _SIGNS.get(word, ("idle", "·"))
    sign_ = element("span", sign, aria_hidden="true")
    return element("span", sign_, " ", word.replace("_", " "), class_=f"badge {kind}")


def percent(share: float | None) -> str:
    """Return a share 0-1 as people read it."""
    return NONE if share is None else f"{share * 100:.0f} %"


def duration(seconds: float | None) -> str:
    """Return seconds as people read them."""
    if seconds is None:
        return NONE
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def moment(at: str | None) -> Markup | str:
    """Return an RFC 3339 time as its time of day, which scripts turn to the reader's own zone."""
    if at is None:
        return NONE
    return element("time", at[11:19], datetime=at, title=at)


@lru_cache(256)  # within a second nothing changes
def sparkline(seconds: tuple[tuple[int, int, int], ...]) -> Markup:
    """Return calls a second as bars, failures and rejections in them marked, as inline SVG.

    Args:
        seconds: calls, failures and rejected calls of each second, oldest first, at most 60.
    """
    highest = max((calls + rejected for calls, _, rejected in seconds), default=0)
    if not highest:
        return element("span", "no calls", class_="quiet")
    paths: dict[str, list[str]] = {"good": [], "bad": [], "refused": []}
    for index, second in enumerate(seconds, SECONDS - len(seconds)):
        _bar(index * STEP + STEP // 2, second, HEIGHT / highest, paths)
    total, failed, refused = (sum(column) for column in zip(*seconds, strict=True))
    said = f"last minute: {total} calls, {failed} failed, {refused} rejected"
    return element(
        "svg",
        element("title", said),
        [element("path", class_=kind, d="".join(bars)) for kind, bars in paths.items() if bars],
        class_="spark",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        width=WIDTH,
        height=HEIGHT,
        role="img",
        aria_label=said,
    )


def _bar(x: int, second: tuple[int, int, int], scale: float, paths: dict[str, list[str]]) -> None:
    """Stack the lines of one second: paths, as an element for each would be ten times as long."""
    calls, failed, refused = second
    top = float(HEIGHT)
    for count, kind in ((calls - failed, "good"), (failed, "bad"), (refused, "refused")):
        if count > 0:
            height = max(1.0, count * scale)
            paths[kind].append(f"M{x} {top:.4g}v-{height:.3g}")
            top -= height


def button(label: str, action: str, *, name: str = "", takes: str = "") -> Markup:
    """Return a button that asks for reason and end, and then orders an action.

    Args:
        label: what it says.
        action: one of `ACTIONS`.
        name: which circuit or feature.
        takes: the fields to ask for besides the reason, separated by spaces.
    """
    about = f"{label} {name}".strip()
    return element(
        "button",
        label,
        type="button",
        data_action=action,
        data_name=name or None,
        data_takes=takes or None,
        aria_label=about,
    )


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Content]]) -> Markup:
    """Return a table that screen readers can find their way in; cells carry their heading."""
    head = element("tr", [element("th", each, scope="col") for each in heads])
    body = [
        element(
            "tr",
            [
                element("th", cell, scope="row")
                if index == 0
                else element("td", cell, data_head=heads[index])
                for index, cell in enumerate(row)
            ],
        )
        for row in rows
    ]
    return element(
        "div",
        element(
            "table",
            element("caption", caption, class_="hidden"),
            element("thead", head),
            element("tbody", body),
        ),
        class_="wide",
        role="group",
        aria_label=caption,  # it is a stop of the keyboard where it scrolls
    )


def facts(pairs: Sequence[tuple[str, Any]]) -> Markup:
    """Return names and values."""
    return element(
        "dl", [joined(element("dt", name), element("dd", value)) for name, value in pairs]
    )
