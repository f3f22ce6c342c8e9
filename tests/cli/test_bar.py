import errno
import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from filebody.cli._bar import Bar, Line, Pace
from filebody.progress import Progress

MIB = 1024**2


def rendered(line: Line, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    console.print(line)
    stream = console.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


@pytest.mark.parametrize("width", [10, 20, 33, 34, 35, 40, 50, 64, 65, 80, 120, 250])
@pytest.mark.parametrize("total", [None, 0, 1, 1023 * MIB, 10 * 1024**4])
@pytest.mark.parametrize(
    "name", ["a", "a-rather-long-name-of-a-movie.mp4", "漢字の長い名前のファイル"]
)
def test_fits_on_one_line(width: int, total: int | None, name: str) -> None:
    for part in (0.0, 0.37, 1.0):
        sent = int(part * (total if total is not None else 5 * MIB))
        line = Line(name, Progress(sent, total, 3725.0), 1023.94 * MIB)
        [shown] = rendered(line, width).splitlines()
        assert cell_len(shown) <= width, shown


def test_what_is_shown() -> None:
    line = Line("movie.mp4", Progress(64 * MIB, 256 * MIB, 2.0), 32.0 * MIB)
    shown = rendered(line, 100)
    for fact in ("movie.mp4", " 25%", "64.0 MiB/256.0 MiB", "32.0 MiB/s", "ETA 0:06"):
        assert fact in shown
    narrow = rendered(line, 40)
    for fact in ("movie", " 25%", "32 MiB/s", "0:06"):
        assert fact in narrow
    assert rendered(line, 20).split() == ["movie.mp4", "25%"]


def test_what_is_shown_without_a_total() -> None:
    shown = rendered(Line("<stdin>", Progress(64 * MIB, None, 61.0), MIB), 80)
    assert shown.split() == ["<stdin>", "64.0", "MiB", "1.0", "MiB/s", "elapsed", "1:01"]


def test_when_all_is_sent() -> None:
    assert "waiting" in rendered(Line("a", Progress(5, 5, 1.0), 5.0), 80)


def test_what_was_there_before_took_no_time() -> None:
    pace = Pace()
    for second in (1.0, 2.0):
        sent = 90 * MIB + int(second * 100)
        pace.add(Progress(sent, 100 * MIB, second, sent, sent, 90 * MIB))
    assert pace.bytes_per_second == pytest.approx(100.0)
    progress = Progress(91 * MIB, 100 * MIB, 2.0, 91 * MIB, 90 * MIB, 90 * MIB)
    shown = rendered(Line("movie.mp4", progress, 1.0 * MIB), 100)
    for fact in (" 91%", "91.0 MiB/100.0 MiB", "1.0 MiB/s", "ETA 0:09", "90.0 MiB"):
        assert fact in shown


def test_pace_follows_the_last_seconds() -> None:
    pace = Pace()
    assert pace.bytes_per_second is None
    for second in range(1, 11):
        pace.add(Progress(second * 100, None, float(second)))
    assert pace.bytes_per_second == pytest.approx(100.0)
    for second in range(11, 21):
        pace.add(Progress(1000, None, float(second)))
    assert pace.bytes_per_second == 0.0


def test_pace_of_another_attempt() -> None:
    pace = Pace()
    pace.add(Progress(1000, None, 1.0))
    pace.add(Progress(0, None, 2.0))
    assert pace.bytes_per_second is None
    pace.add(Progress(500, None, 3.0))
    assert pace.bytes_per_second == 500.0


def test_what_is_acknowledged_counts() -> None:
    progress = Progress(1000, 1000, 1.0, acknowledged_bytes=250)
    line = rendered(Line("name", progress, None), 100)
    assert "25%" in line
    assert "250 B/1000 B" in line
    assert "waiting" not in line


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def terminal() -> io.StringIO:
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    return stream


def test_a_line_that_stays() -> None:
    stream = terminal()
    bar = Bar(stream)
    bar.begin("name", 10)
    bar.say("attempt 1 failed: [bold]" + "x" * 200)
    bar.close()
    assert "\r\x1b[2Kattempt 1 failed: [bold]" + "x" * 200 + "\n" in stream.getvalue()


def test_leaves_the_terminal_as_it_was() -> None:
    stream, clock = terminal(), Clock()
    bar = Bar(stream, clock)
    bar.begin("name", 10)
    clock.now += 1.0
    bar.look(Progress(5, 10, 1.0))
    bar.close()
    written = stream.getvalue()
    assert "50%" in written
    assert written.index("\x1b[?25l") < written.rindex("\x1b[?25h")
    assert re.search(r"\x1b\[2K[^\n]*$", written)


def test_at_most_ten_frames_a_second() -> None:
    stream, clock = terminal(), Clock()
    bar = Bar(stream, clock)
    for number in range(1000):  # a file each millisecond
        bar.begin(f"file-{number}", 10)
        bar.look(Progress(5, 10, 0.0))
        bar.say(f"sent {number}")
        bar.look(Progress(10, 10, 0.0))
        bar.close()
        clock.now += 0.001
    assert 9 <= stream.getvalue().count("%") <= 11
    assert stream.getvalue().count("sent ") == 1000


def test_a_terminal_that_is_gone() -> None:
    stream = terminal()

    def hang_up() -> None:
        raise OSError(errno.EIO, "Input/output error")

    stream.flush = hang_up  # type: ignore[method-assign]
    bar = Bar(stream)
    bar.begin("name", 10)
    bar.look(Progress(5, 10, 1.0))
    bar.close()
