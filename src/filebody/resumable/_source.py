"""Where the bytes of an upload come from: any range of them, as often as needed."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

from twisted.internet.defer import Deferred

from filebody.body import Body, BytesBody, PathBody, SliceBody, WaitBy
from filebody.errors import UsageError
from filebody.resumable._identity import hash_range
from filebody.resumable._values import Available

__all__ = ["RangeSource", "Source"]

_PIECE_BYTES = 1 << 18


class Source(ABC):
    """What one upload sends: a whole file, or a part of one."""

    @abstractmethod
    def body(self, start: int, stop: int | None) -> Body:
        """The bytes of a range, to be sent now."""

    @abstractmethod
    def hash(self, digest: hashlib._Hash, start: int, stop: int) -> None:
        """Feed a range to a digest; blocks: for a worker thread.

        Raises:
            OSError: It cannot be read.
            EOFError: It is shorter.
        """

    @abstractmethod
    def more(self, available: int) -> Deferred[Available]:
        """Wait until there is more than `available` bytes, or the end is known."""

    @abstractmethod
    def confirmed(self, offset: int) -> None:
        """What lies before `offset` is not needed again."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what is kept."""


class RangeSource(Source):
    """A range of a body that can be read as often as needed.

    Args:
        whole: The body.
        start: Where the range begins.
        stop: Where it ends; None for the body's end.
    """

    def __init__(self, whole: Body, start: int = 0, stop: int | None = None) -> None:
        self._whole = whole
        self._start = start
        self._stop = whole.length if stop is None else stop

    def body(self, start: int, stop: int | None) -> Body:
        """See `Source.body`."""
        if start == stop:
            return BytesBody(b"")
        begin = self._start + start
        end = self._stop if stop is None else self._start + stop
        if begin == 0 and end == self._whole.length:
            return self._whole
        return SliceBody(self._whole, begin, end)

    def hash(self, digest: hashlib._Hash, start: int, stop: int) -> None:
        """See `Source.hash`."""
        begin, end = self._start + start, self._start + stop
        if isinstance(self._whole, PathBody):
            hash_range(self._whole.path, digest, begin, end)
        else:
            _hash_body(self._whole, digest, begin, end)

    def more(self, available: int) -> Deferred[Available]:  # noqa: ARG002
        """See `Source.more`; all of it was there from the beginning."""
        raise RuntimeError("there is no more of it than there was")

    def confirmed(self, offset: int) -> None:
        """See `Source.confirmed`; nothing is kept for that."""

    def close(self) -> None:
        """See `Source.close`; there is nothing to let go of."""


def _hash_body(body: Body, digest: hashlib._Hash, start: int, stop: int) -> None:
    reader = body.open(start, stop)
    try:
        while True:
            if reader.wait_by is WaitBy.THREAD:
                piece = reader.read_blocking(_PIECE_BYTES)
            else:
                piece = reader.read(_PIECE_BYTES)
            if piece is None:
                raise UsageError(f"{body.source} is not there to be hashed before it is sent")
            if not piece:
                return
            digest.update(piece)
    finally:
        reader.close()
