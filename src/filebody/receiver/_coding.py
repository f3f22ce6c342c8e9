"""Bodies that arrive compressed (Content-Encoding), stored as what they decode to.

What a client promises is about the coded bytes: Content-Digest is of the content as it was sent,
and Repr-Digest of the representation, of which the coding is a part. What is stored, counted and
told of is the file.

Source: RFC 9110 sections 8.4 and 8.8; RFC 9530 sections 2 and 3.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol

from filebody.receiver._budget import DECODER_SHARE
from filebody.receiver._digest import SUPPORTED
from filebody.receiver._refusal import Refusal
from filebody.receiver._zstd_frame import window_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from filebody.receiver._budget import Budget
    from filebody.receiver._store import Incoming, StoredFile

__all__ = ["CODINGS", "CodedIncoming", "coded_limit"]

# Decoders copy what they have left at the end of each member: little, if there is little.
_SLICE_BYTES: Final = 16 * 1024
# A few bytes may stand for very many: this much is decoded before it is written.
_DECODED_BYTES: Final = 256 * 1024
# RFC 9659 section 3: as a content coding, zstd needs a window of no more than 8 MiB.
_MAX_WINDOW_BYTES: Final = 8 * 1024 * 1024
# What a decoder takes besides its window; zlib's includes that.
_ZSTD_BYTES: Final = 512 * 1024
_GZIP_BYTES: Final = 48 * 1024


class _Decoder(Protocol):
    """What zlib and zstd have in common; one is for one member (gzip) or frame (zstd)."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decode(self, data: bytes | bytearray | memoryview) -> bytes:
        """Give at most `_DECODED_BYTES` of what `data` and what was left of it stand for."""

    @property
    def has_more(self) -> bool:
        """Whether `decode` has something to give without more data."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)  # gzip's wrapping, no other
        self._left = b""
        self.has_more = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decode(self, data: bytes | bytearray | memoryview) -> bytes:
        decoded = self._inner.decompress(self._left or data, _DECODED_BYTES)
        self._left = self._inner.unconsumed_tail
        # Where the piece is full, more of it may be left inside of zlib, without a tail.
        self.has_more = not self.eof and (bool(self._left) or len(decoded) == _DECODED_BYTES)
        return decoded


def _zstd() -> tuple[Callable[[], _Decoder], type[Exception]] | None:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd  # noqa: PLC0415 - not everywhere
        else:
            from backports import zstd  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    # Without a bound, a frame of a few bytes could claim gigabytes of our memory.
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}

    class _Zstd:
        def __init__(self) -> None:
            self._inner = zstd.ZstdDecompressor(options=options)

        @property
        def eof(self) -> bool:
            return self._inner.eof

        @property
        def unused_data(self) -> bytes:
            return self._inner.unused_data

        @property
        def has_more(self) -> bool:
            return not self._inner.eof and not self._inner.needs_input

        def decode(self, data: bytes | bytearray | memoryview) -> bytes:
            return self._inner.decompress(data, _DECODED_BYTES)

    return _Zstd, zstd.ZstdError


_KNOWN: Final[dict[str, tuple[Callable[[], _Decoder], type[Exception]]]] = {
    "gzip": (_Gzip, zlib.error),
}
if (_found := _zstd()) is not None:
    _KNOWN["zstd"] = _found

# What Accept-Encoding may say.
CODINGS: Final = tuple(_KNOWN)


def coded_limit(max_size: int) -> int:
    """How long a coded body may be whose file may have `max_size` bytes.

    What cannot be compressed becomes longer by a little; and members that stand for nothing must
    not come without end.
    """
    return max_size + max_size // 8 + 64 * 1024


class CodedIncoming:
    """Takes coded bytes and passes on to an `Incoming` what they stand for.

    It is used as an `Incoming` is. A body may consist of several members (RFC 1952 section 2.2) or
    frames (RFC 8878 section 3); what follows the last one and is none is refused.

    Args:
        incoming: Where the file goes; this object's own from now on.
        coding: One of `CODINGS`.
        algorithms: The digests of the coded bytes that will be asked for.
        max_size: How long the file may be, in bytes; None for no limit but the disk's.
        budget: Has the memory of a decoder from when it is made until it has ended.
    """

    def __init__(
        self,
        incoming: Incoming,
        coding: str,
        *,
        algorithms: Collection[str],
        max_size: int | None,
        budget: Budget,
    ) -> None:
        self._budget = budget
        self._taken_bytes = 0
        self._start = b""  # of a member whose decoder is not made yet
        self._incoming = incoming
        self._coding = coding
        self._max_size = max_size
        self._make, self._error = _KNOWN[coding]
        self._decoder: _Decoder | None = None  # None between two members
        self._members = 0
        self._hashes = {
            algorithm: hashlib.new(algorithm.replace("-", ""))
            for algorithm in set(algorithms) & SUPPORTED.keys()
        }

    def write(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Decode, and append to the file.

        Raises:
            Refusal: 400 for what does not decode, 413 where the file is too long, and as
                `Incoming.write` says.
        """
        for piece in pieces:
            for running in self._hashes.values():
                running.update(piece)
            view = memoryview(piece)
            for start in range(0, len(view), _SLICE_BYTES):
                for decoded in self._decoded(view[start : start + _SLICE_BYTES]):
                    self._check_size(len(decoded))
                    self._incoming.write((decoded,))

    def commit(self, promised: Mapping[str, bytes]) -> StoredFile:
        """Check that the coding is whole and the digests are right, and store the file.

        Args:
            promised: Algorithm to digest of the coded bytes.

        Raises:
            Refusal: 400 for a body that was cut short or is another than was promised; and as
                `Incoming.commit` says.
        """
        if self._decoder is not None or self._start or not self._members:
            raise Refusal(400, f"the {self._coding} body ended before its coding did: send it anew")
        for algorithm, digest in promised.items():
            if not hmac.compare_digest(digest, self._hashes[algorithm].digest()):
                raise Refusal(
                    400,
                    f"the {algorithm} digest of the {self._coding} bytes that arrived is not the "
                    "one in the request: it is of the coded content; send it again",
                )
        return self._incoming.commit({})

    def abort(self) -> None:
        """See `Incoming.abort`."""
        self._end_decoder()
        self._incoming.abort()

    def _decoded(self, piece: bytes | bytearray | memoryview) -> Iterator[bytes]:
        rest: bytes | bytearray | memoryview = piece
        while rest or (self._decoder is not None and self._decoder.has_more):
            if self._decoder is None:
                rest = self._start + bytes(rest)
                size = self._memory_bytes(rest)
                self._start = rest if size is None else b""
                if size is None:
                    return
                self._decoder = self._begin_decoder(size)
            try:
                decoded = self._decoder.decode(rest)
            except self._error as error:
                raise Refusal(400, self._fault(error)) from error
            rest = b""  # the decoder has it, or what it has left of it
            if decoded:
                yield decoded
            if self._decoder.eof:
                rest = self._decoder.unused_data
                self._end_decoder()

    def _memory_bytes(self, start: bytes) -> int | None:
        """How much memory the decoder of a member takes; None where its header is not whole."""
        if self._coding == "gzip":
            return _GZIP_BYTES
        window = window_bytes(start)
        return None if window is None else min(window, _MAX_WINDOW_BYTES) + _ZSTD_BYTES

    def _begin_decoder(self, memory_bytes: int) -> _Decoder:
        if not self._budget.take(memory_bytes, share=DECODER_SHARE):
            raise Refusal(
                503,
                f"too many {self._coding} bodies are under way: try again later, or without coding",
                [("Retry-After", "5")],
            )
        self._taken_bytes = memory_bytes
        self._members += 1
        return self._make()

    def _end_decoder(self) -> None:
        self._decoder = None
        self._start = b""
        self._budget.add(-self._taken_bytes)
        self._taken_bytes = 0

    def _fault(self, error: Exception) -> str:
        where = f"after byte {self._incoming.size_bytes} of the file"
        if self._members > 1:
            return f"something else follows the {self._coding} body, {where}: {error}"
        return f"the body is not {self._coding}, {where}: {error}"

    def _check_size(self, more: int) -> None:
        if self._max_size is not None and self._incoming.size_bytes + more > self._max_size:
            raise Refusal(
                413, f"the file is longer than the {self._max_size} bytes that are allowed here"
            )
