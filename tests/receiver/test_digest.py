from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.receiver._digest import merge, repr_digest, requested
from filebody.receiver._refusal import Refusal

A = hashlib.sha256(b"a").digest()
B = hashlib.sha256(b"b").digest()


def written(algorithm: str, digest: bytes) -> bytes:
    return f"{algorithm}=:{base64.b64encode(digest).decode()}:".encode()


def test_both_fields_and_all_their_lines_count() -> None:
    long = hashlib.sha512(b"a").digest()
    assert requested(
        [
            (b"content-digest", written("md5", b"x")),
            (b"repr-digest", written("sha-256", A)),
            (b"content-digest", written("sha-512", long)),
            (b"x-digest", b"!"),
        ]
    ) == {"sha-256": A, "sha-512": long}


def test_the_last_of_equal_keys_counts() -> None:
    # RFC 9651 section 4.2.2.
    value = written("sha-256", A) + b", " + written("sha-256", B)
    assert requested([(b"repr-digest", value)]) == {"sha-256": B}


@pytest.mark.parametrize(
    "value",
    [
        b":",
        b"sha-256=:!:",
        b"sha-256=:AAAA:",
        b"sha-256",
        b"sha-256=abc",
        b'sha-256="AAAA"',
        b"sha-256=(:AAAA:)",
        b"md5=1",
        b"sha-256=:" + base64.b64encode(A) + b": garbage",
    ],
)
def test_refused(value: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        requested([(b"content-digest", value)])
    assert refusal.value.status == 400


@given(st.binary(max_size=100))
def test_any_value_is_read_or_refused(value: bytes) -> None:
    try:
        found = requested([(b"repr-digest", value)])
    except Refusal:
        return
    assert found.keys() <= {"sha-256", "sha-512"}


def test_contradiction() -> None:
    assert merge({"sha-256": A}, {"sha-256": A, "sha-512": B}) == {"sha-256": A, "sha-512": B}
    with pytest.raises(Refusal, match="two different"):
        merge({"sha-256": A}, {"sha-256": B})


@given(st.binary(min_size=32, max_size=32))
def test_what_we_write_we_read(digest: bytes) -> None:
    assert requested([(b"repr-digest", repr_digest(digest).encode())]) == {"sha-256": digest}
