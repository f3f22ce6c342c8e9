"""Piece size: the number of bytes that a connection reads and sends at a time.

The best size depends on the processor: on the sizes of its caches and on how it copies. An AMD EPYC
sends most with 512 KiB; an Intel Xeon with 2 MiB of L2 cache spends less CPU time with 64 KiB. No
figure in /sys tells them apart, so the sender measures.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["LARGEST_BYTES", "PieceSize"]

LARGEST_BYTES = 1 << 19
# The first is used until enough was measured, and kept unless another one is clearly better.
_SIZES = (LARGEST_BYTES, 1 << 16, 1 << 17, 1 << 18)
_ROUNDS = 5
# Each size sends so much in a round.
_SAMPLE_BYTES = 1 << 22
# Slices that sent less say more about the socket's buffer than about the piece's size.
_SLICE_BYTES = 1 << 18
_CLEARLY = 0.95


class PieceSize:
    """The size with the least CPU time per byte, found while sending.

    The first 80 MiB that go out at full speed are sent in all sizes in turn. Uploads that a network
    holds back measure nothing, and keep the largest size as their limit.

    Args:
        clock: CPU time of this thread, in nanoseconds.

    Attributes:
        size_bytes: How many bytes to read and send at a time now.
        is_settled: Whether the size is final.
    """

    __slots__ = (
        "_clock",
        "_costs",
        "_index",
        "_round",
        "_sent",
        "_used",
        "is_settled",
        "size_bytes",
    )

    def __init__(self, clock: Callable[[], int] = time.thread_time_ns) -> None:
        self._clock = clock
        self._costs = [float("inf")] * len(_SIZES)
        self._index = self._round = 0
        self._sent = self._used = 0
        self.is_settled = False
        self.size_bytes = _SIZES[0]

    def begin(self) -> int:
        """Return the time at which a slice of sending begins."""
        return 0 if self.is_settled else self._clock()

    def end(self, begun: int, sent: int) -> None:
        """Count a slice of sending.

        Args:
            begun: What `begin` returned.
            sent: How many bytes the socket took since then.
        """
        if self.is_settled or sent < _SLICE_BYTES:
            return
        self._used += self._clock() - begun
        self._sent += sent
        if self._sent < _SAMPLE_BYTES:
            return
        cost = self._used / self._sent
        self._costs[self._index] = min(cost, self._costs[self._index])
        self._sent = self._used = 0
        self._next()

    def _next(self) -> None:
        self._index += 1
        if self._index == len(_SIZES):
            self._index = 0
            self._round += 1
        if self._round == _ROUNDS:
            self.is_settled = True
            best = min(range(len(_SIZES)), key=self._costs.__getitem__)
            self._index = best if self._costs[best] < _CLEARLY * self._costs[0] else 0
        self.size_bytes = _SIZES[self._index]
