import pytest

from filebody.cli._words import (
    bytes_count,
    duration,
    one_line,
    parse_duration,
    parse_rate,
    parse_size,
    rate,
    shorten,
    size,
    span,
)
from filebody.errors import UsageError


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (256 * 1024**2, "256.0 MiB"),
        (1024**4, "1.0 TiB"),
        (3 * 1024**6, "3072.0 PiB"),
    ],
)
def test_size(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        ("12", 12),
        ("12B", 12),
        ("10M", 10 * 1024**2),
        ("10m", 10 * 1024**2),
        ("10Mi", 10 * 1024**2),
        ("2GiB", 2 * 1024**3),
        ("1.5G", 3 * 1024**3 // 2),
        ("3GB", 3 * 10**9),
        (" 4 KiB ", 4096),
        (".5K", 512),
        ("9007199254740993", 9007199254740993),  # a float would lose the last digit
    ],
)
def test_parse_size(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "M", "-1", "1e3", "10X", "10iB", "1..5M", "10MiBB", "٣"])
def test_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)


def test_parse_rate() -> None:
    assert parse_rate("1.5M") == 1536 * 1024
    assert parse_rate("0") is None
    with pytest.raises(UsageError, match="'fast' is not a rate"):
        parse_rate("fast")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("10", 10),
        ("0.5", 0.5),
        (".5", 0.5),
        ("500ms", 0.5),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("1.5h", 5400),
        ("7d", 604_800),
        ("1d2h3m4s5ms", 93_784.005),
        (" 7 d ", 604_800),
    ],
)
def test_parse_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "-1",
        "-1s",
        "1e3",
        "nan",
        "inf",
        "10M",
        "1w",
        "d",
        "1m1h",
        "1m30",
        "1s1s",
        "1.5.m",
        "٣",
        "10m!",
    ],
)
def test_no_duration(text: str) -> None:
    with pytest.raises(UsageError, match="is not a duration: write seconds, or 500ms"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (0.5, "500ms"), (1, "1s"), (60, "1m"), (90, "1m30s"), (604_800, "7d")],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
    assert parse_duration(text) == seconds


def test_rate() -> None:
    assert rate(1024.0) == "1.0 KiB/s"
    assert rate(None) == "-- B/s"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-:--"), (0, "0:00"), (59.4, "0:59"), (59.6, "1:00"), (3600, "1:00:00")],
)
def test_span(seconds: float | None, words: str) -> None:
    assert span(seconds) == words


def test_bytes_count() -> None:
    assert bytes_count(1) == "1 byte"
    assert bytes_count(1234567) == "1,234,567 bytes"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢 name", "plain ü 漢 name"),
        ("two\nlines", "two\\nlines"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\u2028sep\u202ertl", "\\u2028sep\\u202ertl"),
        ("paypa\u200bl", "paypa\\u200bl"),
        ("byte \udcff", "byte \\xff"),
        ("no-break\u00a0space", "no-break\u00a0space"),
    ],
)
def test_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize(
    ("width", "shown"),
    [(20, "holiday-2024.mp4"), (16, "holiday-2024.mp4"), (9, "holi….mp4"), (2, "h…"), (1, "h")],
)
def test_shorten(width: int, shown: str) -> None:
    assert shorten("holiday-2024.mp4", width) == shown
