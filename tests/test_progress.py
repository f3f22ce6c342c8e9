"""Progress: what follows from bytes, a total and a clock."""

from __future__ import annotations

import pytest

from filebody.progress import Progress, ProgressMeter


def test_meter_counts_against_its_clock() -> None:
    times = iter([100.0, 101.0, 104.0])
    meter = ProgressMeter(10, lambda: next(times))
    assert meter.advance(2) == Progress(2, 10, 1.0)
    assert meter.advance(6) == Progress(8, 10, 4.0)


@pytest.mark.parametrize(
    ("progress", "fraction", "rate", "remaining"),
    [
        (Progress(25, 100, 5.0), 0.25, 5.0, 15.0),
        (Progress(100, 100, 5.0), 1.0, 20.0, 0.0),
        (Progress(0, 0, 5.0), 1.0, 0.0, None),
        (Progress(0, 100, 5.0), 0.0, 0.0, None),
        (Progress(25, 100, 0.0), 0.25, None, None),
        (Progress(25, None, 5.0), None, 5.0, None),
        (Progress(75, 100, 5.0, 25), 0.25, 5.0, 15.0),
        (Progress(100, 100, 5.0, acknowledged_bytes=0), 0.0, 0.0, None),
        (Progress(100, 100, 5.0, acknowledged_bytes=100), 1.0, 20.0, 0.0),
        (Progress(50, None, 5.0, 25), None, 5.0, None),
    ],
)
def test_what_follows(
    progress: Progress, fraction: float | None, rate: float | None, remaining: float | None
) -> None:
    assert progress.fraction == fraction
    assert progress.rate_bytes_per_second == rate
    assert progress.remaining_seconds == remaining


def test_reached_is_what_was_acknowledged_where_that_is_known() -> None:
    assert Progress(75, 100, 5.0).reached_bytes == 75
    assert Progress(75, 100, 5.0).acknowledged_bytes is None
    assert Progress(75, 100, 5.0, 0).reached_bytes == 0
