"""Screen: results go to standard output, everything else to standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

from filebody.cli._secrets import url_without_secrets
from filebody.cli._words import one_line

__all__ = ["DIM", "GREEN", "RED", "Screen"]

RED, GREEN, DIM = "\x1b[31m", "\x1b[32m", "\x1b[2m"
_OFF = "\x1b[0m"


class Screen:
    """The two streams.

    A reader of standard output that has gone away (`| head`) does not end what is being done.
    """

    def __init__(self) -> None:
        self._out: TextIO | None = sys.stdout
        self._err: TextIO | None = sys.stderr
        for stream in (self._out, self._err):
            # A name may have characters that the terminal's encoding has not.
            if stream is not None and hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")

    def out(self, line: str, color: str = "") -> None:
        """Print a result."""
        try:
            self._out = _print(self._out, line, color)
        except OSError as error:
            self._out = None
            self.error(f"cannot write to the standard output: {error.strerror}; going on without")

    def out_json(self, facts: Mapping[str, object]) -> None:
        """Print a result as one line of JSON."""
        from json import dumps  # noqa: PLC0415 - only for what is printed as JSON

        self.out(dumps(facts))

    def err(self, line: str, color: str = "") -> None:
        """Print a message."""
        try:
            self._err = _print(self._err, line, color)
        except OSError:
            self._err = None

    def error(self, line: str) -> None:
        """Print a message about something that went wrong."""
        self.err(f"filebody: {one_line(url_without_secrets(line))}", RED)

    @property
    def terminal(self) -> TextIO | None:
        """Standard error if it is a terminal on which lines can move."""
        if self._err is None or not self._err.isatty() or os.environ.get("TERM") == "dumb":
            return None
        return self._err


def _print(stream: TextIO | None, line: str, color: str) -> TextIO | None:
    if stream is None:
        return None
    is_colored = color and stream.isatty() and not os.environ.get("NO_COLOR")
    try:
        stream.write(f"{color}{line}{_OFF}\n" if is_colored else f"{line}\n")
        stream.flush()
    except OSError as error:
        # What Python flushes at its end must not fail again, and say so.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        if isinstance(error, BrokenPipeError):
            return None  # the reader has gone, which is its own affair
        raise
    return stream
