"""The directive `command-help`: what the command says of itself when the pages are built."""

from __future__ import annotations

import os
import subprocess
import sys

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata

_COLUMNS = "88"


def help_text(*command: str) -> str:
    """What `filebody COMMAND --help` prints."""
    return subprocess.run(
        [sys.executable, "-m", "filebody", *command, "--help"],
        env={**os.environ, "COLUMNS": _COLUMNS, "NO_COLOR": "1"},
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    ).stdout


class _CommandHelp(SphinxDirective):
    optional_arguments = 2

    def run(self) -> list[nodes.Node]:
        text = help_text(*self.arguments)
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directive."""
    app.add_directive("command-help", _CommandHelp)
    return {"version": "1", "parallel_read_safe": True}
