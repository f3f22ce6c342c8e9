"""Digests of a body on the wire: in front of it, or behind it (RFC 9530)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import attrs

from filebody.agent._content import Content
from filebody.agent._options import Digest
from filebody.body import Body, Reader
from filebody.errors import UsageError
from filebody.produce import when_ready

__all__ = ["DigestField", "digest_field"]

_SMALL_BYTES = 1 << 20
_PIECE_BYTES = 1 << 18

Field = tuple[bytes, bytes]


@attrs.define
class DigestField:
    """The digest field of one attempt.

    Attributes:
        in_front: Fields of the head.
        hashing: What hashes on the way, for a trailer.
    """

    in_front: Sequence[Field]
    hashing: Any = None

    @property
    def is_trailer(self) -> bool:
        """Whether it follows the body, which must be chunked then."""
        return self.hashing is not None

    def trailers(self) -> Sequence[Field]:
        """The fields behind the body, once all of it was hashed."""
        if self.hashing is None:
            return ()
        return ((b"Repr-Digest", _value(self.hashing.digest())),)


async def digest_field(wanted: Digest, content: Content, length: int | None) -> DigestField | None:
    """The field for a pass over `content`, or None if there is to be none.

    Raises:
        UsageError: A digest in front is wanted of what can be read only once.
        BodyError: The body could not be read.
    """
    if wanted is Digest.NONE:
        return None
    body = content.body
    can_be_read_twice = body is not None and body.replayable
    if wanted is Digest.AUTO:
        is_small = length is not None and length <= _SMALL_BYTES
        wanted = Digest.CONTENT if can_be_read_twice and is_small else Digest.TRAILER
    if wanted is Digest.TRAILER:
        return DigestField(((b"Trailer", b"Repr-Digest"),), hashlib.sha256())
    if body is None or not can_be_read_twice:
        raise UsageError(
            f"{content.source} can be read only once: its digest can follow it, not precede it"
        )
    return DigestField(((b"Content-Digest", _value(await _hash(body))),))


async def _hash(body: Body) -> bytes:
    """Read a body once, only to hash it."""
    hashing = hashlib.sha256()
    reader: Reader = body.open()
    try:
        while True:
            piece = reader.read(_PIECE_BYTES)
            while piece is None:
                piece = await when_ready(reader, _PIECE_BYTES)
                if piece is None:
                    piece = reader.read(_PIECE_BYTES)
            if not piece:
                return hashing.digest()
            hashing.update(piece)
    finally:
        reader.close()


def _value(digest: bytes) -> bytes:
    return b"sha-256=:" + base64.b64encode(digest) + b":"
