"""The rows of the contract as a table, for the pages and for the README.

As a Sphinx extension it brings the directive `contract-table`. As a program it prints the table in
Markdown, which is what stands in the README:

    python docs/_ext/contract_table.py
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

if TYPE_CHECKING:
    from tests.contract.rows import Row

_ROOT = Path(__file__).resolve().parents[2]
_SOURCE = _ROOT / "tests" / "contract" / "rows.py"
_TRACKERS = {"T": "twisted/twisted", "Q": "twisted/treq"}


def rows() -> list[Row]:
    """The rows, as the tests have them."""
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))
    found: list[Row] = importlib.import_module("tests.contract.rows").ROWS
    return found


def markdown(table: Iterable[Row]) -> str:
    """A Markdown table, without a line break at its end; T#n and Q#n become links."""
    lines = ["| # | `twisted.web.client.FileBodyProducer` | `filebody.FileBodyProducer` |"]
    lines.append("|--:|---|---|")
    lines += [f"| {row.number} | {row.upstream} | {row.ours} |" for row in table]
    return re.sub(r"\b([TQ])#(\d+)", _link, "\n".join(lines))


def _link(issue: re.Match[str]) -> str:
    url = f"https://github.com/{_TRACKERS[issue[1]]}/issues/{issue[2]}"
    return f"[{issue[0]}]({url})"


class _ContractTable(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(_SOURCE))
        return self.parse_text_to_nodes(markdown(rows()))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("contract-table", _ContractTable)
    return {"version": "1", "parallel_read_safe": True}


if __name__ == "__main__":
    print(markdown(rows()))
