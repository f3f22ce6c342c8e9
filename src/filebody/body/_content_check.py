"""The check that a regular file keeps its content while it is sent.

The status change time alone proves nothing: `mv`, `chmod` and a new hard link change it, and so
does a rewrite whose modification time was set back. Then samples of the bytes that were sent
decide. Everything else that differs is a change.
"""

from __future__ import annotations

import os
import zlib

from filebody.body._identity import FileIdentity
from filebody.errors import BodyChanged

__all__ = ["ContentCheck"]

_SAMPLES = 64
_SAMPLE_BYTES = 4096
# A file that is touched again and again while its samples are read is not trusted.
_TRIES = 3


class ContentCheck:
    """What a file was when its body was made, and samples of what its passes gave.

    All passes over a body share it, because together they may send one content.

    Args:
        status: What `os.stat` said of the file.
        path: Where it was found; None for a file that the caller opened.

    Attributes:
        is_touched: Whether the file was touched while it was sent, and found unchanged.
    """

    def __init__(self, status: os.stat_result, path: str | None = None) -> None:
        self.is_touched = False
        self._identity = FileIdentity.of(status)
        self._links = status.st_nlink
        self._path = path
        self._stride = max(_SAMPLE_BYTES, -(-status.st_size // _SAMPLES))
        # For each slot of the file one number: position, length and CRC of a sample. Numbers cost
        # the garbage collector nothing.
        self._samples: dict[int, int] = {}

    def begin(self, descriptor: int, source: str) -> None:
        """Compare at the beginning of a pass.

        Before the first byte was given, a touched file has nothing that could differ.

        Raises:
            BodyChanged: The file is another one, or was written to.
            OSError: The file cannot be asked.
        """
        status = os.fstat(descriptor)
        if not self._identity.check(status, source, 0) and not self._samples:
            self._identity = FileIdentity.of(status)

    def sample(self, descriptor: int, source: str, position: int, piece: bytes | memoryview) -> int:
        """Keep samples of bytes that were read at `position` of the file.

        Of a large file its size and modification time are compared too, so that a change is
        noticed early.

        Returns:
            The position in the file from which on the next sample is due.

        Raises:
            BodyChanged, OSError: See `begin`.
        """
        stride, samples = self._stride, self._samples
        stop = position + len(piece)
        slot = position // stride
        while (begin := max(position, slot * stride)) < stop:
            if slot not in samples:
                sample = bytes(piece[begin - position : begin - position + _SAMPLE_BYTES])
                samples[slot] = begin << 64 | len(sample) << 32 | zlib.crc32(sample)
            slot += 1
        if stride > _SAMPLE_BYTES:
            self._identity.check(os.fstat(descriptor), source, position)
        return slot * stride

    def sample_file(self, descriptor: int) -> None:
        """Keep samples of the whole file, where what is sent is not what it holds; blocks."""
        for position in range(0, self._identity.size, self._stride):
            sample = os.pread(descriptor, _SAMPLE_BYTES, position)
            value = position << 64 | len(sample) << 32 | zlib.crc32(sample)
            self._samples.setdefault(position // self._stride, value)

    def is_same(self, descriptor: int, source: str, offset: int) -> bool:
        """Compare at the end of a pass; False if only the samples can tell (see `settle`).

        Raises:
            BodyChanged, OSError: See `begin`.
        """
        return self._identity.check(os.fstat(descriptor), source, offset)

    def settle(self, descriptor: int, source: str, offset: int) -> None:
        """Let the samples decide; blocks.

        Raises:
            BodyChanged: They differ, or another file has taken the name.
            OSError: The file cannot be read.
        """
        for _ in range(_TRIES):
            status = os.fstat(descriptor)
            if self._identity.check(status, source, offset):
                return
            if self._has_lost_its_name(status):
                raise BodyChanged(source, offset, "another file has its place")
            if not all(_is_there(descriptor, sample) for sample in self._samples.copy().values()):
                raise BodyChanged(source, offset, "its content")
            now = FileIdentity.of(status)
            if FileIdentity.of(os.fstat(descriptor)) == now:
                self._identity = now
                self.is_touched = True
                return
        raise BodyChanged(source, offset, "its status change time, again and again")

    def _has_lost_its_name(self, status: os.stat_result) -> bool:
        """Whether another file has its place; a file that was moved away still has its content."""
        if self._path is None:
            return status.st_nlink == 0 < self._links
        try:
            return not os.path.samestat(os.stat(self._path), status)
        except OSError:
            return False


def _is_there(descriptor: int, value: int) -> bool:
    position, length, checksum = value >> 64, value >> 32 & 0xFFFFFFFF, value & 0xFFFFFFFF
    return zlib.crc32(os.pread(descriptor, length, position)) == checksum
