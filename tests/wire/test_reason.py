"""What servers of all kinds say in their refusals becomes one plain line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.wire import reason_of

S3 = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired</Message><X>1 &amp; 2</X>
<RequestId>4442587FB7D0A2F9</RequestId></Error>"""
SABRE = b"""<?xml version="1.0" encoding="utf-8"?>
<d:error xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns">
  <s:exception>Sabre\\DAV\\Exception\\Conflict</s:exception>
  <s:message>Files can only be created as children of collections</s:message></d:error>"""
NGINX = b"""<html>
<head><title>409 Conflict</title></head>
<body><center><h1>409 Conflict</h1></center><hr><center>nginx/1.22.1</center></body></html>"""
APACHE = b"""<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html><head><title>409 Conflict</title></head><body><h1>Conflict</h1>
<p>The resource &quot;a &amp; b&quot; could not be <!-- <b> -->created.</p></body></html>"""


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("text/plain", b"no\nroom &amp; no time.\n", "no room &amp; no time"),
        (None, b"plain words", "plain words"),
        ("text/plain; charset=iso-8859-1", b"caf\xe9", "caf\xe9"),
        ("text/plain; charset=undefined", b"x", "x"),
        ("text/plain; charset=idna", b"xn--", "xn--"),
        ("application/xml", S3, "AccessDenied: Request has expired"),
        ("text/xml", SABRE, "Files can only be created as children of collections"),
        (None, S3, "AccessDenied: Request has expired"),
        ("application/xml", b"<E><Message><![CDATA[a < b]]></Message></E>", "a < b"),
        ("application/xml", b"<E><Code>SlowDown</Code></E>", "SlowDown"),
        ("application/xml", b"<e>odd &lt;words&gt;</e>", "odd <words>"),
        ("text/html", NGINX, ""),
        ("text/html", APACHE, 'The resource "a & b" could not be created'),
        ("text/html", b"<title>Only &amp; a title</title>", "Only & a title"),
        ("text/html", b"<script>x()</script><p>words</p><style>y", "words"),
        (
            "application/problem+json",
            b'{"title": "Out of credit", "detail": "30 of 50 are left", "status": 409}',
            "Out of credit: 30 of 50 are left",
        ),
        (
            "application/problem+json",
            b'{"title": "Conflict", "detail": "it is there"}',
            "it is there",
        ),
        ("application/json", b'{"error": {"code": 7, "message": "quota"}}', "quota"),
        (
            "application/json",
            b'{"detail": [{"loc": ["x"], "msg": "field required"}]}',
            "field required",
        ),
        ("application/json", b'{"errors": ["first", "second"]}', "first"),
        ("application/json", b'"words"', "words"),
        ("application/json", b'{"cut": "of', '{"cut": "of'),
        ("application/json", b"[" * 60_000, None),
        ("image/png", b"\x89PNG", ""),
        ("application/octet-stream", b"words", ""),
        ("text/plain", "\x1b[31mred\u202e\u200b\x07".encode(), r"\x1b[31mred\u202e\u200b\x07"),
        ("text/plain", b"word " * 100, None),
    ],
)
def test_reason(kind: str | None, content: bytes, words: str | None) -> None:
    reason = reason_of(kind, content, 409, "Conflict")
    assert reason.isprintable()
    assert len(reason) <= 160
    if words is not None:
        assert reason == words


@given(st.sampled_from([None, "text/html", "text/xml", "application/json"]), st.binary())
def test_anything(kind: str | None, content: bytes) -> None:
    assert reason_of(kind, content).isprintable()


@pytest.mark.parametrize(
    "piece",
    ["<title>", "<![CDATA[", "<a:a", "<!--", "<head", "<", "<a ", "</head ", "[", '{"a":', "&"],
)
@pytest.mark.parametrize("kind", ["text/html", "text/xml", "application/json"])
def test_no_content_takes_long(kind: str, piece: str) -> None:
    content = (piece * (1 << 16)).encode()[: 1 << 16]
    began = time.process_time()
    reason_of(kind, content, 409, "Conflict")
    assert time.process_time() - began < 2
