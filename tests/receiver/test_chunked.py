"""The chunked coding: any cut of the stream decodes to the same, and everything has a bound."""

from __future__ import annotations

import itertools
import re

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.receiver._chunked import ChunkedDecoder
from tests.receiver.wire import chunked

MAX_TRAILER_BYTES = 1000


def decoded(*pieces: bytes) -> tuple[bytes, ChunkedDecoder, bytearray]:
    decoder, buffer, content = ChunkedDecoder(MAX_TRAILER_BYTES), bytearray(), b""
    for piece in pieces:
        buffer += piece
        while data := decoder.decode(buffer):
            content += data
    return content, decoder, buffer


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=20),
    st.lists(st.integers(0, 400), max_size=10),
)
def test_however_it_is_cut(chunks: list[bytes], cuts: list[int]) -> None:
    stream = chunked(*chunks, trailer="Name: value \r\n") + b"next"
    places = sorted({0, *(cut % len(stream) for cut in cuts), len(stream)})
    pieces = [stream[a:b] for a, b in itertools.pairwise(places)]

    content, decoder, rest = decoded(*pieces)

    assert content == b"".join(chunks)
    assert decoder.trailer == [(b"name", b"value")]
    assert rest == b"next"


@pytest.mark.parametrize(
    "stream",
    [
        b"3\r\nabc\r\n0\r\n\r\n",
        b"3 \t;a=b\r\nabc\r\n0;x\r\n\r\n",
        b"0003\r\nabc\r\n00\r\n\r\n",
        b"3;a\r\nabc\r\n" + b"0\r\n\r\n",
    ],
)
def test_allowed(stream: bytes) -> None:
    content, decoder, _ = decoded(*(bytes([byte]) for byte in stream))
    assert (content, decoder.trailer) == (b"abc", [])


REFUSED = {
    "no size": b"\r\n",
    "not hexadecimal": b"x\r\n",
    "a sign": b"+3\r\nabc\r\n",
    "0x": b"0x3\r\nabc\r\n",
    "17 digits": b"1" * 17 + b"\r\n",
    "bare line feed": b"3\nabc\n",
    "bare carriage return": b"3;\rx\r\nabc\r\n",
    "too much": b"3\r\nabcd\r\n",
    "an endless extension": b"3;" + b"a" * 5000,
    "many long extensions": (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 20,
    "a long trailer": b"0\r\nA: " + b"a" * 1000,
    "many trailers": b"0\r\n" + b"a:\r\n" * 240 + b"\r\n",
    "no trailer": b"0\r\nabc\r\n\r\n",
    "a folded trailer": b"0\r\na: b\r\n c\r\n\r\n",
    "NUL in the trailer": b"0\r\na: \x00\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    for pieces in ([REFUSED[name]], [bytes([byte]) for byte in REFUSED[name]]):
        with pytest.raises(h11.RemoteProtocolError) as caught:
            decoded(*pieces)
        is_size = re.search("long|many", name) and name != "no trailer"
        assert caught.value.error_status_hint == (431 if is_size and "endless" not in name else 400)


def test_small_chunks_are_decoded_together() -> None:
    decoder, buffer = ChunkedDecoder(MAX_TRAILER_BYTES), bytearray(b"1\r\nx\r\n" * 10_000)
    assert 100 < len(decoder.decode(buffer)) < 10_000
