"""Upload-Checksum of tus: a digest of the body of one request."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CHECKSUM_ALGORITHMS", "Checksum", "format_checksum", "parse_checksum"]

# What tus calls it, to what `hashlib.new` takes; sha1 is the one that every server has.
CHECKSUM_ALGORITHMS: Final[Mapping[str, str]] = {
    "sha256": "sha256",
    "sha512": "sha512",
    "sha1": "sha1",
    "md5": "md5",
}


@attrs.frozen
class Checksum:
    """An algorithm, in tus's spelling, and the digest."""

    algorithm: str
    digest: bytes


def parse_checksum(value: str) -> Checksum:
    """Read the field; the algorithm may be one that is not known here.

    Raises:
        ValueError: It is not a name and a base64 digest.
    """
    algorithm, _, encoded = value.strip(" \t").partition(" ")
    try:
        digest = base64.b64decode(encoded.strip(" \t"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the checksum {encoded!r} is not base64") from error
    if not algorithm or not digest:
        raise ValueError(f"{value!r} is not an algorithm and a checksum")
    return Checksum(algorithm, digest)


def format_checksum(checksum: Checksum) -> str:
    """Write the field."""
    return f"{checksum.algorithm} {base64.b64encode(checksum.digest).decode()}"
