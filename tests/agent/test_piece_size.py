from collections.abc import Mapping

import pytest

from filebody.agent._piece_size import LARGEST_BYTES, PieceSize

KIB = 1 << 10


class Processor:
    """A clock of CPU time for sends that cost so many nanoseconds per KiB at each size."""

    def __init__(self, costs: Mapping[int, float], *, slice_bytes: int = 1 << 21) -> None:
        self.now = 0.0
        self._costs = costs
        self._slice_bytes = slice_bytes

    def send(self, size: PieceSize, slices: int) -> int:
        """Send; returns how many bytes were out when the size was settled."""
        sent = 0
        for _ in range(slices):
            if size.is_settled:
                break
            begun = size.begin()
            self.now += self._costs[size.size_bytes // KIB] * self._slice_bytes / KIB
            size.end(begun, self._slice_bytes)
            sent += self._slice_bytes
        return sent

    def clock(self) -> int:
        return round(self.now)


@pytest.mark.parametrize("best", [64, 128, 256, 512])
def test_the_cheapest_size_is_found(best: int) -> None:
    processor = Processor({kib: 200.0 if kib == best else 300.0 for kib in (64, 128, 256, 512)})
    size = PieceSize(processor.clock)
    assert processor.send(size, 1000) == 80 << 20
    assert size.is_settled
    assert size.size_bytes == best * KIB


def test_a_small_difference_changes_nothing() -> None:
    processor = Processor({64: 290.0, 128: 295.0, 256: 310.0, 512: 300.0})
    size = PieceSize(processor.clock)
    processor.send(size, 1000)
    assert size.is_settled
    assert size.size_bytes == LARGEST_BYTES


def test_a_slow_network_measures_nothing() -> None:
    processor = Processor({512: 300.0}, slice_bytes=1 << 16)
    size = PieceSize(processor.clock)
    processor.send(size, 10_000)
    assert not size.is_settled
    assert size.size_bytes == LARGEST_BYTES


def test_a_settled_size_costs_no_look_at_the_clock() -> None:
    processor = Processor(dict.fromkeys((64, 128, 256, 512), 300.0))
    looks = 0

    def clock() -> int:
        nonlocal looks
        looks += 1
        return processor.clock()

    size = PieceSize(clock)
    processor.send(size, 1000)
    before = looks
    size.end(size.begin(), 1 << 21)
    assert looks == before
