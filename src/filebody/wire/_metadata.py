"""Upload-Metadata of tus: names and values that a client sends along with a file."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["format_metadata", "parse_metadata"]

_KEY = re.compile(r"[!-+\--~]+")  # visible ASCII without the comma


def parse_metadata(value: str) -> dict[str, bytes]:
    """Read the field.

    Args:
        value: Its value; lines that were repeated are to be joined by a comma.

    Returns:
        Key to value; the values are anything that the client liked to send.

    Raises:
        ValueError: It is not comma-separated pairs of a key and a base64 value, or has a key
            twice; the text says which.

    Source: tus 1.0.0, Upload-Metadata.
    """
    if not value.strip(" \t"):
        return {}  # some clients send the field without having anything to say
    found: dict[str, bytes] = {}
    for pair in value.split(","):
        key, _, encoded = pair.strip(" \t").partition(" ")
        if not _KEY.fullmatch(key):
            raise ValueError(f"{pair!r} in the metadata has no key")
        if key in found:
            raise ValueError(f"the metadata has the key {key!r} twice")
        try:
            found[key] = base64.b64decode(encoded.strip(" \t"), validate=True)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"the metadata's value of {key!r} is not base64") from error
    return found


def format_metadata(metadata: Mapping[str, bytes]) -> str:
    """Write the field.

    Raises:
        ValueError: A key is not visible ASCII, or has a comma.
    """
    pairs = []
    for key, value in metadata.items():
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} cannot be a key of metadata: visible ASCII without commas")
        pairs.append(f"{key} {base64.b64encode(value).decode()}" if value else key)
    return ",".join(pairs)
