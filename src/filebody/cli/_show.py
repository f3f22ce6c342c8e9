"""What is printed: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

import attrs

from filebody.cli._facts import file_ended
from filebody.cli._secrets import url_without_secrets
from filebody.cli._words import one_line, rate, size, span
from filebody.progress import Progress

if TYPE_CHECKING:  # neither is needed for help
    from filebody.cli._bar import Bar
    from filebody.cli._load import Reached

__all__ = ["Result", "Screen", "Show", "took"]

# What is over sooner needs no bar.
_PATIENCE_SECONDS = 0.1
_RED, _GREEN, _DIM, _OFF = "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"


@attrs.frozen(kw_only=True)
class Result:
    """What became of one file.

    Attributes:
        source: As it was given on the command line.
        shown: The same for people.
        url: Where it went.
        place: The same for people.
        status: What the server answered, or None.
        reached: How far it came.
        seconds: From the start of the connection.
        verified: Whether the server has said that it has the same.
        error: Why it was not sent, in a line, or None.
        code: The exit code.
    """

    source: str
    shown: str
    url: str
    place: str
    status: int | None
    reached: Reached
    seconds: float
    verified: bool
    error: str | None
    code: int


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
        self.out(json.dumps(facts))

    def err(self, line: str, color: str = "") -> None:
        """Print a message."""
        try:
            self._err = _print(self._err, line, color)
        except OSError:
            self._err = None

    def error(self, line: str) -> None:
        """Print a message about something that went wrong."""
        self.err(f"filebody: {one_line(url_without_secrets(line))}", _RED)

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


class Show:
    """Shows how files are sent.

    Args:
        screen: Where.
        quiet: Errors only.
        as_json: Results as JSON.
    """

    def __init__(self, screen: Screen, *, quiet: bool, as_json: bool) -> None:
        self._screen = screen
        self._quiet = quiet
        self._as_json = as_json
        self._bar: Bar | None = None
        self._under_way: tuple[str, int | None] | None = None
        self._first_frame = time.monotonic() + _PATIENCE_SECONDS

    def begin(self, source: str, total_bytes: int | None) -> None:
        """Show that a file is about to be sent."""
        if self._quiet or self._screen.terminal is None:
            return
        self._under_way = (source, total_bytes)
        if self._bar is not None:
            self._bar.begin(source, total_bytes)

    def look(self, progress: Progress) -> None:
        """Show how far the file is."""
        terminal = self._screen.terminal
        if self._under_way is None or terminal is None:
            return
        if self._bar is None:
            if time.monotonic() < self._first_frame:
                return
            from filebody.cli._bar import Bar  # noqa: PLC0415 - it takes longer than a small upload

            self._bar = Bar(terminal)
            self._bar.begin(*self._under_way)
        self._bar.look(progress)

    def say(self, line: str) -> None:
        """Something happened on its way; the line is safe to be shown."""
        if self._bar is not None:
            self._bar.say(line)
        else:
            self._screen.err(line)

    def tell(self, line: str) -> None:
        """Something happened that is not worth a line to those who want errors only."""
        if not self._quiet:
            self.say(line)

    def leave(self) -> None:
        """It is not on its way any more."""
        self._under_way = None
        if self._bar is not None:
            self._bar.close()

    def end(self, result: Result) -> None:
        """This is what became of it."""
        if result.error is not None:
            self._screen.error(result.error)
        if self._as_json:
            self._screen.out_json(file_ended(result))
        elif result.error is None and not self._quiet:
            self._screen.out(_sent_line(result), _GREEN)

    def summarize(self, results: Sequence[Result], *, planned: int, seconds: float) -> None:
        """All has been done that will be."""
        if planned < 2 or self._quiet or self._screen.terminal is None:
            return
        sent = [result for result in results if result.error is None]
        count = sum(result.reached.sent_bytes - result.reached.resumed_bytes for result in sent)
        words = [f"{len(sent)} of {planned} files sent"]
        if failed := len(results) - len(sent):
            words.append(f"{failed} failed")
        if not_tried := planned - len(results):
            words.append(f"{not_tried} not tried")
        self._screen.err(f"{', '.join(words)}: {took(count, seconds)}", _DIM)


def took(count: int, seconds: float) -> str:
    """`256.0 MiB in 0.61 s (420.0 MiB/s)`."""
    time = f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    time = time if seconds < 100 else span(seconds)
    return f"{size(count)} in {time} ({rate(count / seconds if seconds > 0 else None)})"


def _sent_line(result: Result) -> str:
    reached = result.reached
    words = took(reached.sent_bytes - reached.resumed_bytes, result.seconds)
    if reached.resumed_bytes:
        words += f", after {size(reached.resumed_bytes)} that were there"
    if reached.encoded_bytes is not None:
        words += f", as {size(reached.encoded_bytes)} of {reached.coding}"
    ending = ", digest verified" if result.verified else ""
    return one_line(f"sent {result.shown} to {result.place}: {words}{ending}")
