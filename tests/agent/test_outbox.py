"""What is kept for a wire that does not take everything."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.agent._engine import HEADROOM, TAILROOM
from filebody.agent._outbox import Outbox


class Narrow:
    """A wire that takes so many bytes at each call, and nothing once there are no more numbers."""

    def __init__(self, takes: list[int]) -> None:
        self.takes = takes
        self.sent = b""

    def send(self, view: bytes | memoryview) -> int:
        taken = min(self.takes.pop(0) if self.takes else 0, len(view))
        self.sent += bytes(view[:taken])
        return taken


def outbox(wire: Narrow, head: bytes = b"") -> Outbox:
    return Outbox(cast("Any", wire), head)


def buffer_with(content: bytes) -> memoryview:
    return memoryview(bytearray(HEADROOM) + content + bytes(TAILROOM))


def flush(box: Outbox, wire: Narrow) -> None:
    for _ in range(100):
        if not box.kept_bytes:
            return
        wire.takes.append(3)
        box.send_kept()
    raise AssertionError(f"{box.kept_bytes} bytes stay")


@pytest.mark.parametrize("taken", range(25))
def test_a_chunk_goes_out_whole_wherever_it_is_cut(taken: int) -> None:
    wire = Narrow([taken])
    box = outbox(wire, b"head|")
    box.send_chunk(buffer_with(b"content"), 7, b"7\r\n", b"\r\n")
    flush(box, wire)
    assert wire.sent == b"head|7\r\ncontent\r\n"
    assert (box.body_bytes, box.wire_bytes) == (7, 17)


@pytest.mark.parametrize("taken", range(14))
def test_a_plain_piece_says_how_much_of_it_was_taken(taken: int) -> None:
    wire = Narrow([taken, 100])
    box = outbox(wire, b"head|")
    of_body = box.send_plain(buffer_with(b"content"), 7)
    assert of_body == max(0, min(7, taken - 5))
    rest = b"content"[of_body:]
    assert box.send_plain(buffer_with(rest), len(rest)) == len(rest)
    assert wire.sent == b"head|content"
    assert box.body_bytes == 7


@given(
    st.lists(st.tuples(st.binary(max_size=9), st.booleans()), max_size=8),
    st.lists(st.integers(0, 12), max_size=20),
)
def test_what_is_kept_goes_out_in_order(pieces: list[tuple[bytes, bool]], takes: list[int]) -> None:
    wire = Narrow(takes)
    box = outbox(wire)
    for piece, is_body in pieces:
        box.keep(piece, is_body=is_body)
        box.send_kept()
    flush(box, wire)
    assert wire.sent == b"".join(piece for piece, _ in pieces)
    assert box.body_bytes == sum(len(piece) for piece, is_body in pieces if is_body)


def test_a_long_head_goes_out_by_itself() -> None:
    wire = Narrow([])
    box = outbox(wire, b"x" * HEADROOM)
    assert box.kept_bytes == HEADROOM
