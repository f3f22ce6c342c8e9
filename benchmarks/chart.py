"""Results as a drawing: a panel for each case, a bar for each contestant."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.compare import Result, shown

__all__ = ["draw"]

_WIDTH = 820
_LEFT, _RIGHT = 130, 250
_RATIOS = 66  # right of the medians
_BAR, _STEP = 14, 22
_PANEL_HEAD, _PANEL_FOOT = 34, 46
_TICKS = 4

# Readable on white and on black: images in a page, too, hear of the reader's choice.
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 13px }
.axis, .ratio { fill: #59636e }
line { stroke: #59636e; stroke-width: 1 }
.grid { stroke: #d1d9e0 }
.spread { stroke: #1f2328 }
.ours { fill: #0969da }
.peer { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .axis, .ratio { fill: #9198a1 }
  line { stroke: #9198a1 }
  .grid { stroke: #3d444d }
  .spread { stroke: #f0f6fc }
  .ours { fill: #4493f8 }
  .peer { fill: #656c76 }
}
"""

# What the first figures of the cases are, for the axis.
_AXES = {
    "GB/s": "gigabytes each second: more is better",
    "uploads/s": "uploads each second: more is better",
    "s": "seconds: less is better",
    "KiB each": "KiB of memory for each upload: less is better",
    "longest gap ms": "longest time without a turn of the event loop, ms: less is better",
}


def _text(x: float, y: float, words: str, kind: str, anchor: str = "start") -> str:
    where = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text {where} class="{kind}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _tick(greatest: float) -> float:
    """A round distance of ticks, so that a few of them reach `greatest`."""
    rough = greatest / _TICKS or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * 0.999)


def _height(result: Result) -> int:
    return _PANEL_HEAD + _STEP * len(result.rounds) + _PANEL_FOOT


def _panel(result: Result, top: float) -> Iterator[str]:
    name = result.case.figures[0]
    bars = {label: result.figure(label, name) for label in result.rounds}
    tick = _tick(max(bar.greatest for bar in bars.values()))
    ticks = math.ceil(max(bar.greatest for bar in bars.values()) / tick)
    scale = (_WIDTH - _LEFT - _RIGHT) / (tick * ticks)
    begin, end = top + _PANEL_HEAD, top + _PANEL_HEAD + _STEP * len(bars)
    medians = _WIDTH - _RIGHT + 20
    yield _text(0, top + 16, result.case.title, "title")
    yield _text(medians, top + 24, "median", "axis")
    yield _text(medians + _RATIOS, top + 24, "ours to it, each round", "axis")
    for number in range(ticks + 1):
        x = _LEFT + number * tick * scale
        yield _line(x, begin - 4, x, end, "grid")
        yield _text(x, end + 14, f"{number * tick:g}", "axis", "middle")
    yield _text(_LEFT, end + 30, _AXES.get(name, name), "axis")
    for number, (label, bar) in enumerate(bars.items()):
        y = begin + number * _STEP
        kind = "ours" if label.startswith(result.ours) else "peer"
        middle = y + _BAR / 2
        yield _text(_LEFT - 8, middle + 4, label, "name", "end")
        yield (
            f'<rect x="{_LEFT}" y="{y:.0f}" width="{max(1.0, bar.median * scale):.1f}" '
            f'height="{_BAR}" class="{kind}"/>'
        )
        low, high = (_LEFT + value * scale for value in (bar.least, bar.greatest))
        yield _line(low, middle, high, middle, "spread")
        yield _text(medians, middle + 4, shown(bar.median), "name")
        ratio = result.ratio(label, name)
        if label != result.ours and ratio is not None:
            yield _text(medians + _RATIOS, middle + 4, str(ratio), "ratio")
    yield _line(_LEFT, begin - 4, _LEFT, end, "base")


def draw(results: Sequence[Result]) -> str:
    """An SVG file of all results that have figures."""
    shown = [result for result in results if result.rounds]
    height = sum(_height(result) for result in shown)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        "<title>filebody and its peers: medians, with the least and the greatest round</title>",
        f"<style>{_STYLE}</style>",
    ]
    top = 0.0
    for result in shown:
        parts += _panel(result, top)
        top += _height(result)
    return "\n".join([*parts, "</svg>"]) + "\n"
