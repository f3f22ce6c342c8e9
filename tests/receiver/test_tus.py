"""tus 1.0, played over real sockets."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import (
    TUS,
    TUS_TYPE,
    ask,
    checksum,
    draft,
    final,
    located,
    message,
    metadata,
    tus_append,
    tus_create,
    tus_head,
)
from tests.receiver.wire import Wire, chunked, head

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_SIZE = 1_000_000
HELLO = b"hello world"
SHA256 = base64.b64encode(hashlib.sha256(HELLO).digest()).decode()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(
        tmp_path_factory.mktemp("tus"), max_size=MAX_SIZE, overwrite=True
    ) as process:
        yield process


def leftovers(receiver: ReceiverProcess) -> list[str]:
    return [name for name in receiver.files if name.endswith(".part")]


def test_options(shared: ReceiverProcess) -> None:
    answer = ask(shared, "OPTIONS", "/")
    assert answer.status == 204
    assert answer.fields["tus-version"] == "1.0.0"
    assert answer.fields["tus-max-size"] == str(MAX_SIZE)
    assert "sha1" in answer.fields["tus-checksum-algorithm"].split(",")
    assert set(answer.fields["tus-extension"].split(",")) >= {
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "checksum",
        "concatenation",
        "expiration",
        "termination",
    }
    assert "application/partial-upload" in answer.fields["accept-patch"]
    assert f"max-size={MAX_SIZE}" in answer.fields["upload-limit"]


def test_an_upload_in_two_requests(shared: ReceiverProcess) -> None:
    said = metadata(filename="two.txt", other="ü")
    path = tus_create(shared, 11, "/", said)
    assert len(path) >= 32

    answer = tus_head(shared, path)
    assert (answer.status, answer.fields["upload-offset"]) == (200, "0")
    assert answer.fields["upload-length"] == "11"
    assert answer.fields["cache-control"] == "no-store"
    assert answer.fields["tus-resumable"] == "1.0.0"
    assert f"Upload-Metadata: {answer.fields['upload-metadata']}" == said
    assert "upload-expires" in answer.fields

    answer = tus_append(shared, path, 0, HELLO[:5])
    assert (answer.status, answer.fields["upload-offset"]) == (204, "5")
    assert "upload-expires" in answer.fields
    assert not (shared.directory / "two.txt").exists()
    assert tus_head(shared, path).fields["upload-offset"] == "5"

    answer = tus_append(shared, path, 5, HELLO[5:])
    assert (answer.status, answer.fields["upload-offset"]) == (204, "11")
    assert answer.fields["repr-digest"] == f"sha-256=:{SHA256}:"
    assert located(path, answer, "content-location") == "/two.txt"
    assert (shared.directory / "two.txt").read_bytes() == HELLO
    assert not leftovers(shared)
    told = shared.events[-1]
    assert (told["kind"], told["name"]) == ("Stored", "two.txt")
    assert told["sha256"] == hashlib.sha256(HELLO).hexdigest()

    answer = tus_head(shared, path)
    assert (answer.fields["upload-offset"], answer.fields["upload-length"]) == ("11", "11")
    assert answer.fields["repr-digest"] == f"sha-256=:{SHA256}:"
    # Late, or said twice.
    assert tus_append(shared, path, 0, HELLO).status == 409
    assert tus_append(shared, path, 11, b"!").status == 413
    assert tus_append(shared, path, 11, b"").status == 204
    assert (shared.directory / "two.txt").read_bytes() == HELLO


@attrs.frozen
class Refused:
    request: bytes
    status: int
    reason: str = ""


def create(*fields: str, body: bytes = b"", target: str = "/") -> bytes:
    return message("POST", target, TUS, *fields, body=body)


REFUSED = {
    "other version": Refused(
        message("POST", "/", "Tus-Resumable: 0.2.2", "Upload-Length: 1", body=b""), 412, "tus 1.0.0"
    ),
    "no length": Refused(create(), 400, "Upload-Length"),
    "both lengths": Refused(create("Upload-Length: 1", "Upload-Defer-Length: 1"), 400, "place"),
    "odd deferral": Refused(create("Upload-Defer-Length: 2"), 400, "place"),
    "negative length": Refused(create("Upload-Length: -1"), 400, "number of bytes"),
    "too long": Refused(create(f"Upload-Length: {MAX_SIZE + 1}"), 413, "1000000"),
    "wrong metadata": Refused(create("Upload-Length: 1", "Upload-Metadata: a %"), 400, "base64"),
    "a path as name": Refused(create("Upload-Length: 1", metadata(filename="../x")), 400, "slash"),
    "an absolute name": Refused(create("Upload-Length: 1", metadata(filename="/x")), 400, "slash"),
    "a hidden name": Refused(create("Upload-Length: 1", metadata(filename=".x")), 400, "dot"),
    "a name with NUL": Refused(
        create("Upload-Length: 1", metadata(filename="a\0")), 400, "control"
    ),
    "a way out": Refused(create("Upload-Length: 1", target="/../x"), 400, "'..'"),
    "body of another type": Refused(create("Upload-Length: 1", body=b"x"), 415, "offset+octet"),
    "body longer than that": Refused(
        create("Upload-Length: 1", TUS_TYPE, body=b"xx"), 413, "more than the 1"
    ),
    "joining nothing of ours": Refused(create("Upload-Concat: final;/a /b"), 400, "no upload"),
    "joining what is no URL": Refused(create("Upload-Concat: final;http://[x"), 400),
    "joining no identifier": Refused(create("Upload-Concat: final;/.uploads/x"), 404),
    "metadata of a part": Refused(create("Upload-Concat: partial", "Upload-Metadata: a !"), 400),
    "joining the unknown": Refused(create(f"Upload-Concat: final;/.uploads/{'x' * 32}"), 404),
    "joining with a length": Refused(
        create("Upload-Concat: final;/a", "Upload-Length: 1"), 400, "neither"
    ),
    "odd concat": Refused(create("Upload-Concat: both", "Upload-Length: 1"), 400, "neither"),
    "odd checksum": Refused(
        create("Upload-Length: 1", "Upload-Checksum: crc7 AAAA", TUS_TYPE, body=b"x"), 400, "sha1"
    ),
    "unknown upload": Refused(message("HEAD", f"/.uploads/{'x' * 32}", TUS), 404),
    "no identifier": Refused(message("HEAD", "/.uploads/../x", TUS), 404),
    "unknown to PATCH": Refused(
        message("PATCH", f"/.uploads/{'x' * 32}", TUS, TUS_TYPE, "Upload-Offset: 0", body=b"x"), 404
    ),
    "unknown to DELETE": Refused(message("DELETE", f"/.uploads/{'x' * 32}", TUS), 404),
    "GET of an upload": Refused(message("GET", f"/.uploads/{'x' * 32}", TUS), 405),
    "no protocol": Refused(message("HEAD", f"/.uploads/{'x' * 32}"), 412),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(shared: ReceiverProcess, name: str) -> None:
    case = REFUSED[name]
    method = case.request.partition(b" ")[0].decode()
    with Wire(shared.address) as wire:
        wire.send(case.request)
        answer = final(wire, method)
    assert answer.status == case.status, answer
    assert case.reason in answer.body.decode()
    assert answer.fields["tus-resumable"] == "1.0.0"
    assert "upload-offset" not in answer.fields
    if answer.status == 412:
        assert answer.fields["tus-version"] == "1.0.0"
    assert not leftovers(shared)


def test_what_does_not_change_an_upload(shared: ReceiverProcess) -> None:
    path = tus_create(shared, 11, "/unchanged")
    assert tus_append(shared, path, 0, HELLO[:4]).status == 204
    said = [TUS, TUS_TYPE, "Upload-Offset: 4"]
    wrong = {
        409: message("PATCH", path, TUS, TUS_TYPE, "Upload-Offset: 3", body=b"x"),
        415: message("PATCH", path, TUS, "Upload-Offset: 4", body=b"x"),
        400: message("PATCH", path, TUS, TUS_TYPE, body=b"x"),
        413: message("PATCH", path, *said, body=b"12345678"),
        411: message("PATCH", path, *said),
        412: message("PATCH", path, TUS_TYPE, "Upload-Offset: 4", body=b"x"),
        460: message("PATCH", path, *said, checksum("sha1", b"y"), body=b"x"),
    }
    for status, request in wrong.items():
        with Wire(shared.address) as wire:
            wire.send(request)
            assert final(wire).status == status
        answer = tus_head(shared, path)
        assert (answer.status, answer.fields["upload-offset"]) == (200, "4"), status
    # A length that was said cannot become another.
    assert tus_append(shared, path, 4, b"x", "Upload-Length: 12").status == 400
    # What comes in chunks shows only then that it is too much; nothing of it stays.
    with Wire(shared.address) as wire:
        wire.send(
            head("PATCH", path, *said, "Transfer-Encoding: chunked") + chunked(b"1234", b"5678")
        )
        assert final(wire).status == 413
    assert tus_head(shared, path).fields["upload-offset"] == "4"
    assert tus_append(shared, path, 4, HELLO[4:]).status == 204
    assert (shared.directory / "unchanged").read_bytes() == HELLO


def test_creation_with_upload(shared: ReceiverProcess) -> None:
    answer = ask(shared, "POST", "/some", TUS, "Upload-Length: 11", TUS_TYPE, body=HELLO[:3])
    assert (answer.status, answer.fields["upload-offset"]) == (201, "3")
    assert tus_append(shared, located("/some", answer), 3, HELLO[3:]).status == 204
    answer = ask(shared, "POST", "/whole", TUS, "Upload-Length: 11", TUS_TYPE, body=HELLO)
    assert (answer.status, answer.fields["upload-offset"]) == (201, "11")
    for name in ("some", "whole"):
        assert (shared.directory / name).read_bytes() == HELLO


def test_nothing_is_complete_at_once(shared: ReceiverProcess) -> None:
    path = tus_create(shared, 0, "/nothing")
    assert (shared.directory / "nothing").read_bytes() == b""
    assert tus_head(shared, path).fields["upload-offset"] == "0"
    answer = ask(shared, "POST", "/nothing2", TUS, "Upload-Length: 0")  # no Content-Length at all
    assert answer.status == 201
    assert (shared.directory / "nothing2").read_bytes() == b""


def test_deferred_length(shared: ReceiverProcess) -> None:
    path = tus_create(shared, None, "/deferred")
    assert tus_append(shared, path, 0, HELLO[:4]).status == 204
    answer = tus_head(shared, path)
    assert answer.fields["upload-defer-length"] == "1"
    assert "upload-length" not in answer.fields
    assert tus_append(shared, path, 4, b"", "Upload-Length: 3").status == 400
    assert tus_append(shared, path, 4, HELLO[4:8], "Upload-Length: 11").status == 204
    answer = tus_head(shared, path)
    assert answer.fields["upload-length"] == "11"
    assert "upload-defer-length" not in answer.fields
    assert tus_append(shared, path, 8, HELLO[8:], "Upload-Length: 12").status == 400
    assert tus_append(shared, path, 8, HELLO[8:], "Upload-Length: 11").status == 204
    assert (shared.directory / "deferred").read_bytes() == HELLO


def test_length_said_at_last_alone(shared: ReceiverProcess) -> None:
    path = tus_create(shared, None, "/last")
    assert tus_append(shared, path, 0, HELLO).status == 204
    assert tus_append(shared, path, 11, b"", "Upload-Length: 11").status == 204
    assert (shared.directory / "last").read_bytes() == HELLO


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512", "md5"])
def test_checksums(shared: ReceiverProcess, algorithm: str) -> None:
    path = tus_create(shared, 11, "/checked")
    right, wrong = checksum(algorithm, HELLO), checksum(algorithm, HELLO[:-1])
    answer = tus_append(shared, path, 0, HELLO, wrong)
    assert (answer.status, answer.fields["tus-resumable"]) == (460, "1.0.0")
    assert tus_head(shared, path).fields["upload-offset"] == "0"
    assert tus_append(shared, path, 0, HELLO, right).status == 204
    assert (shared.directory / "checked").read_bytes() == HELLO


def test_a_checksum_in_the_trailer(shared: ReceiverProcess) -> None:
    path = tus_create(shared, 11, "/trailed")
    for content, status in ((b"other", 460), (HELLO, 204)):
        with Wire(shared.address) as wire:
            fields = [TUS, TUS_TYPE, "Upload-Offset: 0", "Trailer: Upload-Checksum"]
            wire.send(head("PATCH", path, *fields, "Transfer-Encoding: chunked"))
            wire.send(chunked(HELLO[:2], HELLO[2:], trailer=checksum("sha1", content) + "\r\n"))
            assert final(wire).status == status
    assert (shared.directory / "trailed").read_bytes() == HELLO


def test_termination(shared: ReceiverProcess) -> None:
    path = tus_create(shared, 11, "/ended")
    tus_append(shared, path, 0, HELLO[:4])
    answer = ask(shared, "DELETE", path, TUS)
    assert (answer.status, answer.fields["tus-resumable"]) == (204, "1.0.0")
    assert tus_head(shared, path).status == 404
    assert tus_append(shared, path, 4, HELLO[4:]).status == 404
    assert not leftovers(shared)


def test_the_method_that_counts(shared: ReceiverProcess) -> None:
    path = tus_create(shared, 11, "/overridden")
    answer = ask(
        shared,
        "POST",
        path,
        TUS,
        TUS_TYPE,
        "Upload-Offset: 0",
        "X-HTTP-Method-Override: PATCH",
        body=HELLO[:3],
    )
    assert (answer.status, answer.fields["upload-offset"]) == (204, "3")
    answer = ask(shared, "POST", path, TUS, "X-HTTP-Method-Override: HEAD", body=b"")
    assert (answer.status, answer.fields["upload-offset"]) == (200, "3")
    assert ask(shared, "POST", path, TUS, "X-HTTP-Method-Override: DELETE", body=b"").status == 204
    assert tus_head(shared, path).status == 404


@pytest.mark.parametrize("form", ["relative", "absolute"])
def test_concatenation(shared: ReceiverProcess, form: str) -> None:
    pieces = [HELLO[:3], HELLO[3:8], HELLO[8:]]
    paths = []
    for piece in pieces:
        paths.append(tus_create(shared, len(piece), "/", "Upload-Concat: partial"))
        assert tus_append(shared, paths[-1], 0, piece).status == 204
        answer = tus_head(shared, paths[-1])
        assert answer.fields["upload-concat"] == "partial"
        assert answer.fields["upload-offset"] == str(len(piece))
    base = shared.url.rstrip("/") if form == "absolute" else ""
    joined = f"Upload-Concat: final;{' '.join(base + path for path in paths)}"
    answers = [
        ask(shared, "POST", "/", TUS, joined, metadata(filename="joined"), body=b"")
        for _ in range(2)  # who missed the answer says it again
    ]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].fields["location"] == answers[1].fields["location"]
    assert (shared.directory / "joined").read_bytes() == HELLO
    assert not leftovers(shared)
    answer = tus_head(shared, located("/", answers[0]))
    assert answer.fields["upload-offset"] == answer.fields["upload-length"] == "11"
    assert f"Upload-Concat: {answer.fields['upload-concat']}" == joined
    assert tus_append(shared, located("/", answers[0]), 11, b"").status == 403
    assert answers[0].fields["repr-digest"] == f"sha-256=:{SHA256}:"


def test_what_cannot_be_joined(shared: ReceiverProcess) -> None:
    part = tus_create(shared, 3, "/", "Upload-Concat: partial")
    other = tus_create(shared, 3, "/other")
    for parts, status in ((part, 422), (f"{other} {part}", 400), (other, 400)):
        answer = ask(shared, "POST", "/x", TUS, f"Upload-Concat: final;{parts}", body=b"")
        assert answer.status == status
    for path in (part, other):
        assert ask(shared, "DELETE", path, TUS).status == 204
    assert not (shared.directory / "x").exists()


def test_a_name_is_given_where_there_is_none(shared: ReceiverProcess) -> None:
    path = tus_create(shared, 11, "/in/")
    answer = tus_append(shared, path, 0, HELLO)
    stored = located(path, answer, "content-location")
    assert stored.startswith("/in/upload-")
    assert (shared.directory / stored[1:]).read_bytes() == HELLO


def test_a_name_that_is_taken(receiver: ReceiverProcess) -> None:
    paths = [tus_create(receiver, 11, "/one") for _ in range(2)]
    assert tus_append(receiver, paths[0], 0, HELLO).status == 204
    assert tus_append(receiver, paths[1], 0, HELLO[:5]).status == 204
    assert tus_append(receiver, paths[1], 5, HELLO[5:]).status == 422
    # It could never end well.
    assert tus_head(receiver, paths[1]).status == 404
    assert ask(receiver, "POST", "/one", TUS, "Upload-Length: 1", body=b"").status == 422
    assert not leftovers(receiver)


def test_a_digest_of_the_whole(shared: ReceiverProcess) -> None:
    right, wrong = (
        f"Repr-Digest: sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"
        for content in (HELLO, b"other")
    )
    path = tus_create(shared, 11, "/promised", wrong)
    assert tus_append(shared, path, 0, HELLO).status == 400
    assert tus_head(shared, path).status == 404
    assert not (shared.directory / "promised").exists()
    path = tus_create(shared, 11, "/promised", right)
    assert tus_append(shared, path, 0, HELLO).status == 204


def test_a_quota(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, quota=2000) as receiver:
        path = tus_create(receiver, 900, "/one")
        refused = ask(receiver, "POST", "/two", TUS, "Upload-Length: 900", body=b"")
        assert (refused.status, b"2000 bytes together" in refused.body) == (507, True)
        deferred = tus_create(receiver, None, "/two")
        assert tus_append(receiver, deferred, 0, bytes(300)).status == 204
        assert tus_append(receiver, deferred, 300, bytes(600)).status == 507
        assert tus_append(receiver, path, 0, bytes(900)).status == 204
        assert tus_append(receiver, deferred, 300, bytes(600)).status == 204


def test_what_can_never_fit_into_the_quota_is_too_large(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, quota=2000) as receiver:
        told = ask(receiver, "OPTIONS", "/").fields
        assert (told["tus-max-size"], told["upload-limit"].split(",")[0]) == (
            "1000",
            "max-size=1000",
        )
        assert ask(receiver, "POST", "/", TUS, "Upload-Length: 2001", body=b"").status == 413
        deferred = tus_create(receiver, None, "/two")
        assert tus_append(receiver, deferred, 0, bytes(2001)).status == 413
        answer = ask(receiver, "PUT", "/x", draft(10), "Upload-Complete: ?1", body=bytes(2001))
        assert (answer.status, "max-size=1000" in answer.fields["upload-limit"]) == (413, True)


def test_records_count_in_the_quota(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, quota=20_000) as receiver:
        large = metadata(filename="x", thumb="y" * 9000)
        kept = [tus_create(receiver, 1, "/", large)]
        refused = ask(receiver, "POST", "/", TUS, "Upload-Length: 1", large, body=b"")
        assert refused.status == 507
        assert tus_append(receiver, kept[0], 0, b"x").status == 204
        refused = ask(receiver, "POST", "/y", TUS, "Upload-Length: 1", large, body=b"")
        assert refused.status == 507  # that of a file that is stored is remembered
        assert ask(receiver, "POST", "/y", TUS, "Upload-Length: 1", body=b"").status == 201
