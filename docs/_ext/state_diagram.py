"""The diagram of a producer's states, drawn from the table that the code runs on.

The directive `state-diagram` draws SVG in the colours of the page; `state-table` shows the whole
table. Where a state stands is said here; which changes there are, the table says.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

import attrs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from filebody.produce._state import ACTIVE, TABLE, Input, State

_WIDTH, _HEIGHT = 720, 295
_BOX = (130, 44)
_MIDDLES = {
    State.NEW: (75, 125),
    State.RUNNING: (315, 70),
    State.PAUSED: (315, 180),
    State.FINISHED: (640, 45),
    State.FAILED: (640, 125),
    State.STOPPED: (640, 205),
}
# RUNNING and PAUSED stand in a box: what both do alike is drawn once, from its edge.
_GROUP = (225, 20, 180, 210)  # left, top, width, height
_TIP = """\
<marker id="states-tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7"
 orient="auto-start-reverse"><path d="M0 0 10 5 0 10z"/></marker>"""
_STYLE = """\
.states { max-width: 100%; height: auto; color: inherit; }
.states rect, .states path { fill: none; stroke: currentColor; stroke-width: 1.5; }
.states rect.group { stroke-dasharray: 5 4; stroke-opacity: .6; }
.states rect.end { stroke-width: 3; }
.states marker path { fill: currentColor; stroke: none; }
.states text { fill: currentColor; font: 14px/1 var(--font-stack, sans-serif); }
.states text { text-anchor: middle; dominant-baseline: central; }
.states text.input { font-style: italic; }
.states text.input.beside { text-anchor: start; }
.states text.input.before { text-anchor: end; }"""


@attrs.frozen
class Arrow:
    """From a state, or from the group (None), to another, on any of these inputs."""

    start: State | None
    end: State
    inputs: tuple[Input, ...]

    @property
    def label(self) -> str:
        return ", ".join(given.value for given in self.inputs)


def arrows() -> list[Arrow]:
    """Every change of state in the table, each once."""
    found: dict[tuple[State | None, State], list[Input]] = {}
    for (state, given), then in TABLE.items():
        if then is state:
            continue
        leaves = state in ACTIVE and then not in ACTIVE
        is_shared = leaves and all(TABLE[other, given] is then for other in ACTIVE)
        inputs = found.setdefault((None if is_shared else state, then), [])
        if given not in inputs:
            inputs.append(given)
    return [Arrow(start, end, tuple(inputs)) for (start, end), inputs in found.items()]


def svg() -> str:
    """The diagram."""
    left, top, width, height = _GROUP
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    lines = [
        f'<svg class="states" role="img" {size} xmlns="http://www.w3.org/2000/svg">',
        "<title>The states of a producer</title>",
        f"<desc>{escape(_in_words())}</desc>",
        f"<style>{_STYLE}</style>",
        _TIP,
        f'<rect class="group" x="{left}" y="{top}" width="{width}" height="{height}" rx="12"/>',
    ]
    for state in State:
        lines += _state(state)
    for arrow in arrows():
        lines += _drawn(arrow)
    return "\n".join([*lines, "</svg>"])


def _in_words() -> str:
    def name(state: State | None) -> str:
        return "running or paused" if state is None else state.value

    return "; ".join(f"{name(a.start)}, {a.label}: {name(a.end)}" for a in arrows())


def _state(state: State) -> Iterator[str]:
    x, y = _MIDDLES[state]
    width, height = _BOX
    is_end = all(TABLE[state, given] is state for given in Input)
    yield (
        f'<rect class="{"end" if is_end else "step"}" x="{x - width / 2:g}" y="{y - height / 2:g}"'
        f' width="{width}" height="{height}" rx="8"/>'
    )
    yield f'<text x="{x}" y="{y}">{state.name}</text>'


def _drawn(arrow: Arrow) -> Iterator[str]:
    (x, y), (half_width, half_height) = _MIDDLES[arrow.end], (_BOX[0] / 2, _BOX[1] / 2)
    left, top, width, height = _GROUP
    if arrow.start is None:  # level, from the group's right edge
        begin = left + width
        yield _path(f"M{begin} {y}H{x - half_width:g}")
        yield _label(arrow, (begin + x - half_width) / 2, y - 12)
        return
    from_x, from_y = _MIDDLES[arrow.start]
    if x == from_x:  # up or down, a little to the side so that there is room for the way back
        down = 1 if y > from_y else -1
        beside = from_x - 20 * down
        yield _path(f"M{beside} {from_y + down * half_height:g}V{y - down * half_height:g}")
        side = "before" if down > 0 else "beside"
        yield _label(arrow, beside - 6 * down, (from_y + y) / 2, side)
    elif arrow.end in ACTIVE:  # level to the group, and on to the state in it
        bend = left + 18
        yield _path(f"M{from_x + half_width:g} {from_y}H{bend}V{y}H{x - half_width:g}")
        yield _label(arrow, (from_x + half_width + left) / 2, from_y - 12)
    else:  # around the group, below it
        below = top + height + 50
        yield _path(f"M{from_x} {from_y + half_height:g}V{below}H{x}V{y + half_height:g}")
        yield _label(arrow, left + width / 2, below - 12)


def _path(data: str) -> str:
    return f'<path d="{data}" marker-end="url(#states-tip)"/>'


def _label(arrow: Arrow, x: float, y: float, side: str = "") -> str:
    return f'<text class="input {side}" x="{x:g}" y="{y:g}">{arrow.label}</text>'


def markdown() -> str:
    """The whole table, a row for each state; a hyphen where nothing changes."""
    lines = ["| | " + " | ".join(given.value for given in Input) + " |"]
    lines.append("|---" * (len(Input) + 1) + "|")
    for state in State:
        cells = [TABLE[state, given] for given in Input]
        shown = ["-" if then is state else then.name for then in cells]
        lines.append(f"| {state.name} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


class _StateDiagram(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", svg(), format="html")]


class _StateTable(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(markdown())


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("state-diagram", _StateDiagram)
    app.add_directive("state-table", _StateTable)
    return {"version": "1", "parallel_read_safe": True}
