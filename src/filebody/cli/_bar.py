"""The moving line on a terminal; the only module that imports rich."""

from __future__ import annotations

import contextlib
import io
import math
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

import attrs
from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from filebody.cli._words import rate, shorten, size, span
from filebody.progress import Progress

__all__ = ["FRAME_SECONDS", "Bar", "Line", "Pace"]

FRAME_SECONDS = 0.1
_ERASE_LINE = "\r\x1b[2K"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


# Long enough to be read, short enough to follow the network.
_WINDOW_SECONDS = 4.0
_WIDE_COLUMNS = 90
_NARROW_COLUMNS = 64
_TINY_COLUMNS = 34
_WIDEST_BAR = 40


class Pace:
    """The rate of the last few seconds: an average since the start hides a stall."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque([(0.0, 0)])

    def add(self, progress: Progress) -> None:
        """Take a look at how far it is."""
        # What the server had before took no time.
        reached = max(0, progress.reached_bytes - progress.resumed_bytes)
        if reached < self._seen[-1][1]:  # another attempt, from the beginning or from before
            self._seen.clear()
        self._seen.append((progress.elapsed_seconds, reached))
        while len(self._seen) > 2 and self._seen[-1][0] - self._seen[1][0] >= _WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def bytes_per_second(self) -> float | None:
        """None before there is anything to tell from."""
        (first_time, first_bytes), (last_time, last_bytes) = self._seen[0], self._seen[-1]
        if last_time <= first_time or not last_bytes:
            return None
        return (last_bytes - first_bytes) / (last_time - first_time)


@attrs.frozen
class Line:
    """One line, made for the width that there is.

    Attributes:
        name: Of the file.
        progress: How far it is.
        bytes_per_second: The rate to show, and to tell the rest of the time from.
    """

    name: str
    progress: Progress
    bytes_per_second: float | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay it out; what matters less is left out first."""
        width = options.max_width - 1  # some terminals wrap when the last column is used
        is_narrow = width < _NARROW_COLUMNS
        facts = self._facts(
            is_wide=width >= _WIDE_COLUMNS, is_narrow=is_narrow, is_tiny=width < _TINY_COLUMNS
        )
        rest = width - sum(len(fact) + 1 for fact in facts)
        grid = Table.grid(padding=(0, 1, 0, 0), pad_edge=False)
        cells: list[Text | ProgressBar] = []
        total = self.progress.total_bytes
        if total is not None and width >= _TINY_COLUMNS:
            name = shorten(self.name, max(8, rest // 2))
            bar_columns = max(1, min(_WIDEST_BAR, rest - len(name) - 1))
            bar = ProgressBar(max(1, total), self.progress.reached_bytes, width=bar_columns)
            if total == 0:
                bar.completed = 1
            cells = [Text(name), bar]
        else:
            cells = [Text(shorten(self.name, max(1, rest)))]
        for _ in range(len(cells) + len(facts)):
            grid.add_column(no_wrap=True)
        grid.add_row(*cells, *map(Text, facts))
        yield grid

    def _facts(self, *, is_wide: bool, is_narrow: bool, is_tiny: bool) -> list[str]:
        progress = self.progress
        fraction = progress.fraction
        speed = rate(self.bytes_per_second)
        if progress.total_bytes is None or fraction is None:
            done = f"{size(progress.reached_bytes):>10}"
            elapsed = span(progress.elapsed_seconds)
            if is_tiny:
                return [done]
            return [done, f"{speed:>12}", elapsed if is_narrow else f"elapsed {elapsed}"]
        percent = f"{int(fraction * 100):3}%"
        if is_tiny:
            return [percent]
        is_sent = progress.reached_bytes >= progress.total_bytes
        left = "wait" if is_sent else span(self._left_seconds)
        if is_narrow:
            return [percent, f"{_without_decimals(speed):>9}", left]
        # Of constant width, so that nothing jumps: the longest are "1023.9 MiB" and that a second.
        done = f"{size(progress.reached_bytes):>10}/{size(progress.total_bytes)}"
        left = "waiting " if is_sent else f"ETA {left}"
        facts = [percent, done, f"{speed:>12}", left]
        if progress.confirmed_bytes and is_wide:
            facts.append(f"confirmed {size(progress.confirmed_bytes):>10}")
        return facts

    @property
    def _left_seconds(self) -> float | None:
        if self.progress.total_bytes is None or not self.bytes_per_second:
            return None
        return (self.progress.total_bytes - self.progress.reached_bytes) / self.bytes_per_second


def _without_decimals(speed: str) -> str:
    number, _, unit = speed.partition(" ")
    return f"{number.partition('.')[0]} {unit}"


class Bar:
    """A line on a terminal that moves, and leaves nothing behind when it is taken away.

    It draws a frame only when it is called, and at most ten frames a second, however many files
    it is used for.

    Args:
        stream: The terminal.
        clock: Returns the time in seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._console = Console(file=io.StringIO(), force_terminal=True, highlight=False)
        self._pace = Pace()
        self._line: Line | None = None
        self._next_frame = -math.inf
        self._is_drawn = False
        self._is_cursor_hidden = False

    def begin(self, name: str, total_bytes: int | None) -> None:
        """Show the beginning of another file.

        Args:
            name: Of the file, safe to be shown.
            total_bytes: How many bytes there will be, or None.
        """
        self._pace = Pace()
        self._line = Line(name, Progress(0, total_bytes, 0.0), None)
        self._draw()

    def look(self, progress: Progress) -> None:
        """Show how far the file is."""
        if self._line is not None:
            self._pace.add(progress)
            self._line = attrs.evolve(
                self._line, progress=progress, bytes_per_second=self._pace.bytes_per_second
            )
            self._draw()

    def say(self, line: str) -> None:
        """Print a line that stays, above the one that moves."""
        self._write(f"{self._erasure()}{line}\n")

    def close(self) -> None:
        """Take the line away, until another file begins."""
        self._line = None
        self._write(self._erasure() + (_SHOW_CURSOR if self._is_cursor_hidden else ""))
        self._is_cursor_hidden = False

    def _draw(self) -> None:
        now = self._clock()
        if now < self._next_frame or self._line is None:
            return
        self._next_frame = now + FRAME_SECONDS
        with self._console.capture() as captured:
            self._console.print(self._line, end="")
        frame = captured.get().rstrip("\n")
        self._write((_HIDE_CURSOR if not self._is_cursor_hidden else "") + _ERASE_LINE + frame)
        self._is_drawn = self._is_cursor_hidden = True

    def _erasure(self) -> str:
        was_drawn, self._is_drawn = self._is_drawn, False
        return _ERASE_LINE if was_drawn else ""

    def _write(self, text: str) -> None:
        if text:
            with contextlib.suppress(OSError):  # a terminal that is gone ends no upload
                self._stream.write(text)
                self._stream.flush()
