"""A component's calls over time, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from resilience.history.series import Column
from resilience.history.words import clock_time, moment
from resilience.web.admin.markup import Markup, element, joined

WIDTH, HEIGHT = 720, 140
_LEFT, _BOTTOM = 40, 20
_DAY = 86_400.0
_COLOURS = {"good": "#2e7d32", "bad": "#c62828", "refused": "#9e9e9e", "open": "#fbe9e7"}

Span = tuple[float, float]
"""From when to when, in wall-clock seconds."""


def chart(name: str, columns: Sequence[Column], open_spans: Sequence[Span]) -> Markup:
    """Return calls as bars: good, failed and refused ones; the times it was open behind them.

    Args:
        name: whose calls they are.
        columns: at least one.
        open_spans: when calls were refused.
    """
    width = columns[1].at - columns[0].at if len(columns) > 1 else 1.0
    since, until = columns[0].at, columns[-1].at + width
    highest = max((each.calls + each.rejected for each in columns), default=0.0) or 1.0
    bars = [_bar(each, index, len(columns), highest) for index, each in enumerate(columns)]
    total = (sum(each.calls for each in columns), sum(each.failures for each in columns),
             sum(each.rejected for each in columns))  # fmt: skip
    said = (f"{name}: {total[0]:.0f} calls, {total[1]:.0f} failed, {total[2]:.0f} refused, "
            f"from {moment(since)} to {moment(until)} UTC")  # fmt: skip
    return element(
        "svg",
        element("title", said),
        [_band(span, since, until) for span in open_spans],
        bars,
        _axis(since, until, highest / width),
        class_="chart",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=said,
        xmlns="http://www.w3.org/2000/svg",
    )


def _bar(column: Column, index: int, count: int, highest: float) -> Markup:
    step = (WIDTH - _LEFT) / count
    top, parts = float(HEIGHT - _BOTTOM), []
    good = max(0.0, column.calls - column.failures)
    for number, kind in ((good, "good"), (column.failures, "bad"), (column.rejected, "refused")):
        if number <= 0:
            continue
        height = max(0.5, number / highest * (HEIGHT - _BOTTOM - 4))
        top -= height
        parts.append(_rect(kind, _LEFT + index * step, top, step * 0.9, height))
    return joined(parts)


def _band(span: Span, since: float, until: float) -> Markup:
    scale = (WIDTH - _LEFT) / (until - since)
    begin, end = (min(max(each, since), until) for each in span)
    return _rect("open", _LEFT + (begin - since) * scale, 0, (end - begin) * scale,
                 HEIGHT - _BOTTOM)  # fmt: skip


def _rect(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    return element(
        "rect",
        class_=kind,
        fill=_COLOURS[kind],
        x=f"{x:.1f}",
        y=f"{max(0.0, y):.1f}",
        width=f"{max(0.5, width):.1f}",
        height=f"{height:.1f}",
    )


def _axis(since: float, until: float, rate: float) -> Markup:
    base = HEIGHT - _BOTTOM
    said = clock_time if until - since < _DAY / 2 else moment
    line = element("line", x1=_LEFT, x2=WIDTH, y1=base, y2=base, stroke="currentColor")
    return joined(
        line,
        _label(_LEFT, HEIGHT - 5, said(since), "start"),
        _label(WIDTH, HEIGHT - 5, said(until), "end"),
        _label(_LEFT - 4, 12, f"{rate:.3g}/s", "end"),
    )


def _label(x: float, y: float, text: str, anchor: str) -> Markup:
    return element("text", text, x=x, y=y, text_anchor=anchor, font_size=11, fill="currentColor")
