"""The directive `phase-table`: the phases of a resumable upload, from the table in the code."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from filebody.resumable._phases import TABLE, Event, Phase


def rows() -> Iterator[str]:
    """The lines of a table in Markdown: what changes, and nothing else."""
    events = [event for event in Event if event is not Event.REFUSED]
    yield f"| | {' | '.join(event.value for event in events)} |"
    yield "|---" * (len(events) + 1) + "|"
    for phase in Phase:
        after = [TABLE[phase, event] for event in events]
        cells = ["" if found is phase else found.value for found in after]
        if any(cells):
            yield f"| **{phase.value}** | {' | '.join(cells)} |"


class _PhaseTable(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        text = "\n".join(rows())
        said = "\n\nA refusal, or too long without progress, leads from each of them to failed."
        return self.parse_text_to_nodes(text + said)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("phase-table", _PhaseTable)
    return {"version": "1", "parallel_read_safe": True}
