"""The IETF's Resumable Uploads for HTTP, played over real sockets."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import (
    IETF_TYPE,
    TUS,
    VERSIONS,
    ask,
    draft,
    final,
    ietf_append,
    ietf_create,
    ietf_head,
    located,
    message,
    tus_append,
    tus_create,
)
from tests.receiver.wire import Wire, chunked, head

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SIZE = 50_000_000
HELLO = b"hello world"
DIGEST = f"sha-256=:{base64.b64encode(hashlib.sha256(HELLO).digest()).decode()}:"
OTHER = f"sha-256=:{base64.b64encode(hashlib.sha256(b'other').digest()).decode()}:"
PROBLEMS = "https://iana.org/assignments/http-problem-types#"

each_dialect = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(
        tmp_path_factory.mktemp("ietf"), max_size=MAX_SIZE, overwrite=True
    ) as process:
        yield process


@each_dialect
@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH"])
def test_all_in_one_request(shared: ReceiverProcess, version: int, method: str) -> None:
    fields = [draft(version), "Upload-Complete: ?1", "Expect: 100-continue"]
    with Wire(shared.address) as wire:
        wire.send(head(method, "/one", *fields, "Content-Length: 11"))
        interim = wire.answer()
        assert interim.status == 104
        location = located("/one", interim)
        assert interim.fields["upload-draft-interop-version"] == str(version)
        age = "expires" if version == 6 else "max-age"
        assert f"max-size={MAX_SIZE}" in interim.fields["upload-limit"]
        assert f"{age}=" in interim.fields["upload-limit"]
        assert wire.answer().status == 100
        wire.send(HELLO)
        answer = wire.answer()
    assert answer.status in {200, 201}
    assert answer.fields["upload-complete"] == "?1"
    assert located("/one", answer) == "/one"
    assert answer.fields["repr-digest"] == DIGEST
    facts = json.loads(answer.body)
    assert (facts["name"], facts["size_bytes"]) == ("one", 11)
    assert (shared.directory / "one").read_bytes() == HELLO
    assert f".filebody-uploads/{location.rpartition('/')[2]}.part" not in shared.files
    # Who missed the answer finds what it said.
    answer = ietf_head(shared, location, version)
    assert answer.status == 204
    assert answer.fields["upload-complete"] == "?1"
    assert answer.fields["upload-offset"] == answer.fields["upload-length"] == "11"
    assert answer.fields["repr-digest"] == DIGEST
    assert located(location, answer, "content-location") == "/one"


@each_dialect
def test_in_parts(shared: ReceiverProcess, version: int) -> None:
    path = ietf_create(shared, "/parts", "Upload-Length: 11", version=version)
    answer = ietf_head(shared, path, version)
    assert answer.status == 204
    assert answer.fields["upload-offset"] == "0"
    assert answer.fields["upload-complete"] == "?0"
    assert answer.fields["upload-length"] == "11"
    assert answer.fields["cache-control"] == "no-store"
    assert "upload-limit" in answer.fields

    answer = ietf_append(shared, path, 0, HELLO[:5], version=version)
    assert (answer.status, answer.fields["upload-complete"]) == (204, "?0")
    assert answer.fields["upload-offset"] == "5"
    answer = ietf_append(shared, path, 5, HELLO[5:], complete=True, version=version)
    assert answer.status in {200, 201}
    assert (answer.fields["upload-complete"], answer.fields["repr-digest"]) == ("?1", DIGEST)
    assert (shared.directory / "parts").read_bytes() == HELLO


def test_all_bytes_are_not_the_end(shared: ReceiverProcess) -> None:
    path = ietf_create(shared, "/explicit", "Upload-Length: 11")
    assert ietf_append(shared, path, 0, HELLO).status == 204
    assert ietf_head(shared, path).fields["upload-complete"] == "?0"
    answer = ietf_append(shared, path, 11, b"", complete=True)
    assert (answer.status in {200, 201}, answer.fields["upload-complete"]) == (True, "?1")
    assert (shared.directory / "explicit").read_bytes() == HELLO


def test_length_unknown_to_the_end(shared: ReceiverProcess) -> None:
    fields = [draft(10), "Upload-Complete: ?1", "Transfer-Encoding: chunked"]
    with Wire(shared.address) as wire:
        wire.send(head("PUT", "/stream", *fields) + chunked(HELLO[:4], HELLO[4:]))
        assert final(wire).status in {200, 201}
    assert (shared.directory / "stream").read_bytes() == HELLO
    path = ietf_create(shared, "/stream2")
    assert "upload-length" not in ietf_head(shared, path).fields
    assert ietf_append(shared, path, 0, HELLO[:4]).status == 204
    assert ietf_append(shared, path, 4, HELLO[4:], complete=True).status in {200, 201}
    assert (shared.directory / "stream2").read_bytes() == HELLO


def test_nothing_at_all(shared: ReceiverProcess) -> None:
    answer = ask(shared, "PUT", "/empty", draft(10), "Upload-Complete: ?1", body=b"")
    assert answer.status in {200, 201}
    assert (shared.directory / "empty").read_bytes() == b""


def test_a_name_in_the_disposition(shared: ReceiverProcess) -> None:
    field = "Content-Disposition: inline; filename=\"x\"; filename*=UTF-8''na%C3%AFve.txt"
    answer = ask(shared, "POST", "/", draft(10), "Upload-Complete: ?1", field, body=HELLO)
    assert located("/", answer) == "/na%C3%AFve.txt"
    for unknown in ("undefined", "idna", "punycode", "a%00"):
        field = f"Content-Disposition: inline; filename*={unknown}''x"
        answer = ask(shared, "POST", "/", draft(10), "Upload-Complete: ?1", field, body=HELLO)
        assert answer.status == 400, unknown
    for wrong in ("../x", "/etc/x", ".hidden", "a%00b"):
        field = f"Content-Disposition: inline; filename*=UTF-8''{wrong}"
        answer = ask(shared, "POST", "/", draft(10), "Upload-Complete: ?1", field, body=HELLO)
        assert answer.status == 400, wrong
    assert ask(shared, "POST", "/", draft(10), "Upload-Complete: ?1", body=b"").status == 400


def test_progress_is_told(shared: ReceiverProcess) -> None:
    size = 20_000_000
    with Wire(shared.address) as wire:
        wire.send(message("PUT", "/large", draft(10), "Upload-Complete: ?1", body=bytes(size)))
        first = wire.answer()
        assert "upload-offset" not in first.fields
        offsets = []
        while (answer := wire.answer()).status == 104:
            assert "location" not in answer.fields
            offsets.append(int(answer.fields["upload-offset"]))
    assert answer.status in {200, 201}
    assert offsets == sorted(offsets)
    assert offsets
    assert offsets[-1] <= size


def test_no_interim_responses_in_http_1_0(shared: ReceiverProcess) -> None:
    request = message("PUT", "/old", draft(10), "Upload-Complete: ?1", body=HELLO)
    with Wire(shared.address) as wire:
        wire.send(request.replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        assert wire.answer().status in {200, 201}


@pytest.mark.parametrize(
    "fields", [[], [draft(5)], [draft(99)], ["Upload-Draft-Interop-Version: x"]]
)
def test_without_a_version_that_we_speak(shared: ReceiverProcess, fields: list[str]) -> None:
    with Wire(shared.address) as wire:
        wire.send(message("PUT", "/ordinary", *fields, "Upload-Complete: ?1", body=HELLO))
        answer = wire.answer()
    assert answer.status in {200, 201}
    assert "upload-draft-interop-version" not in answer.fields
    # A part must not be taken for the whole.
    answer = ask(shared, "PUT", "/ordinary2", *fields, "Upload-Complete: ?0", body=HELLO)
    assert answer.status == 400
    assert not (shared.directory / "ordinary2").exists()


def test_a_mismatching_offset(shared: ReceiverProcess) -> None:
    path = ietf_create(shared, "/mismatch", "Upload-Length: 11")
    assert ietf_append(shared, path, 0, HELLO[:5]).status == 204
    for offset in (0, 4, 6, 11):
        answer = ietf_append(shared, path, offset, b"x")
        assert answer.status == 409
        assert answer.fields["upload-offset"] == "5"
        assert answer.fields["upload-complete"] == "?0"
        assert answer.fields["content-type"] == "application/problem+json"
        problem = json.loads(answer.body)
        assert problem["type"] == PROBLEMS + "mismatching-upload-offset"
        assert (problem["expected-offset"], problem["provided-offset"]) == (5, offset)
    assert ietf_append(shared, path, 5, HELLO[5:], complete=True).status in {200, 201}
    assert (shared.directory / "mismatch").read_bytes() == HELLO


def test_inconsistent_lengths(shared: ReceiverProcess) -> None:
    wrong = [
        ask(
            shared,
            "PUT",
            "/inconsistent",
            draft(10),
            "Upload-Complete: ?1",
            "Upload-Length: 3",
            body=HELLO,
        ),
        ask(
            shared,
            "PUT",
            "/inconsistent",
            draft(10),
            "Upload-Complete: ?0",
            "Upload-Length: 3",
            body=HELLO,
        ),
    ]
    path = ietf_create(shared, "/inconsistent", "Upload-Length: 11")
    wrong += [
        ietf_append(shared, path, 0, HELLO, "Upload-Length: 12"),
        ietf_append(shared, path, 0, HELLO[:3], complete=True),
        ietf_append(shared, path, 0, HELLO + b"!"),
    ]
    for answer in wrong:
        assert answer.status == 400
        assert json.loads(answer.body)["type"] == PROBLEMS + "inconsistent-upload-length"
    assert ietf_head(shared, path).fields["upload-offset"] == "0"
    with Wire(shared.address) as wire:
        fields = [draft(10), IETF_TYPE, "Upload-Offset: 0", "Upload-Complete: ?1"]
        wire.send(head("PATCH", path, *fields, "Transfer-Encoding: chunked") + chunked(HELLO[:3]))
        answer = final(wire)
    assert (answer.status, answer.fields.get("upload-complete")) == (400, None)
    assert not (shared.directory / "inconsistent").exists()


def test_more_than_was_announced_ends_an_upload(shared: ReceiverProcess) -> None:
    path = ietf_create(shared, "/more", "Upload-Length: 11")
    with Wire(shared.address) as wire:
        fields = [draft(10), IETF_TYPE, "Upload-Offset: 0", "Upload-Complete: ?0"]
        wire.send(head("PATCH", path, *fields, "Transfer-Encoding: chunked"))
        wire.send(chunked(HELLO, b"!"))
        answer = final(wire)
    assert answer.status == 400
    assert json.loads(answer.body)["type"] == PROBLEMS + "inconsistent-upload-length"
    assert ietf_head(shared, path).status == 404


def test_appending_to_what_is_complete(shared: ReceiverProcess) -> None:
    path = ietf_create(shared, "/complete")
    assert ietf_append(shared, path, 0, HELLO, complete=True).status in {200, 201}
    for offset, body, problem in (
        (11, b"more", "inconsistent-upload-length"),
        (0, HELLO, "inconsistent-upload-length"),
        (11, b"", "completed-upload"),
    ):
        answer = ietf_append(shared, path, offset, body, complete=True)
        assert answer.status == 400
        assert json.loads(answer.body)["type"] == PROBLEMS + problem
    assert (shared.directory / "complete").read_bytes() == HELLO


@attrs.frozen
class Wrong:
    fields: list[str]
    status: int
    version: int = 10


WRONG = {
    "type": Wrong(["Upload-Offset: 0", "Upload-Complete: ?0"], 415),
    "no offset": Wrong([IETF_TYPE, "Upload-Complete: ?0"], 400),
    "odd offset": Wrong([IETF_TYPE, "Upload-Complete: ?0", "Upload-Offset: x"], 400),
    "negative offset": Wrong([IETF_TYPE, "Upload-Complete: ?0", "Upload-Offset: -1"], 400),
    "no completeness": Wrong([IETF_TYPE, "Upload-Offset: 0"], 400),
    "odd completeness": Wrong([IETF_TYPE, "Upload-Offset: 0", "Upload-Complete: 1"], 400),
    "coded": Wrong([IETF_TYPE, "Upload-Offset: 0", "Upload-Complete: ?0", "Content-Range: x"], 400),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_appends(shared: ReceiverProcess, name: str) -> None:
    path = ietf_create(shared, "/wrong")
    case = WRONG[name]
    answer = ask(shared, "PATCH", path, draft(case.version), *case.fields, body=b"x")
    assert answer.status == case.status, answer
    assert ietf_head(shared, path).fields["upload-offset"] == "0"
    assert ask(shared, "DELETE", path, draft(10)).status == 204


@pytest.mark.parametrize("version", [6, 7, 8, 9])
def test_completeness_was_not_always_needed(shared: ReceiverProcess, version: int) -> None:
    path = ietf_create(shared, "/optional", version=version)
    fields = [draft(version), IETF_TYPE, "Upload-Offset: 0"]
    answer = ask(shared, "PATCH", path, *fields, body=HELLO)
    assert (answer.status, answer.fields["upload-complete"]) == (204, "?0")
    assert ask(shared, "DELETE", path, draft(version)).status == 204


def test_cancellation(shared: ReceiverProcess) -> None:
    path = ietf_create(shared, "/cancelled")
    ietf_append(shared, path, 0, HELLO)
    assert ask(shared, "DELETE", path, draft(10)).status == 204
    assert ietf_head(shared, path).status == 404
    assert ietf_append(shared, path, 11, b"", complete=True).status == 404
    assert not any(path.rpartition("/")[2] in name for name in shared.files)


def test_too_large(shared: ReceiverProcess) -> None:
    length = f"Upload-Length: {MAX_SIZE + 1}"
    answer = ask(shared, "POST", "/huge", draft(10), "Upload-Complete: ?0", length, body=b"")
    assert answer.status == 413
    assert answer.fields["upload-limit"] == f"max-size={MAX_SIZE}"


def test_digests(shared: ReceiverProcess) -> None:
    path = ietf_create(shared, "/digests", f"Repr-Digest: {DIGEST}")
    answer = ietf_append(shared, path, 0, HELLO, f"Content-Digest: {OTHER}", complete=True)
    assert (answer.status, answer.fields["upload-complete"]) == (400, "?0")
    assert ietf_head(shared, path).fields["upload-offset"] == "0"
    answer = ietf_append(shared, path, 0, HELLO, f"Content-Digest: {DIGEST}", complete=True)
    assert answer.status in {200, 201}
    path = ietf_create(shared, "/digests2", f"Repr-Digest: {OTHER}")
    answer = ietf_append(shared, path, 0, HELLO, complete=True)
    assert (answer.status, answer.fields["upload-complete"]) == (400, "?1")
    assert ietf_head(shared, path).status == 404
    assert not (shared.directory / "digests2").exists()


def test_a_digest_in_the_trailer(shared: ReceiverProcess) -> None:
    path = ietf_create(shared, "/trailed", "Upload-Length: 11")
    fields = [draft(10), IETF_TYPE, "Upload-Offset: 0", "Upload-Complete: ?1"]
    fields += ["Trailer: Content-Digest", "Transfer-Encoding: chunked"]
    for digest, statuses in ((OTHER, {400}), (DIGEST, {200, 201})):
        with Wire(shared.address) as wire:
            wire.send(head("PATCH", path, *fields))
            wire.send(chunked(HELLO[:4], HELLO[4:], trailer=f"Content-Digest: {digest}\r\n"))
            assert final(wire).status in statuses
    assert (shared.directory / "trailed").read_bytes() == HELLO


def test_a_promise_by_another_algorithm(shared: ReceiverProcess) -> None:
    for content, statuses in ((b"other", {400}), (HELLO, {200, 201})):
        sha512 = base64.b64encode(hashlib.sha512(content).digest()).decode()
        path = ietf_create(shared, "/sha512", f"Repr-Digest: sha-512=:{sha512}:")
        assert ietf_append(shared, path, 0, HELLO, complete=True).status in statuses


def test_options(shared: ReceiverProcess) -> None:
    answer = ask(shared, "OPTIONS", "/any", draft(6))
    assert "application/partial-upload" in answer.fields["accept-patch"]
    assert "expires=" in answer.fields["upload-limit"]
    assert ask(shared, "OPTIONS", "/any").fields["upload-limit"].startswith("max-size=")


def test_coded_bodies_come_in_one_go(shared: ReceiverProcess) -> None:
    coded = gzip.compress(HELLO)
    said = [draft(10), "Content-Encoding: gzip"]
    assert ask(shared, "PUT", "/c", *said, "Upload-Complete: ?1", body=coded).status in {200, 201}
    assert (shared.directory / "c").read_bytes() == HELLO
    answer = ask(shared, "PUT", "/c2", *said, "Upload-Complete: ?0", body=coded)
    assert (answer.status, answer.fields["accept-encoding"]) == (415, "identity")


def test_the_protocols_do_not_mix(shared: ReceiverProcess) -> None:
    path = ietf_create(shared, "/mixed")
    assert tus_append(shared, path, 0, HELLO).status == 400
    other = tus_create(shared, 11, "/mixed")
    assert ietf_append(shared, other, 0, HELLO).status == 400
    assert ask(shared, "DELETE", path, draft(10)).status == 204
    assert ask(shared, "DELETE", other, TUS).status == 204
