from __future__ import annotations

import email
import io
import mimetypes
import os
import re
from collections.abc import Callable
from contextlib import closing
from email.message import Message
from pathlib import Path
from typing import Any

import multipart
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.formparser import parse_form_data

from filebody import (
    BodyShrank,
    BytesBody,
    FileBody,
    FormField,
    IterableBody,
    MultipartBody,
    NotReplayable,
    PathBody,
    UsageError,
)
from filebody.testing import check_body
from tests.body.reading import content_of, old_file, pipe_with, rest_of

ODD = "\"\\\r\n%;='\x00\x0b\x1c\x85\u2028ä€ a22DA\ud800"
NAMES = st.one_of(st.text(max_size=12), st.text(ODD, max_size=12))


def by_email(body: MultipartBody) -> list[Message]:
    head = b"Content-Type: " + body.content_type.encode() + b"\r\n\r\n"
    parts = email.message_from_bytes(head + content_of(body)).get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]


def by_multipart(body: MultipartBody) -> list[Any]:
    return list(multipart.MultipartParser(io.BytesIO(content_of(body)), body.boundary))


def by_werkzeug(body: MultipartBody) -> tuple[list[tuple[str, str]], list[tuple[Any, ...]]]:
    """The fields and the files: name, file name, type and content."""
    content = content_of(body)
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": body.content_type,
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.input": io.BytesIO(content),
    }
    _, form, files = parse_form_data(environ)
    stored = []
    for name, file in files.items(multi=True):
        with closing(file):
            stored.append((name, file.filename, file.mimetype, file.read()))
    return list(form.items(multi=True)), stored


def understood(name: str) -> str:
    """What a parser that undoes the three escapes makes of a name."""
    name = re.sub("[\ud800-\udfff]", "\ufffd", name)
    return name.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")


def test_what_is_sent(tmp_path: Path) -> None:
    path = old_file(tmp_path / "report.pdf", b"%PDF")
    body = MultipartBody(
        [
            FormField("title", "Größe"),
            FormField("raw", b"\x00\r\n", content_type="application/x-raw; v=1"),
            FormField("file", PathBody(path)),
        ],
        boundary="limit",
    )
    expected = (
        b"--limit\r\n"
        b'Content-Disposition: form-data; name="title"\r\n\r\nGr\xc3\xb6\xc3\x9fe\r\n'
        b"--limit\r\n"
        b'Content-Disposition: form-data; name="raw"\r\n'
        b"Content-Type: application/x-raw; v=1\r\n\r\n\x00\r\n\r\n"
        b"--limit\r\n"
        b'Content-Disposition: form-data; name="file"; filename="report.pdf"\r\n'
        b"Content-Type: application/pdf\r\n\r\n%PDF\r\n"
        b"--limit--\r\n"
    )
    assert body.content_type == "multipart/form-data; boundary=limit"
    check_body(lambda: body, expected)


def test_a_form_of_nothing_conforms() -> None:
    check_body(lambda: MultipartBody([], boundary="limit"), b"--limit--\r\n")


@settings(deadline=None, max_examples=300)
@given(NAMES, NAMES.filter(lambda name: "\\" not in name), st.binary(max_size=30))
@example('"; filename="x', 'a"\r\n\r\nb', b"\r\n--")
def test_parsers_find_every_value_whatever_it_is_called(
    name: str, filename: str, value: bytes
) -> None:
    body = MultipartBody(
        [FormField(name, value), FormField(name, BytesBody(value), filename, "text/plain")]
    )
    field, file = by_multipart(body)
    assert (field.name, field.filename, field.raw) == (understood(name), None, value)
    assert (file.name, file.filename, file.raw) == (understood(name), understood(filename), value)
    for part in (field, file):
        assert {key.lower() for key, _ in part.headerlist} <= {
            "content-disposition",
            "content-type",
        }
    parts = by_email(body)
    assert [part.get_payload(decode=True) for part in parts] == [value, value]
    assert [part.keys() for part in parts] == [
        ["Content-Disposition"],
        ["Content-Disposition", "Content-Type"],
    ]
    if "\\" in name:  # werkzeug takes it for an escape; browsers, and so we, send it as it is
        return
    form, files = by_werkzeug(body)
    assert len(form) == 1
    assert [content for *_, content in files] == [value]


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ('a"b', b"a%22b"),
        ("a\rb\nc\r\n", b"a%0Db%0Ac%0D%0A"),
        ("50% \\ ;", b"50% \\ ;"),
        ("Größe€", "Größe€".encode()),
        (os.fsdecode(b"caf\xe9"), b"caf\xef\xbf\xbd"),
    ],
)
def test_names_are_encoded_as_browsers_do(name: str, encoded: bytes) -> None:
    content = content_of(MultipartBody([FormField(name, "", filename=name)]))
    assert b'form-data; name="' + encoded + b'"; filename="' + encoded + b'"\r\n' in content


