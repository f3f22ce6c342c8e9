"""Clients of resumable uploads that we did not write."""

from __future__ import annotations

import json
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import httpx
import pytest
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

from tests.peers.content import sha256_of, write_file
from tests.programs import NODE, require_npm_package, require_program
from tests.receiver.process import ReceiverProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.certificates import Certificates

SIZE = 5_000_011
MAX_SECONDS = 60


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("source") / "source.bin", seed=21, size=SIZE)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReceiverProcess]:
    with ReceiverProcess(tmp_path_factory.mktemp("clients"), overwrite=True) as process:
        yield process


def check_stored(receiver: ReceiverProcess, name: str) -> None:
    assert not [part for part in receiver.files if part.endswith(".part")]
    stored = [event for event in receiver.events if event["kind"] == "Stored"][-1]
    assert (stored["name"], stored["sha256"]) == (name, sha256_of(21, SIZE))
    path = receiver.directory / name
    assert path.stat().st_size == SIZE
    path.unlink()


@pytest.fixture
def stream(source: Path) -> Iterator[BinaryIO]:
    # tuspy does not close what it opens itself.
    with source.open("rb") as file:
        yield file


@pytest.mark.parametrize("checksum", [False, True])
def test_tuspy(shared: ReceiverProcess, stream: BinaryIO, checksum: bool) -> None:
    uploader = TusClient(shared.url).uploader(
        file_stream=stream,
        chunk_size=1_000_000,
        metadata={"filename": "tuspy.bin"},
        upload_checksum=checksum,
    )
    uploader.upload()
    assert uploader.offset == SIZE
    check_stored(shared, "tuspy.bin")


def test_tuspy_without_metadata(shared: ReceiverProcess, stream: BinaryIO) -> None:
    TusClient(shared.url + "plain.bin").uploader(file_stream=stream, chunk_size=SIZE).upload()
    check_stored(shared, "plain.bin")


def test_tuspy_goes_on(tmp_path: Path, stream: BinaryIO) -> None:
    with ReceiverProcess(tmp_path) as receiver:
        client = TusClient(receiver.url + "on.bin")
        first = client.uploader(file_stream=stream, chunk_size=1_000_000)
        first.upload(stop_at=2_000_000)
        path = str(first.url).removeprefix(receiver.url)
        receiver.kill()
    with ReceiverProcess(tmp_path) as receiver:
        second = TusClient(receiver.url).uploader(
            file_stream=stream, chunk_size=1_000_000, url=receiver.url + path
        )
        assert second.offset == 2_000_000
        second.upload()
        check_stored(receiver, "on.bin")


def test_httpx_by_tls(tmp_path: Path, certificates: Certificates, source: Path) -> None:
    """Bodies by TLS go another way to the disk."""
    trusted = ssl.create_default_context(cafile=str(certificates.authority))
    content = source.read_bytes()
    said = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    with (
        ReceiverProcess(tmp_path, cert=str(certificates.server)) as receiver,
        httpx.Client(verify=trusted) as client,
    ):
        made = client.post(
            receiver.url + "tls.bin",
            content=content[:1_000_000],
            headers={**said, "Upload-Length": str(SIZE)},
        )
        assert (made.status_code, made.headers["upload-offset"]) == (201, "1000000")
        more = client.patch(
            made.url.join(made.headers["location"]),
            content=content[1_000_000:],
            headers={**said, "Upload-Offset": "1000000"},
        )
        assert more.status_code == 204
        check_stored(receiver, "tls.bin")


def tus_js(
    receiver: ReceiverProcess, source: Path, name: str, *, stop_after_bytes: int = 0, **options: Any
) -> dict[str, Any]:
    node = require_program("node")
    require_npm_package("tus-js-client")
    job = {
        "endpoint": receiver.url + name,
        "path": str(source),
        "options": options,
        "stopAfterBytes": stop_after_bytes,
    }
    done = subprocess.run(
        [node, "tus_client.js", json.dumps(job)],
        cwd=NODE,
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


OPTIONS: dict[str, dict[str, Any]] = {
    "one request": {},
    "chunks": {"chunkSize": 1_000_000},
    "with the creation": {"uploadDataDuringCreation": True},
    "with the creation, chunks": {"uploadDataDuringCreation": True, "chunkSize": 1_000_000},
    "deferred length": {"uploadLengthDeferred": True, "chunkSize": 1_000_000},
    "PATCH as POST": {"overridePatchMethod": True},
}
DRAFT: dict[str, Any] = {"protocol": "ietf-draft-05"}


@pytest.mark.peer
@pytest.mark.parametrize("how", OPTIONS)
def test_tus_js_client(shared: ReceiverProcess, source: Path, how: str) -> None:
    tus_js(shared, source, "js.bin", **OPTIONS[how])
    check_stored(shared, "js.bin")


@pytest.mark.peer
def test_tus_js_client_by_metadata(shared: ReceiverProcess, source: Path) -> None:
    tus_js(shared, source, "", metadata={"filename": "größe.bin", "filetype": "x/y"})
    check_stored(shared, "größe.bin")


@pytest.mark.peer
@pytest.mark.parametrize("how", ["one request", "chunks", "with the creation"])
def test_tus_js_client_by_the_draft(shared: ReceiverProcess, source: Path, how: str) -> None:
    tus_js(shared, source, "draft.bin", **OPTIONS[how], **DRAFT)
    check_stored(shared, "draft.bin")


@pytest.mark.peer
@pytest.mark.parametrize("protocol", ["tus-v1", "ietf-draft-05"])
def test_tus_js_client_goes_on(shared: ReceiverProcess, source: Path, protocol: str) -> None:
    facts = tus_js(
        shared,
        source,
        "again.bin",
        stop_after_bytes=2_000_000,
        protocol=protocol,
        chunkSize=1_000_000,
    )
    assert facts["resumedFrom"] >= 1_000_000
    check_stored(shared, "again.bin")


@pytest.mark.peer
def test_tus_js_client_in_parallel(shared: ReceiverProcess, source: Path) -> None:
    tus_js(shared, source, "parallel.bin", parallelUploads=4, chunkSize=1_000_000)
    check_stored(shared, "parallel.bin")


@pytest.mark.peer
def test_tus_js_client_gives_up_at_a_taken_name(receiver: ReceiverProcess, source: Path) -> None:
    (receiver.directory / "taken.bin").touch()
    with pytest.raises(AssertionError, match="422"):
        tus_js(receiver, source, "taken.bin", retryDelays=[0, 0, 0])
    assert [event["status"] for event in receiver.events] == [422]


def test_tuspy_gives_up_at_a_taken_name(receiver: ReceiverProcess, stream: BinaryIO) -> None:
    (receiver.directory / "taken.bin").touch()
    uploader = TusClient(receiver.url + "taken.bin").uploader(
        file_stream=stream, chunk_size=SIZE, retries=3, retry_delay=0
    )
    with pytest.raises(TusCommunicationError, match="422"):
        uploader.upload()
    assert [event["status"] for event in receiver.events] == [422]
