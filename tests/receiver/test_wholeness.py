"""No part of a file, and nothing else than a file, is stored as if it were one."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import TUS, ask, draft, ietf_append, ietf_create, tus_create, tus_head

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PART = b"part"
TUS_BYTES = "Content-Type: application/offset+octet-stream"


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def replacing(tmp_path: Path) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(tmp_path, overwrite=True) as receiver:
        (receiver.directory / "file").write_bytes(b"old")
        yield receiver


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (400, ["Upload-Complete: ?0"]),
        (400, ["Upload-Complete: ?0", "Upload-Complete: ?0"]),
        (400, ["Upload-Complete: ?0, ?1"]),
        (400, ["Upload-Complete: 0"]),
        (400, ["Upload-Complete: false", draft(10)]),
        (400, ["Upload-Incomplete: ?1"]),
        (400, ["Upload-Incomplete: ?1", draft(10)]),
        (400, ["Upload-Incomplete: ?1", "Upload-Draft-Interop-Version: 3"]),
        (400, ["Upload-Offset: 100"]),
        (400, ["Upload-Offset: 100", "Upload-Complete: ?1", draft(10)]),
        (400, ["Upload-Offset: 100", "Upload-Complete: ?1"]),
        (400, ["Upload-Length: 100"]),
        (400, ["Upload-Length: 100", "Upload-Complete: ?1"]),
        (400, ["Upload-Defer-Length: 1"]),
        (400, ["Upload-Concat: partial"]),
        (415, ["x-amz-decoded-content-length: 2"]),
        (415, ["x-amz-copy-source: /bucket/key"]),
        (415, ["Content-Type: ;multipart/form-data;boundary=x"]),
        (415, ["Content-Type: multipart/form-data boundary=x"]),
        (415, ["Content-Type: multipart / form-data; boundary=x"]),
        (415, ["Content-Type: \xa0multipart/form-data; boundary=x"]),
        (412, ["If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"]),
        (412, ["If-None-Match: *", "If-None-Match: *"]),
        (412, ['If-None-Match: "a", *']),
        (412, ["If-None-Match: * ,", "Upload-Complete: ?1", draft(10)]),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_what_may_be_no_file_replaces_none(
    replacing: ReceiverProcess, method: str, status: int, fields: list[str]
) -> None:
    answer = ask(replacing, method, "/file", *fields, body=PART)
    assert answer.status == status
    assert (replacing.directory / "file").read_bytes() == b"old"


@pytest.mark.parametrize(
    "fields",
    [
        ["Upload-Complete: ?1"],
        ["Upload-Complete: ?1", "Upload-Length: 4", "Upload-Offset: 0"],
        ["Upload-Incomplete: ?0"],
        ['If-None-Match: "a"'],
        ["Content-Type: text/plain; about=multipart/form-data"],
        ["Content-Type: multipart/form-data-like"],
        ["Expect:"],
        ["Expect: 100-continue", "Expect: 100-Continue"],
    ],
)
def test_what_is_a_file_is_stored(replacing: ReceiverProcess, fields: list[str]) -> None:
    assert ask(replacing, "PUT", "/file", *fields, body=PART).status == 200
    assert (replacing.directory / "file").read_bytes() == PART


def test_tus_replaces_nothing_on_a_condition(replacing: ReceiverProcess) -> None:
    for condition in ("If-Match: *", "If-Unmodified-Since: Sat, 01 Jan 2000 00:00:00 GMT"):
        answer = ask(replacing, "POST", "/file", TUS, "Upload-Length: 0", condition, body=b"")
        assert 400 <= answer.status < 500
        assert answer.status not in {409, 412}  # which mean something else to clients of tus
    assert (replacing.directory / "file").read_bytes() == b"old"


def test_no_coded_bytes_are_appended(receiver: ReceiverProcess) -> None:
    coded = "Content-Encoding: gzip"
    made = ask(receiver, "POST", "/file", TUS, TUS_BYTES, "Upload-Length: 4", coded, body=PART)
    assert made.status == 415
    upload = tus_create(receiver, 4, "/file")
    answer = ask(receiver, "PATCH", upload, TUS, TUS_BYTES, "Upload-Offset: 0", coded, body=PART)
    assert (answer.status, answer.fields["accept-encoding"]) == (415, "identity")
    assert tus_head(receiver, upload).fields["upload-offset"] == "0"
    upload = ietf_create(receiver, "/other")
    answer = ask(
        receiver,
        "PATCH",
        upload,
        draft(10),
        "Content-Type: application/partial-upload",
        "Upload-Offset: 0",
        "Upload-Complete: ?1",
        coded,
        body=PART,
    )
    assert answer.status == 415
    assert ietf_append(receiver, upload, 0, PART, complete=True).status == 201
    assert not (receiver.directory / "file").exists()


def test_every_checksum_of_tus_counts(receiver: ReceiverProcess) -> None:
    right = f"Upload-Checksum: sha1 {base64_of(hashlib.sha1(PART).digest())}"
    wrong = f"Upload-Checksum: sha1 {base64_of(bytes(20))}"
    digest = f"Content-Digest: sha-256=:{base64_of(bytes(32))}:"
    upload = tus_create(receiver, 4, "/file")
    for status, checksums in ((400, [right, wrong]), (460, [digest]), (460, [right, digest])):
        answer = ask(
            receiver, "PATCH", upload, TUS, TUS_BYTES, "Upload-Offset: 0", *checksums, body=PART
        )
        assert answer.status == status
        assert tus_head(receiver, upload).fields["upload-offset"] == "0"
    answer = ask(receiver, "PATCH", upload, TUS, TUS_BYTES, "Upload-Offset: 0", right, body=PART)
    assert answer.status == 204
