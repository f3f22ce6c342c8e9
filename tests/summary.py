"""Numbers that a test found, for the end of pytest's output."""

import pytest

_key = pytest.StashKey[dict[str, list[str]]]()


def note(config: pytest.Config, title: str, line: str) -> None:
    """Show a line under this title when all tests have run, whether they passed or not."""
    config.stash.setdefault(_key, {}).setdefault(title, []).append(line)


def print_notes(terminal: pytest.TerminalReporter, config: pytest.Config) -> None:
    for title, lines in config.stash.get(_key, {}).items():
        terminal.section(title)
        for line in lines:
            terminal.line(line)
