"""The pages as they are written, and the programs in them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cli.command import environment, no_traceback

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
TIMEOUT_SECONDS = 60.0

_BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    """The contents of the page's code blocks in this language."""
    return [text for name, text in _BLOCK.findall(page.read_text()) if name == language]


def run_example(
    name: str, *arguments: str | os.PathLike[str], stdin: bytes = b"", code: int = 0
) -> str:
    """Run an example as its readers do; what it prints, on both streams."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        env=environment(),
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_SECONDS,
    )
    printed = done.stdout.decode()
    no_traceback(printed)
    assert done.returncode == code, printed
    return printed
