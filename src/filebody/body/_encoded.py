"""A body compressed on the way (Content-Encoding)."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

import attrs

from filebody.body._interface import Body, Reader, WaitBy
from filebody.body._range import clip
from filebody.body._source import SourceReader
from filebody.errors import BodyShrank, UsageError

__all__ = ["EncodedBody"]

# What is compressed at once: little enough for the event loop. It is always as much, however the
# source's bytes come in. To zlib 1.2 and zstd 1.5 that makes no difference, but neither promises
# so, and a resumed pass must encode as the first one did.
_BLOCK_BYTES = 1 << 14
# A thread reads more at once.
_THREAD_BYTES = 1 << 16


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


@attrs.frozen(init=False)
class EncodedBody(Body):
    """The bytes of `body`, compressed as they are read; send `coding` as the Content-Encoding.

    How many there will be is not known beforehand. It is replayable if `body` is, and every pass
    gives the same then, so that one can begin anywhere (what comes before is encoded and dropped).
    That holds for one version of the compressing library: another one may encode otherwise.

    What threads can read (files) is read and compressed by threads. Pipes and iterables are
    compressed where they are read, on the event loop, at most 16 KiB at once.

    The encoded bytes have an end that decoders look for, and a checksum. Both come after the last
    byte of `body` alone: what fails or is cut before then does not decode.

    Args:
        body: Another body.
        coding: "gzip", or "zstd", which needs the extra `zstd`.

    Raises:
        TypeError: `body` is not a body.
        UsageError: There is no such coding, or its library is not installed.

    Source: RFC 9110 section 8.4.1.3 and RFC 1952 (gzip); RFC 8878 (zstd).
    """

    body: Body
    coding: str
    length: int | None
    replayable: bool
    source: str
    _make: Callable[[], _Compressor] = attrs.field(repr=False, eq=False)

    def __init__(self, body: Body, coding: str) -> None:
        if not isinstance(body, Body):
            raise TypeError(f"what is encoded must be a Body, not {type(body).__name__}")
        make = _compressors(coding)
        self.__attrs_init__(body, coding, None, body.replayable, body.source, make)

    @property
    def is_touched(self) -> bool:
        """See `Body.is_touched`."""
        return self.body.is_touched

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`."""
        end = clip(self.source, None, offset, stop)
        return _EncodedReader(self.body, _Encoding(self._make), offset, end)


def _compressors(coding: str) -> Callable[[], _Compressor]:
    match coding:
        case "gzip":
            return _gzip
        case "zstd":
            return _zstd()
    raise UsageError(f"{coding!r} is no coding that bodies can have: gzip and zstd are")


def _gzip() -> _Compressor:
    # 16 more asks for gzip's header, in which zlib puts neither a time nor a name.
    return zlib.compressobj(wbits=16 + zlib.MAX_WBITS)


def _zstd() -> Callable[[], _Compressor]:
    # Imported for those who ask for it: it is an extra.
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415
        else:
            from backports import zstd  # noqa: PLC0415
    except ImportError as error:
        raise UsageError(
            "the coding zstd needs a library that is not here: pip install 'filebody[zstd]'"
        ) from error
    return lambda: zstd.ZstdCompressor(options={zstd.CompressionParameter.checksum_flag: 1})


class _Encoding:
    """Compresses in blocks of one size, whatever the sizes of the pieces."""

    def __init__(self, make: Callable[[], _Compressor]) -> None:
        self._make = make
        self._compressor: _Compressor | None = None  # it takes memory that a waiting pass need not
        self._block = bytearray()

    def take(self, piece: bytes) -> bytes:
        compressor = self._begun()
        self._block += piece
        whole = len(self._block) - len(self._block) % _BLOCK_BYTES
        blocks = [
            bytes(self._block[at : at + _BLOCK_BYTES]) for at in range(0, whole, _BLOCK_BYTES)
        ]
        del self._block[:whole]
        return b"".join(map(compressor.compress, blocks))

    def end(self) -> bytes:
        compressor = self._begun()
        return compressor.compress(bytes(self._block)) + compressor.flush()

    def _begun(self) -> _Compressor:
        if self._compressor is None:
            self._compressor = self._make()
        return self._compressor


class _EncodedReader(SourceReader):
    def __init__(self, body: Body, encoding: _Encoding, offset: int, stop: int | None) -> None:
        super().__init__(body.source, offset, stop, exact=False, drop=offset)
        self._reader = body.open()
        self._encoding: _Encoding | None = encoding  # None when all is encoded
        self._expected = body.length
        self._taken = 0
        self._encoded = memoryview(b"")
        self._ask = False
        self._in_between = False

    @property
    def wait_by(self) -> WaitBy:
        # A compressor takes in much before it gives something. The source has more then, so it is
        # not to be waited for; a thread that has nothing to do gives the event loop its turn.
        return WaitBy.THREAD if self._in_between else self._reader.wait_by

    @property
    def device(self) -> int | None:
        return self._reader.device

    def fileno(self) -> int:
        return self._reader.fileno()

    def _read_source(self, size: int) -> bytes | None:
        if self._encoded or self._encoding is None:
            return self._give(size)
        if self._in_between or (self._reader.wait_by is WaitBy.THREAD and not self._ask):
            return None
        self._ask = False
        # Once: nobody knows how long a generator takes for each piece.
        piece = self._reader.read(_BLOCK_BYTES)
        if piece is None:
            return None
        self._encode(piece, self._encoding)
        self._in_between = not self._encoded
        return self._give(size) if self._encoded else None

    def _read_source_blocking(self, size: int) -> bytes | None:
        if self._in_between:
            self._in_between = False
            if self._reader.wait_by is not WaitBy.THREAD:
                return None
        while not self._encoded and self._encoding is not None:
            piece = self._reader.read_blocking(_THREAD_BYTES)
            if piece is None:
                self._ask = True  # what to wait for then is said by a read that does not block
                return None
            self._encode(piece, self._encoding)
            if self._closed:
                return None
        return self._give(size)

    def _encode(self, piece: bytes, encoding: _Encoding) -> None:
        if piece:
            self._taken += len(piece)
            self._encoded = memoryview(encoding.take(piece))
            return
        # Encoded, a source that ended early without a word would look whole.
        if self._expected is not None and self._taken < self._expected:
            raise BodyShrank(self._source, self._taken, self._expected)
        self._encoded = memoryview(encoding.end())
        self._encoding = None

    def _give(self, size: int) -> bytes:
        piece = bytes(self._encoded[:size])
        self._encoded = self._encoded[size:]
        return piece

    def _close_source(self) -> None:
        self._encoding = None
        self._encoded = memoryview(b"")
        self._reader.close()
