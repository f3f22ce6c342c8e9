from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from filebody.receiver._prefix import Prefix
from tests.peers.content import generated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = generated(9, 0, 5_000_000)
DIGEST = hashlib.sha256(CONTENT).digest()


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(CONTENT)
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_what_comes_in_order_is_not_read_again() -> None:
    prefix = Prefix()
    for start in range(0, len(CONTENT), 700_000):
        prefix.follow(start, CONTENT[start : start + 700_000])
    assert prefix.digest(-1, len(CONTENT)) == DIGEST


def test_what_is_missing_is_read(descriptor: int) -> None:
    prefix = Prefix()
    prefix.follow(0, CONTENT[:10])
    prefix.follow(3_000_000, CONTENT[3_000_000:])
    assert prefix.size_bytes == 10
    assert prefix.catch_up(descriptor, 3_000_000, at_most=1_000_000)
    assert not prefix.catch_up(descriptor, 3_000_000)
    assert prefix.digest(descriptor, len(CONTENT)) == DIGEST


def test_back_to_a_mark(descriptor: int) -> None:
    prefix = Prefix()
    prefix.follow(0, CONTENT[:10])
    mark = prefix.mark()
    prefix.follow(10, b"other")
    prefix.back_to(mark)
    prefix.back_to(mark)
    assert prefix.digest(descriptor, len(CONTENT)) == DIGEST


def test_a_file_that_is_too_short(descriptor: int) -> None:
    with pytest.raises(OSError, match="ends before"):
        Prefix().digest(descriptor, len(CONTENT) + 1)