def test_werkzeug_reads_text_and_files(tmp_path: Path) -> None:
    path = old_file(tmp_path / 'ä "1".txt', b"in the file")
    form, files = by_werkzeug(
        MultipartBody(
            [FormField("a", "1"), FormField("f", PathBody(path)), FormField("a", "zwölf")]
        )
    )
    assert form == [("a", "1"), ("a", "zwölf")]
    assert files == [("f", 'ä "1".txt', "text/plain", b"in the file")]


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [
        ("a.png", "image/png"),
        ("A.PNG", "image/png"),
        ("a.unheard-of", "application/octet-stream"),
        ("no extension", "application/octet-stream"),
        ("a.tar.gz", "application/octet-stream"),  # not the application/x-tar that is inside
        ("data:text/html\r\nX-Evil: 1,.", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_type_is_guessed_by_the_extension(filename: str, content_type: str) -> None:
    (part,) = by_multipart(MultipartBody([FormField("f", b"", filename)]))
    assert part.headers["Content-Type"] == content_type


def test_a_given_type_is_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mimetypes, "guess_type")
    given = 'text/plain; charset="utf-8"'
    (part,) = by_email(MultipartBody([FormField("f", b"", "a.png", given)]))
    assert part["Content-Type"] == given


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text",
        "text/",
        "/plain",
        "text/plain;",
        "text/plain\r\nX-Evil: 1",
        "text/plain\n",
        'text/plain; a="\r\n"',
        'text/plain; a="open',
        "text/plain; a",
        "text/plain; a = b",
        "text/pläin",
        " text/plain",
    ],
)
def test_what_is_no_content_type_is_refused(content_type: str) -> None:
    with pytest.raises(UsageError, match="no content type"):
        FormField("f", b"", content_type=content_type)


@pytest.mark.parametrize(
    ("boundary", "shown"),
    [("x", "x"), ("a b", '"a b"'), ("'()+_,-./:=?", '"\'()+_,-./:=?"'), ("x" * 70, "x" * 70)],
)
def test_a_boundary_is_quoted_where_it_must_be(boundary: str, shown: str) -> None:
    body = MultipartBody([FormField("a", "1")], boundary=boundary)
    assert body.content_type == f"multipart/form-data; boundary={shown}"
    assert [part.get_payload() for part in by_email(body)] == ["1"]
    assert by_werkzeug(body) == ([("a", "1")], [])


@pytest.mark.parametrize("boundary", ["", " ", "a ", "x" * 71, 'a"b', "a\r\nb", "a\n", "ä", "a;b"])
def test_what_is_no_boundary_is_refused(boundary: str) -> None:
    with pytest.raises(UsageError, match="is no boundary"):
        MultipartBody([], boundary=boundary)


def test_boundaries_are_random_and_stay_the_same_for_every_pass() -> None:
    fields = [FormField("a", "1")]
    first, second = MultipartBody(fields), MultipartBody(fields)
    assert first.boundary != second.boundary
    assert len(first.boundary) >= 32
    assert content_of(first) == content_of(first)


def test_a_path_has_its_base_name_unless_another_is_given(tmp_path: Path) -> None:
    path = old_file(tmp_path / "report.txt", b"")
    assert FormField("f", PathBody(path)).filename == "report.txt"
    assert FormField("f", PathBody(path), "other").filename == "other"
    assert FormField("f", BytesBody(b"")).filename is None


def test_what_a_value_cannot_the_form_cannot() -> None:
    known = FormField("a", BytesBody(b"12"))
    unknown = FormField("b", IterableBody(iter([b"34"])))
    assert MultipartBody([known]).replayable
    body = MultipartBody([known, unknown], boundary="x")
    assert (body.length, body.replayable) == (None, False)
    content = content_of(body)
    assert [part.raw for part in multipart.MultipartParser(io.BytesIO(content), "x")] == [
        b"12",
        b"34",
    ]
    with pytest.raises(NotReplayable):
        body.open()


def test_a_value_of_a_pipe_is_waited_for_as_a_pipe() -> None:
    near, far = pipe_with(b"piped")
    os.close(far)
    with os.fdopen(near, "rb") as file:
        (part,) = by_multipart(MultipartBody([FormField("f", FileBody(file))]))
    assert part.raw == b"piped"


def test_a_file_that_shrank_never_makes_a_whole_form(tmp_path: Path) -> None:
    path = old_file(tmp_path / "file", b"long enough")
    body = MultipartBody([FormField("f", PathBody(path, allow_changes=True))], boundary="x")
    os.truncate(path, 3)
    with closing(body.open()) as reader, pytest.raises(BodyShrank):
        rest_of(reader)


field: Any = FormField  # as a program that no one has type-checked sees them
form: Any = MultipartBody


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: field(b"a", ""), "name must be a str, not bytes"),
        (lambda: field(None, ""), "name must be a str, not NoneType"),
        (lambda: field("a", 5), "a field's value must be a str, bytes or a Body, not int"),
        (lambda: field("a", Path("x")), "value must be"),
        (lambda: field("a", "", b"x"), "filename must be a str"),
        (lambda: field("a", "", "x", b"text/plain"), "content_type must be a str"),
        (lambda: form([("a", "1")]), "a field must be a FormField, not tuple"),
    ],
)
def test_what_no_form_has_is_refused(make: Callable[[], object], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        make()


def test_text_that_is_no_unicode_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="lone surrogate"):
        FormField("a", "\ud800")
