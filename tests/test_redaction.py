"""Text with a blot for each secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody._redaction import redact, redact_line, redact_unparsed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://h/f", "http://h/f"),
        ("http://me:s3@h/f", "http://***@h/f"),
        ("//me:s3@h/f", "//***@h/f"),
        ("http://me:a@s3@h/f", "http://***@h/f"),
        ("http://h/@s/f", "http://h/@s/f"),
        ("http://h/f?sig=s3", "http://h/f?sig=***"),
        ("http://h/f?part=1&uploads&code=123", "http://h/f?part=1&uploads&code=***"),
        ("http://h/f?overwrite=true", "http://h/f?overwrite=true"),
        ("http://h/f?folder=s3", "http://h/f?folder=***"),
        ("http://h/f?s3", "http://h/f?***"),
        ("http://h/f?a=1;k=s3", "http://h/f?a=1;k=***"),
        ("http://h/f?a=s3=s3&b=s3?s3", "http://h/f?a=***&b=***"),
        ("http://h/f#access_token=s3", "http://h/f#***"),
        ("http://h/f?a=s3: refused", "http://h/f?a=***: refused"),
        ("(http://h/f?a=s3), so", "(http://h/f?a=***), so"),
        ("is it there? yes, at 'http://h/?k=s3'", "is it there? yes, at 'http://h/?k=***'"),
        ("from http://u:s3@a/ to http://u:s3@b/", "from http://***@a/ to http://***@b/"),
    ],
)
def test_text(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("X-Vault-Key: s3", "X-Vault-Key: ***"),
        ("X-Forwarded: Bearer s3", "X-Forwarded: ***"),
        ("Location: http://u:s3@h/?sig=s3", "Location: http://***@h/?sig=***"),
        ("http://h/: Basic s3 is wrong", "http://h/: Basic s3 is wrong"),
        ("PUT /auth:1 HTTP/1.1", "PUT /auth:1 HTTP/1.1"),
        ("PUT http://auth:1/ HTTP/1.1", "PUT http://auth:1/ HTTP/1.1"),
        ("Content-Type: text/plain", "Content-Type: text/plain"),
        ("X-Empty-Token:", "X-Empty-Token: ***"),
    ],
)
def test_line(line: str, shown: str) -> None:
    assert redact_line(line) == shown


PASSWORDS = st.text("s3@/:?#[]\\%&=;,", min_size=1, max_size=12)


@given(PASSWORDS, st.sampled_from(["http://", "HTTPS://", "http:/", "http:", "", "ftp://", "//"]))
def test_what_is_no_url_shows_no_password(password: str, scheme: str) -> None:
    shown = redact_unparsed(f"{scheme}me:SECRET{password}SECRET@host/")
    assert "SECRET" not in shown
    assert shown.endswith("host/")


def test_what_is_no_url_keeps_its_scheme() -> None:
    assert redact_unparsed("ftp://me:s3@h/") == "ftp://***@h/"
    assert redact_unparsed("http://me:s3 s3@h/?a=s3") == "http://***@h/?a=***"
