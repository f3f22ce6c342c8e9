"""Text with a blot for each secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody._redaction import redact, redact_identifiers, redact_line, redact_unparsed


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://h/f", "http://h/f"),
        ("http://me:s3@h/f", "http://***@h/f"),
        ("//me:s3@h/f", "//***@h/f"),
        ("http://me:a@s3@h/f", "http://***@h/f"),
        ("write http://USER:PASSWORD@HOST:PORT", "write http://USER:PASSWORD@HOST:PORT"),
        ("http://h/@s/f", "http://h/@s/f"),
        ("http://h/f?sig=s3", "http://h/f?sig=***"),
        ("http://h/.uploads/s3/f", "http://h/.uploads/***/f"),
        ("what?is=this.txt#1", "what?is=this.txt#1"),
        ("a//b@c/d", "a//b@c/d"),
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


HEX = "24e533e02ec3bc40c387f1a0e460e216"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/files/{HEX}", "/files/***"),
        (f"/files/{HEX}+2~xAb.c-d_e/x", "/files/***/x"),
        ("/f/0b5c3a52-9f6f-4f0e-8f5f-2f0a0d0c0b0a/", "/f/***/"),
        ("/f/dXBsb2Fkcy9hYmMvZGVm1w?x=1", "/f/***?x=1"),
        ("/.uploads/short", "/.uploads/***"),
        (f"/f/{HEX}.tar", f"/f/{HEX}.tar"),
        ("/backup-2024-01-02-database-of-the-shop", "/backup-2024-01-02-database-of-the-shop"),
        ("/Photos_of_2024-summer.tar", "/Photos_of_2024-summer.tar"),
        ("/files/12345", "/files/12345"),
    ],
)
def test_identifiers(path: str, shown: str) -> None:
    assert redact_identifiers(f"no http://h{path}: no") == f"no http://h{shown}: no"
    line = redact_line(f"PATCH {path} HTTP/1.1", has_identifiers=True)
    assert line == f"PATCH {shown} HTTP/1.1"
    line = redact_line(f"Location: {path}", has_identifiers=True)
    assert line == f"Location: {shown}"
    assert redact_line(f"PATCH /a/{HEX} HTTP/1.1") == f"PATCH /a/{HEX} HTTP/1.1"


def test_parts() -> None:
    assert redact_line("Upload-Concat: final;/a/1 /a/2") == "Upload-Concat: final;***"
    assert redact_line("Upload-Concat: partial") == "Upload-Concat: partial"


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
        ("PUT /.uploads/s3?k=s3 HTTP/1.1", "PUT /.uploads/***?k=*** HTTP/1.1"),
        ("Location: /.uploads/s3?k=s3", "Location: /.uploads/***?k=***"),
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


@pytest.mark.parametrize("piece", ["a", ".", ":", ")", "/", "?", "&", "=", "+", "//", "://", " @"])
def test_a_long_line_takes_no_longer_than_its_length(piece: str) -> None:
    line = piece * 50_000 + "x"
    shown = "http://h/" + "a1" * 20 + "+" + line
    for text in (line, shown, f"X: {line}", f"PUT /{line}", f"PUT {line}@h"):
        # Quadratic work would take minutes.
        redact_line(text, has_identifiers=True)
        redact_identifiers(text)
        redact_unparsed(text)
