"""A digest of what was really read, computed on the way."""

from __future__ import annotations

import hashlib

from filebody.body._interface import Body, Reader, WaitBy
from filebody.body._source import SourceReader
from filebody.errors import BodyChanged, BodyReadError, NotReplayable, UsageError

__all__ = ["DigestBody"]

# To hash so many bytes takes as long as to hand them to a thread and back, or less.
_LOOP_BYTES = 1 << 14


class DigestBody(Body):
    """The bytes of `body`, hashed as they are read, so that both ends can be compared.

    There is one pass, always from the first byte: a digest of less would be no digest of it. The
    reader hashes in the thread that reads: `Reader.readinto` of a cached file hashes as much as the
    caller has room for, on the event loop.

    With `in_thread` it hashes in worker threads, and on the event loop pieces of at most 16 KiB
    only. What threads can read (files) is then read by threads alone. What they cannot, because
    nobody knows how long a pipe or a generator would hold one, is read on the event loop as ever,
    and handed to a thread piece by piece.

    Args:
        body: Another body.
        algorithm: A name that `hashlib.new` knows.
        in_thread: Keep the event loop free of hashing.

    Raises:
        UsageError: There is no such algorithm, or its digests have no fixed size.

    Source: RFC 9530 section 3 (the digest of a representation's data).
    """

    replayable = False

    def __init__(self, body: Body, algorithm: str = "sha256", *, in_thread: bool = False) -> None:
        self.body = body
        self.in_thread = in_thread
        self.length = body.length
        self.source = body.source
        try:
            self._hash = hashlib.new(algorithm)
        except ValueError as error:
            raise UsageError(f"{algorithm} is no digest algorithm that hashlib has") from error
        if not self._hash.digest_size:  # SHAKE gives as many bytes as it is asked for
            raise UsageError(f"{algorithm} is no digest algorithm of a fixed size")
        self._opened = False
        self._hashing = _Hashing(self._hash)

    def __repr__(self) -> str:
        return f"<DigestBody {self.source} {self._hash.name}>"

    def digest(self) -> bytes:
        """The digest of what was read so far: of the whole body once a read gave its end.

        What a reader was given back (`Reader.unread`) is in it as it came the first time.
        """
        return self._hash.digest()

    @property
    def read_bytes(self) -> int:
        """How many bytes were read so far, without what was given back."""
        return self._hashing.position

    @property
    def is_touched(self) -> bool:
        """See `Body.is_touched`."""
        return self.body.is_touched

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
        if self.in_thread:
            return _ThreadReader(self.source, self.body.open(), self._hashing)
        return _DigestReader(self.source, self.body.open(), self._hashing)


def check_digest(reader: Reader, source: str, hashing: hashlib._Hash, length: int) -> None:
    """Compare the digest of a touched file's first bytes with what they are now; blocks.

    What is read from a source that cannot be read again was compared by samples alone.

    Args:
        reader: Has read them, and found the file touched.
        source: The name for messages.
        hashing: Was shown them.
        length: So many bytes.

    Raises:
        BodyChanged: They differ.
        BodyReadError: They cannot be read.
    """
    pieces = reader.read_again(0, length)
    if pieces is None:
        return
    now = hashlib.new(hashing.name)
    try:
        for piece in pieces:
            now.update(piece)
    except OSError as error:
        raise BodyReadError(source, length, error) from error
    if now.digest() != hashing.digest():
        raise BodyChanged(source, length, "its content")


class _Hashing:
    """Shows each byte to a hash once, also where it comes again because it was given back."""

    def __init__(self, hash_: hashlib._Hash) -> None:
        self.position = 0  # of the reader
        self._hash = hash_
        self._coming_again = 0
        self._is_checked = False

    def give_back(self, count: int) -> None:
        self.position -= count
        self._coming_again += count

    def take(self, piece: bytes | memoryview) -> None:
        self.position += len(piece)
        again = min(self._coming_again, len(piece))
        self._coming_again -= again
        self._hash.update(memoryview(piece)[again:] if again else piece)

    def check(self, reader: Reader, source: str) -> None:
        """Compare once with the file, if the reader found it touched."""
        if reader.is_touched and not self._is_checked:
            self._is_checked = True
            check_digest(reader, source, self._hash, self.position + self._coming_again)


class _DigestReader(Reader):
    """Hashes where it is read, and has the digest decide of a touched file."""

    def __init__(self, source: str, reader: Reader, hashing: _Hashing) -> None:
        self._source = source
        self._reader = reader
        self._hashing = hashing

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
            self._hashing.take(memoryview(buffer)[:count])
        return count

    def read(self, size: int) -> bytes | None:
        return self._taken(self._reader.read(size))

    def read_blocking(self, size: int) -> bytes | None:
        piece = self._taken(self._reader.read_blocking(size))
        self._hashing.check(self._reader, self._source)
        return piece

    @property
    def is_touched(self) -> bool:
        return self._reader.is_touched

    @property
    def can_unread(self) -> bool:
        return self._reader.can_unread

    def unread(self, count: int) -> None:
        self._reader.unread(count)
        self._hashing.give_back(count)

    def close(self) -> None:
        self._reader.close()

    def _taken(self, piece: bytes | None) -> bytes | None:
        if piece:
            self._hashing.take(piece)
        return piece


class _ThreadReader(SourceReader):
    """Hashes in worker threads, whatever it reads from."""

    def __init__(self, source: str, reader: Reader, hashing: _Hashing) -> None:
        super().__init__(source, 0, None, exact=False)
        self._reader = reader
        self._hashing = hashing
        self._unhashed = b""  # was read on the event loop, and waits for a thread
        self._ask = False

    @property
    def wait_by(self) -> WaitBy:
        return WaitBy.THREAD if self._unhashed else self._reader.wait_by

    @property
    def device(self) -> int | None:
        return self._reader.device

    def fileno(self) -> int:
        return self._reader.fileno()

    def _read_source(self, size: int) -> bytes | None:
        if self._unhashed or (self._reader.wait_by is WaitBy.THREAD and not self._ask):
            return None
        self._ask = False
        piece = self._reader.read(size)
        if piece and len(piece) > _LOOP_BYTES:
            self._unhashed = piece
            return None
        return self._hashed(piece)

    def _read_source_blocking(self, size: int) -> bytes | None:
        if self._unhashed:
            piece, self._unhashed = self._unhashed[:size], self._unhashed[size:]
            return self._hashed(piece)
        hashed = self._hashed(self._reader.read_blocking(size))
        self._hashing.check(self._reader, self._source)
        self._ask = hashed is None  # what to wait for then is said by a read that does not block
        return hashed

    def _hashed(self, piece: bytes | None) -> bytes | None:
        if piece:
            self._hashing.take(piece)
        return piece

    def _close_source(self) -> None:
        self._unhashed = b""
        self._reader.close()
