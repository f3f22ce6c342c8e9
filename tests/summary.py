"""Sections at the end of pytest's output: numbers that tests found, and what was not tested.

Everything travels in the reports of the tests, which pytest-xdist brings from its workers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Note = Callable[[str, str], None]

_NOTE = "note"
_SKIPPED = "Skipped: "


def noting(request: pytest.FixtureRequest) -> Note:
    """Return a function that shows a line under a title at the end, whatever the outcome."""

    def note(title: str, line: str) -> None:
        request.node.user_properties.append((_NOTE, [title, line]))

    return note


def properties(terminal: pytest.TerminalReporter, name: str) -> Iterator[Any]:
    """Iterate over the values of a user property in all reports, each once."""
    for reports in terminal.stats.values():
        for report in reports:
            # Every phase of a test reports them again.
            if getattr(report, "when", None) == "teardown":
                yield from (value for key, value in report.user_properties if key == name)


def print_notes(terminal: pytest.TerminalReporter) -> None:
    sections: dict[str, list[str]] = {}
    for title, line in properties(terminal, _NOTE):
        sections.setdefault(title, []).append(line)
    for title, lines in sorted(sections.items()):
        terminal.section(title)
        for line in lines:
            terminal.line(line)


def print_skipped(terminal: pytest.TerminalReporter) -> None:
    """Print one line per reason for skipping; each missing program is one reason."""
    reasons: dict[str, Counter[str]] = {}
    for report in terminal.stats.get("skipped", []):
        _, _, message = report.longrepr
        folder = Path(report.nodeid.partition("::")[0]).parent.name
        reasons.setdefault(message.removeprefix(_SKIPPED), Counter())[folder] += 1
    if not reasons:
        return
    terminal.section("not tested")
    for reason, folders in sorted(reasons.items()):
        where = ", ".join(f"{folder} {count}" for folder, count in sorted(folders.items()))
        terminal.line(f"not tested: {reason} ({folders.total()} skipped: {where})")
