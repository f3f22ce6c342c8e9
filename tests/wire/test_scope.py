"""Fields that go to no other origin, and what is blotted: one rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody._redaction import is_secret_name
from filebody.wire import Field, is_bound_to_origin

NAMES = st.text("abcdefghijklmnopqrstuvwxyzACKTX-_", min_size=1, max_size=20)


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "Cookie", "Proxy-Authorization", "Host", "X-Auth-Token", "X-Api-Key"),
        *("Private-Token", "X-Vault-Token", "api_key", "X-Functions-Key", "X-CSRF", "X-Session-Id"),
        *("X-Goog-Signature", "X-Sig", "X-Otp", "X-Team", "From", "Referer", "Origin"),
        *("Content-Token", "Accept-Secret", "If-Authorized", "X-Forwarded-For", "X-Pass"),
    ],
)
def test_bound(name: str) -> None:
    assert is_bound_to_origin(name.encode())
    assert is_bound_to_origin(name.upper().encode())


@pytest.mark.parametrize(
    "name",
    [
        *("Accept", "Accept-Encoding", "User-Agent", "Content-Type", "content-disposition"),
        *("If-None-Match", "Range", "Expect", "Repr-Digest", "Prefer", *Field),
    ],
)
def test_free(name: str) -> None:
    assert not is_bound_to_origin(name.encode())


@given(st.sampled_from(["", "Accept-", "Content-", "If-", "X-"]), NAMES)
def test_a_secret_is_always_bound(prefix: str, name: str) -> None:
    if is_secret_name(prefix + name):
        assert is_bound_to_origin((prefix + name).encode())


def test_a_name_that_is_no_text() -> None:
    assert is_bound_to_origin(b"\xff\x00")
