"""A writer that makes the reader of a pipe wait."""

import os

from tests.peers import content

# Odd, and far less than a pipe holds.
_PIECE = 1237


def write_slowly(descriptor: int, seed: int, size: int) -> None:
    """Write generated content in small pieces, and close."""
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        for offset in range(0, size, _PIECE):
            file.write(content.generated(seed, offset, min(_PIECE, size - offset)))
