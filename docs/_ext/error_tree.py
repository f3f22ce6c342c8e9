"""The directive `error-tree`: the exceptions, from the classes, each with its first sentence."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

from filebody import FilebodyError


def tree(error: type[BaseException] = FilebodyError, depth: int = 0) -> Iterator[str]:
    """The lines of a nested list in Markdown."""
    said = (error.__doc__ or "").strip().splitlines()[0]
    others = [base.__name__ for base in error.__bases__ if not issubclass(base, FilebodyError)]
    also = f" (also `{others[0]}`)" if depth and others else ""
    yield f"{'  ' * depth}- {{py:exc}}`~filebody.{error.__name__}`{also}: {said}"
    for kind in error.__subclasses__():
        if kind.__module__ == FilebodyError.__module__:
            yield from tree(kind, depth + 1)


class _ErrorTree(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(tree()))


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("error-tree", _ErrorTree)
    return {"version": "1", "parallel_read_safe": True}
