"""Digest fields (RFC 9530): what a request promises, and what a response says."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final, cast

import http_sf

from filebody.receiver._refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

__all__ = ["MAX_FIELD_BYTES", "SUPPORTED", "merge", "repr_digest", "requested"]

# How long a field may be, all its lines together.
MAX_FIELD_BYTES: Final = 8 * 1024

# RFC 9530 section 7.2: the two active algorithms of the registry, with their lengths in bytes.
SUPPORTED: Final[Mapping[str, int]] = {
    algorithm: hashlib.new(algorithm.replace("-", "")).digest_size
    for algorithm in ("sha-256", "sha-512")
}

# Content-Digest is about the bytes of the message, Repr-Digest about those of the representation,
# with its coding: the same bytes here, for ranges are refused.
_FIELDS = (b"content-digest", b"repr-digest")


def requested(
    fields: Iterable[tuple[bytes, bytes]], names: Collection[bytes] = _FIELDS
) -> dict[str, bytes]:
    """Collect the digests that a header or trailer section promises.

    Args:
        fields: Names in lower case, and values.
        names: Which of them to collect.

    Returns:
        Algorithm to digest, for the algorithms in `SUPPORTED`; others are ignored.

    Raises:
        Refusal: 400 for a field that is not a Dictionary of Byte Sequences, a digest of the
            wrong length, or two digests that contradict each other.

    Source: RFC 9530 sections 2, 3 and 6.2; RFC 9651 section 4.2.
    """
    lines: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        if name in names:
            lines.setdefault(name, []).append(value)
    promised: dict[str, bytes] = {}
    for name, values in lines.items():
        promised = merge(promised, _parse(name.decode(), b", ".join(filter(None, values))))
    return promised


def merge(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> dict[str, bytes]:
    """Join two sets of digests.

    Raises:
        Refusal: 400 if both have an algorithm with different values; no body could match.
    """
    for algorithm in one.keys() & other.keys():
        if one[algorithm] != other[algorithm]:
            raise Refusal(400, f"the request names two different {algorithm} digests")
    return {**one, **other}


def repr_digest(sha256: bytes) -> str:
    """Write the value of a Repr-Digest field (RFC 9530 section 3)."""
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"


def _parse(name: str, value: bytes) -> dict[str, bytes]:
    if len(value) > MAX_FIELD_BYTES:
        raise Refusal(431, f"{name} is longer than {MAX_FIELD_BYTES} bytes")
    try:
        parsed = cast("dict[str, tuple[object, object]]", http_sf.parse(value, tltype="dictionary"))
    except http_sf.StructuredFieldError as error:
        raise Refusal(400, f"{name} is not a structured field: {error}") from error
    found: dict[str, bytes] = {}
    for algorithm, item in parsed.items():
        digest = item[0]
        if not isinstance(digest, bytes):
            raise Refusal(400, f"{name}: the value of {algorithm} must be a byte sequence, :...:")
        length = SUPPORTED.get(algorithm)
        if length is None:
            continue
        if len(digest) != length:
            raise Refusal(
                400, f"{name}: a {algorithm} digest has {length} bytes, not {len(digest)}"
            )
        found[algorithm] = digest
    return found
