"""The `filebody` command: the only room that prints."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

__all__ = ["main"]

# What the extra `cli` brings; a plain `pip install filebody` has none of it.
_NEEDED = ("click", "rich", "OpenSSL", "service_identity")
_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Without the program's name; None for those of the process.

    Returns:
        The exit code.
    """
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(  # noqa: T201 - the room that prints, without what it prints with
            f"filebody: the command needs {missing[0]}, which is not installed: "
            "pip install 'filebody[cli]'",
            file=sys.stderr,
        )
        return _USAGE
    from filebody.cli._commands import run  # noqa: PLC0415 - it imports click

    return run(sys.argv[1:] if arguments is None else arguments)
