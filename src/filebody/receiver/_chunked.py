"""Decoder of the chunked transfer coding, with bounds on everything that is not content.

Source: RFC 9112 section 7.1.
"""

from __future__ import annotations

import re
from typing import Final

import h11

from filebody.receiver._head import fields_of

__all__ = ["ChunkedDecoder"]

_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_LONGEST_LINE_BYTES: Final = 4096
# Chunk extensions mean nothing to us. Each chunk may have a short one; beyond that all of a body
# have this much together.
_FREE_BYTES: Final = 32
_EXTENSION_BYTES: Final = 16 * 1024
# Chunks decoded in one call: even one-byte chunks must not keep other connections waiting.
_CHUNKS: Final = 1024
_TOO_LONG: Final = 431


class ChunkedDecoder:
    """Takes content out of a buffer, chunk by chunk.

    Args:
        max_trailer_bytes: The longest trailer section.

    Attributes:
        trailer: The fields of the trailer section once the body has ended; None before.
    """

    def __init__(self, max_trailer_bytes: int) -> None:
        self.trailer: list[tuple[bytes, bytes]] | None = None
        self._max_trailer_bytes = max_trailer_bytes
        self._left = 0  # of the chunk under way
        self._is_chunk_open = False  # until the line end behind its content
        self._is_in_trailer = False
        self._extension_bytes = 0

    def decode(self, buffer: bytearray) -> bytes:
        """Take content from the start of a buffer, and what frames it.

        Returns:
            The content; empty where more bytes are needed, or at the end of the body.

        Raises:
            h11.RemoteProtocolError: It is not the chunked coding, or exceeds a bound.
        """
        if self.trailer is not None:
            return b""
        position = 0
        pieces: list[bytes] = []
        for _ in range(_CHUNKS):
            if self._is_in_trailer:
                break
            if self._left:
                piece = bytes(buffer[position : position + self._left])
                pieces.append(piece)
                position += len(piece)
                self._left -= len(piece)
            after = self._next_size(buffer, position) if not self._left else position
            if after == position:
                break
            position = after
        del buffer[:position]
        if self._is_in_trailer:
            self._read_trailer(buffer)
        return b"".join(pieces)

    def _next_size(self, buffer: bytearray, start: int) -> int:
        """Read the end of a chunk and the size of the next; returns the position behind both."""
        position = start
        if self._is_chunk_open:
            ending = bytes(buffer[position : position + 2])
            if ending != b"\r\n":
                if b"\r\n".startswith(ending):
                    return start
                raise h11.RemoteProtocolError("a chunk is longer than its size says")
            position += 2
        match = _SIZE_LINE.match(buffer, position, position + _LONGEST_LINE_BYTES)
        if match is None:
            line = bytes(buffer[position : position + _LONGEST_LINE_BYTES])
            if b"\n" in line or len(line) == _LONGEST_LINE_BYTES or not _could_begin(line):
                raise h11.RemoteProtocolError("the size of a chunk cannot be read")
            return start
        self._count(match.end() - match.start())
        self._left = int(match[1], 16)
        self._is_chunk_open = self._left > 0
        self._is_in_trailer = self._left == 0
        return match.end()

    def _count(self, line_bytes: int) -> None:
        self._extension_bytes += max(0, line_bytes - _FREE_BYTES)
        if self._extension_bytes > _EXTENSION_BYTES:
            raise h11.RemoteProtocolError(
                "the chunk extensions are too long", error_status_hint=_TOO_LONG
            )

    def _read_trailer(self, buffer: bytearray) -> None:
        found = 0 if buffer.startswith(b"\r\n") else buffer.find(b"\r\n\r\n") + 2
        is_whole = found >= 2 or buffer.startswith(b"\r\n")
        if max(found, 0 if is_whole else len(buffer)) > self._max_trailer_bytes:
            raise h11.RemoteProtocolError(
                "the trailer section is too long", error_status_hint=_TOO_LONG
            )
        if is_whole:
            section = bytes(buffer[:found])
            del buffer[: found + 2]
            self.trailer = fields_of(section)


def _could_begin(line: bytes) -> bool:
    return not line or re.match(rb"[0-9A-Fa-f]{1,16}(?:[ \t;\r]|$)", line) is not None
