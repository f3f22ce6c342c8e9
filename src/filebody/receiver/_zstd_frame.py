"""Memory that a zstd frame needs, read from its header before a decoder is made.

Source: RFC 8878 section 3.1.1.1.
"""

from __future__ import annotations

from typing import Final

__all__ = ["window_bytes"]

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_DICTIONARY_BYTES: Final = (0, 1, 2, 4)
_SIZE_BYTES: Final = (1, 2, 4, 8)


def window_bytes(start: bytes) -> int | None:
    """Read how far back a frame refers.

    Args:
        start: The first bytes of the frame.

    Returns:
        The size of its window in bytes; 0 for what is no frame with content; None where more bytes
        are needed.
    """
    if not start.startswith(_MAGIC):
        return None if _MAGIC.startswith(start) else 0
    if len(start) < 6:
        return None
    descriptor = start[4]
    if not descriptor & 0x20:  # no single segment: the window has a byte of its own
        base = 1 << (10 + (start[5] >> 3))
        return base + base // 8 * (start[5] & 7)
    position = 5 + _DICTIONARY_BYTES[descriptor & 3]
    size = _SIZE_BYTES[descriptor >> 6]
    if len(start) < position + size:
        return None
    content = int.from_bytes(start[position : position + size], "little")
    return content + 256 if size == 2 else content
