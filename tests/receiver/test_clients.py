"""Clients that others wrote, clients that hang up, and many at once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import socket
import ssl
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import aiohttp
import httpx
import pytest

from tests.peers.content import generated, sha256_of, write_file
from tests.programs import require_program
from tests.receiver.process import ReceiverProcess
from tests.receiver.wire import Wire, chunked, eventually, head, put

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.peers.certificates import Certificates

SIZE = 20_000_003


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("source") / "source.bin", seed=7, size=SIZE)


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture(params=["plain", "tls"])
def served(
    request: pytest.FixtureRequest, tmp_path: Path, certificates: Certificates
) -> Iterator[ReceiverProcess]:
    cert = None if request.param == "plain" else str(certificates.server)
    with ReceiverProcess(tmp_path, cert=cert) as process:
        yield process


def curl(certificates: Certificates, *arguments: str) -> str:
    command = [require_program("curl"), "--silent", "--show-error", "--max-time", "60"]
    command += ["--cacert", str(certificates.authority), "--write-out", "%{http_code}"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.peer
@pytest.mark.parametrize(
    "arguments",
    [
        ["-T"],
        ["-H", "Expect: 100-continue", "-T"],
        ["-H", "Expect:", "-T"],
        ["-H", "Transfer-Encoding: chunked", "-T"],
        ["--http1.0", "-T"],
    ],
)
def test_curl(
    served: ReceiverProcess, certificates: Certificates, source: Path, arguments: list[str]
) -> None:
    answer = curl(certificates, *arguments, str(source), served.url)
    assert answer.endswith("201"), answer
    assert served.files == {"source.bin": SIZE}
    assert digest_of(served.directory / "source.bin") == sha256_of(7, SIZE)
    back = source.with_name("back.bin")
    assert curl(certificates, "-o", str(back), served.url + "source.bin") == "200"
    assert digest_of(back) == sha256_of(7, SIZE)


@pytest.mark.peer
def test_curl_reads_the_reason_of_a_refusal(
    served: ReceiverProcess, certificates: Certificates, source: Path
) -> None:
    (served.directory / "source.bin").write_text("there")
    for expect in ("Expect: 100-continue", "Expect:"):
        answer = curl(certificates, "-H", expect, "-T", str(source), served.url)
        assert "already there" in answer
        assert answer.endswith("409")


async def file_pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 99_991):
        yield content[start : start + 99_991]


@pytest.mark.parametrize("how", ["file", "chunked", "expect"])
def test_aiohttp(
    served: ReceiverProcess, certificates: Certificates, source: Path, how: str
) -> None:
    trusted = ssl.create_default_context(cafile=str(certificates.authority))

    content = source.read_bytes()

    async def upload() -> None:
        async with aiohttp.ClientSession() as session:
            for name in ("one", "two"):
                with io.BytesIO(content) as file:
                    data = file_pieces(content) if how == "chunked" else file
                    async with session.put(
                        served.url + name, data=data, expect100=how == "expect", ssl=trusted
                    ) as response:
                        assert response.status == 201, await response.text()
                        assert (await response.json(content_type=None))["size_bytes"] == SIZE
            async with session.get(served.url + "two", ssl=trusted) as response:
                assert hashlib.sha256(await response.read()).hexdigest() == sha256_of(7, SIZE)

    asyncio.run(upload())
    for name in ("one", "two"):
        assert digest_of(served.directory / name) == sha256_of(7, SIZE)


@pytest.mark.parametrize("how", ["bytes", "chunked"])
def test_httpx(served: ReceiverProcess, certificates: Certificates, source: Path, how: str) -> None:
    trusted = ssl.create_default_context(cafile=str(certificates.authority))
    content = source.read_bytes()
    pieces = (content[start : start + 70_001] for start in range(0, SIZE, 70_001))
    with httpx.Client(verify=trusted) as client:
        response = client.put(served.url + "name", content=content if how == "bytes" else pieces)
        assert response.status_code == 201, response.text
        again = client.put(served.url + "name", content=b"other")
        assert (again.status_code, "already there" in again.text) == (409, True)
        assert client.get(served.url + "name").content == content
        assert "./name" in client.get(served.url).text
    assert digest_of(served.directory / "name") == sha256_of(7, SIZE)


def cut_positions(length: int, count: int) -> list[int]:
    return sorted({round(number * (length - 1) / (count - 1)) for number in range(count)})


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("by", ["close", "reset"])
def test_a_cut_connection_leaves_nothing(receiver: ReceiverProcess, framing: str, by: str) -> None:
    body = generated(1, 0, 300_000)
    if framing == "length":
        message = put("/d/name", body)
    else:
        message = head("PUT", "/d/name", "Transfer-Encoding: chunked") + chunked(
            body[:100_000], body[100_000:]
        )
    before = receiver.descriptors
    with Wire(receiver.address) as wire:
        wire.send(put("/warm"))
        assert wire.answer().status == 201
        assert receiver.descriptors > before
    assert eventually(lambda: receiver.descriptors == before), receiver.descriptors
    positions = cut_positions(len(message), 50)
    positions += range(len(message) - 8, len(message))
    for position in positions:
        with Wire(receiver.address) as wire:
            wire.send(message[:position])
            if by == "reset":
                linger = struct.pack("ii", 1, 0)
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    assert eventually(lambda: receiver.files == {"warm": 4}), receiver.files
    assert eventually(lambda: receiver.descriptors == before), receiver.descriptors
    assert not (receiver.directory / "d").exists()
    assert {event["kind"] for event in receiver.events} <= {"Stored", "Aborted", "Refused"}
    with Wire(receiver.address) as wire:
        wire.send(message)
        assert wire.answer().status == 201
    assert (receiver.directory / "d" / "name").read_bytes() == body


def test_of_uploads_of_one_name_at_once_one_wins(receiver: ReceiverProcess) -> None:
    count = 10
    wires = [Wire(receiver.address) for _ in range(count)]
    for number, wire in enumerate(wires):
        wire.send(head("PUT", "/name", "Content-Length: 2", "Expect: 100-continue"))
        assert wire.answer().status == 100, number
    for number, wire in enumerate(wires):
        wire.send(b"%02d" % number)
    statuses = [wire.answer().status for wire in wires]
    for wire in wires:
        wire.__exit__(None, None, None)
    assert sorted(statuses) == [201] + [409] * (count - 1)
    winner = statuses.index(201)
    assert (receiver.directory / "name").read_bytes() == b"%02d" % winner
    assert receiver.files == {"name": 2}


def test_two_hundred_uploads_at_once(receiver: ReceiverProcess) -> None:
    count, size = 200, 300_007

    def upload(number: int) -> int:
        with Wire(receiver.address) as wire:
            body = generated(number, 0, size)
            if number % 2:
                wire.send(put(f"/d/{number}", body))
            else:
                wire.send(head("PUT", f"/d/{number}", "Transfer-Encoding: chunked"))
                wire.send(chunked(body[: number * 1000 + 1], body[number * 1000 + 1 :]))
            return wire.answer().status

    with ThreadPoolExecutor(count) as threads:
        assert list(threads.map(upload, range(count))) == [201] * count
    for number in range(count):
        path = receiver.directory / "d" / str(number)
        assert digest_of(path) == sha256_of(number, size)
    assert len(receiver.files) == count
    assert receiver.memory_bytes("VmHWM") < 400 << 20


@pytest.mark.parametrize("is_chunked", [True, False])
def test_memory_is_bounded_while_the_disk_stands_still(tmp_path: Path, is_chunked: bool) -> None:
    size = 1 << 28
    piece = bytes(1 << 20)
    framed = b"100000\r\n" + piece + b"\r\n" if is_chunked else piece
    field = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {size}"
    with (
        ReceiverProcess(tmp_path, is_disk_stuck=True, idle_timeout_seconds=1) as receiver,
        Wire(receiver.address) as wire,
    ):
        wire.send(head("PUT", "/big", field))
        assert eventually(lambda: receiver.files)
        before = receiver.memory_bytes()

        wire.socket.settimeout(2)
        data = memoryview(framed * 64)
        sent = 0
        # What the kernel's buffers take: then the receiver does not read. Twice the idle timeout
        # passes meanwhile, which is none of the client's doing.
        with contextlib.suppress(TimeoutError):
            while sent < len(data):
                sent += wire.socket.send(data[sent:])
        assert sent < 32 << 20
        assert receiver.memory_bytes() - before < 8 << 20

        receiver.tell("open")
        wire.socket.settimeout(60)
        while sent % len(framed):
            sent += wire.socket.send(data[sent : sent + len(framed) - sent % len(framed)])
        for _ in range((size >> 20) - sent // len(framed)):
            wire.send(framed)
        if is_chunked:
            wire.send(b"0\r\n\r\n")
        assert wire.answer().status == 201
        assert receiver.memory_bytes("VmHWM") - before < 32 << 20
        assert receiver.files == {"big": size}
        (receiver.directory / "big").unlink()
