from __future__ import annotations

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filebody import BytesBody
from filebody.testing import check_body
from tests.body.reading import content_of


@settings(max_examples=20, deadline=None)
@given(st.binary(max_size=300))
def test_conformance(content: bytes) -> None:
    check_body(lambda: BytesBody(content), content)


def test_conformance_of_more_than_one_piece() -> None:
    content = bytes(range(251)) * 10_000
    check_body(lambda: BytesBody(content), content)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_buffer_is_copied(kind: type) -> None:
    buffer = bytearray(b"abc")
    body = BytesBody(kind(buffer))
    buffer[:] = b"xyz"
    assert content_of(body) == b"abc"


@pytest.mark.parametrize("wrong", [5, "text", None, [1, 2]])
def test_what_is_not_bytes_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match=f"not {type(wrong).__name__}"):
        BytesBody(wrong)  # type: ignore[arg-type]


def test_it_is_a_value_that_does_not_show_its_content() -> None:
    body = BytesBody(b"secret", source="form field")
    assert body == BytesBody(b"secret", source="form field")
    assert "secret" not in repr(body)
    assert "form field" in repr(body)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        body.length = 3  # type: ignore[misc]
