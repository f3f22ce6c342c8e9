"""Bytes that tell where they belong: a piece that is lost, doubled or misplaced shows."""

import functools
import hashlib
import sys
from array import array
from collections.abc import Iterator
from pathlib import Path

_WORD = 8
_BLOCK = 1 << 16
_PIECE = 1 << 20


def generated(seed: int, offset: int, size: int) -> bytes:
    """Return `size` bytes at `offset` of the endless content that belongs to a seed.

    It is made of big-endian words of eight bytes, each the seed (16 bits) and its own offset (48).
    """
    first = offset // _BLOCK
    last = (offset + size + _BLOCK - 1) // _BLOCK
    start = offset - first * _BLOCK
    blocks = b"".join(_block(seed, number) for number in range(first, last))
    return blocks[start : start + size]


@functools.lru_cache(maxsize=256)
def _block(seed: int, number: int) -> bytes:
    """Return the block of this number; tests want the same ones again and again."""
    begin = (seed << 48) + number * _BLOCK
    words = array("Q", range(begin, begin + _BLOCK, _WORD))
    if sys.byteorder == "little":
        words.byteswap()
    return words.tobytes()


def pieces(seed: int, size: int) -> Iterator[bytes]:
    for offset in range(0, size, _PIECE):
        yield generated(seed, offset, min(_PIECE, size - offset))


def sha256_of(seed: int, size: int) -> str:
    digest = hashlib.sha256()
    for piece in pieces(seed, size):
        digest.update(piece)
    return digest.hexdigest()


def write_file(path: Path, seed: int, size: int) -> Path:
    with path.open("wb") as file:
        for piece in pieces(seed, size):
            file.write(piece)
    return path
