"""A digest of what was really read, computed on the way."""

from __future__ import annotations

import hashlib

from filebody.body._interface import Body, Reader, WaitBy
from filebody.errors import NotReplayable, UsageError

__all__ = ["DigestBody"]


class DigestBody(Body):
    """The bytes of `body`, hashed as they are read, so that both ends can be compared.

    There is one pass, always from the first byte: a digest of less would be no digest of it. The
    reader hashes in the thread that reads.

    Args:
        body: Another body.
        algorithm: A name that `hashlib.new` knows.

    Raises:
        UsageError: There is no such algorithm, or its digests have no fixed size.

    Source: RFC 9530 section 3 (the digest of a representation's data).
    """

    replayable = False

    def __init__(self, body: Body, algorithm: str = "sha256") -> None:
        self.body = body
        self.length = body.length
        self.source = body.source
        try:
            self._hash = hashlib.new(algorithm)
        except ValueError as error:
            raise UsageError(f"{algorithm} is no digest algorithm that hashlib has") from error
        if not self._hash.digest_size:  # SHAKE gives as many bytes as it is asked for
            raise UsageError(f"{algorithm} is no digest algorithm of a fixed size")
        self._opened = False

    def __repr__(self) -> str:
        return f"<DigestBody {self.source} {self._hash.name}>"

    def digest(self) -> bytes:
        """The digest of what was read so far: of the whole body once a read gave its end.

        What a reader was given back (`Reader.unread`) is in it as it came the first time.
        """
        return self._hash.digest()

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`; only the whole body can be opened.

        Raises:
            UsageError: `offset` or `stop` leave bytes out.
            NotReplayable: There was a pass already.
        """
        if offset or stop not in (None, self.length):
            raise UsageError(f"{self.source}: a digest needs all bytes, from the first one")
        if self._opened:
            raise NotReplayable(self.source)
        self._opened = True
        return _DigestReader(self.body.open(), self._hash)


class _DigestReader(Reader):
    def __init__(self, reader: Reader, hash_: hashlib._Hash) -> None:
        self._reader = reader
        self._hash = hash_
        self._hashed_already = 0  # of what comes next: it was given back

    @property
    def wait_by(self) -> WaitBy:
        return self._reader.wait_by

    @property
    def device(self) -> int | None:
        return self._reader.device

    def fileno(self) -> int:
        return self._reader.fileno()

    def readinto(self, buffer: bytearray | memoryview) -> int | None:
        count = self._reader.readinto(buffer)
        if count:
            self._take(memoryview(buffer)[:count])
        return count

    def read(self, size: int) -> bytes | None:
        return self._taken(self._reader.read(size))

    def read_blocking(self, size: int) -> bytes | None:
        return self._taken(self._reader.read_blocking(size))

    @property
    def can_unread(self) -> bool:
        return self._reader.can_unread

    def unread(self, count: int) -> None:
        self._reader.unread(count)
        self._hashed_already += count

    def close(self) -> None:
        self._reader.close()

    def _taken(self, piece: bytes | None) -> bytes | None:
        if piece:
            self._take(memoryview(piece))
        return piece

    def _take(self, piece: memoryview) -> None:
        again = min(self._hashed_already, len(piece))
        self._hashed_already -= again
        self._hash.update(piece[again:])
