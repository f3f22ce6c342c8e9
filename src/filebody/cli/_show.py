"""Results: how files are sent, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from filebody.cli._facts import file_ended
from filebody.cli._screen import DIM, GREEN, Screen
from filebody.cli._words import one_line, rate, size, span
from filebody.progress import Progress

if TYPE_CHECKING:  # neither is needed for help
    from filebody.cli._bar import Bar
    from filebody.cli._load import Reached

__all__ = ["Result", "Show", "took"]

# What is over sooner needs no bar.
_PATIENCE_SECONDS = 0.1


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
            self._screen.out(_sent_line(result), GREEN)

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
        self._screen.err(f"{', '.join(words)}: {took(count, seconds)}", DIM)


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
