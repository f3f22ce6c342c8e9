"""Clients that take what they can: places, memory, time. Others are served all the same."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

import pytest

from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import TUS, message, tus_create
from tests.receiver.wire import Wire, eventually, head, put

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
CHUNKED = "Transfer-Encoding: chunked"


def is_served(receiver: ReceiverProcess) -> bool:
    with contextlib.suppress(OSError, EOFError), Wire(receiver.address) as wire:
        wire.send(head("OPTIONS", "*"))
        return wire.answer().status == 204
    return False


def dripped(wire: Wire, piece: bytes, seconds: float) -> bool:
    """Send a piece again and again until something comes; False if nothing does in time."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while time.monotonic() < deadline:
            wire.send(piece)
            if not wire.is_quiet(0.05):
                return True
        return False
    return True


def test_an_answer_that_cannot_be_written_holds_nothing(receiver: ReceiverProcess) -> None:
    path = tus_create(receiver, 3)
    upload_id = path.rpartition("/")[2]
    record = receiver.directory / ".filebody-uploads" / f"{upload_id}.json"
    facts = json.loads(record.read_text())
    record.write_text(json.dumps({**facts, "metadata": "two\nlines"}))
    before = receiver.descriptors
    for _ in range(3):
        with Wire(receiver.address) as wire:
            wire.send(message("HEAD", path, TUS))
            assert wire.answer("HEAD").status == 500
            wire.send(head("OPTIONS", "*"))
            assert wire.answer().status == 204
    assert eventually(lambda: receiver.descriptors <= before)
    assert is_served(receiver)


def test_silent_connections_give_way_beyond_the_last_place(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, max_connections=5) as receiver, contextlib.ExitStack() as stack:
        for _ in range(5 + 100 + 20):
            stack.enter_context(Wire(receiver.address))
        assert eventually(lambda: is_served(receiver), 5)


def test_silent_bodies_give_way_beyond_the_last_place(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, max_connections=5) as receiver, contextlib.ExitStack() as stack:
        for number in range(5 + 100):
            wire = stack.enter_context(Wire(receiver.address))
            wire.send(head("PUT", f"/{number}", "Content-Length: 1000"))
        assert eventually(lambda: is_served(receiver), 8)


def test_the_next_request_waits_until_the_answer_is_out(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, idle_timeout_seconds=1) as receiver:
        for number in range(100):
            (receiver.directory / f"a-file-with-quite-a-long-name-{number:04d}").touch()
        with Wire(receiver.address) as wire:
            wire.send(head("GET", "/"))
            assert len(wire.answer().body) > 10_000
            before = receiver.memory_bytes()
            wire.socket.setblocking(False)
            requests = head("GET", "/") * 10_000
            sent = 0
            while sent < len(requests):
                try:
                    sent += wire.socket.send(requests[sent : sent + 65536])
                except BlockingIOError:
                    if not wire.is_quiet(1):
                        break
                except (BrokenPipeError, ConnectionResetError):
                    break
            assert receiver.memory_bytes() < before + 20 * MIB
        assert is_served(receiver)


def test_pipelined_requests_are_all_answered(receiver: ReceiverProcess) -> None:
    (receiver.directory / "large").write_bytes(bytes(300_000))
    with Wire(receiver.address) as wire:
        wire.send((head("GET", "/large") + head("GET", "/") + head("OPTIONS", "*")) * 50)
        for _ in range(50):
            assert len(wire.answer().body) == 300_000
            assert wire.answer().status == 200
            assert wire.answer().status == 204


@pytest.mark.parametrize(
    ("sent", "drip"),
    [
        (head("PUT", "/x", CHUNKED) + b"1;", b"a"),
        (head("PUT", "/x", CHUNKED) + b"1\r\na\r\n0\r\nA: ", b"a"),
        (head("PUT", "/x", CHUNKED) + b"0", b"0"),
        (b"GET / HTTP/1.1\r\n", b"a:b\r\n"),
    ],
)
def test_what_is_no_content_must_come_in_time(tmp_path: Path, sent: bytes, drip: bytes) -> None:
    with (
        ReceiverProcess(tmp_path, idle_timeout_seconds=0.5) as receiver,
        Wire(receiver.address) as wire,
    ):
        wire.send(sent)
        assert dripped(wire, drip, 10)
        with contextlib.suppress(ConnectionResetError):
            assert wire.answer().status in {400, 408}


@pytest.mark.parametrize(
    "fields",
    [
        "A: " + " \t" * 30_000 + "\0",
        "A: " + " " * 60_000 + "\x7f",
        "A: " + "a " * 30_000 + "\r b",
        "\r\n".join(["a:b"] * 12_000),
        "A: b" + "\r\n " * 15_000,
        "Content-Disposition: " + 'a;"' + ";" * 60_000,
        "Content-Disposition: a" + '; b="' * 12_000,
        "Content-Digest: " + "a=1," * 15_000 + "a=1",
        "Upload-Metadata: " + ",".join(f"a{number}" for number in range(9000)),
        "Upload-Concat: final;" + "a " * 30_000,
    ],
)
def test_no_head_stops_the_others(receiver: ReceiverProcess, fields: str) -> None:
    """Each of these once took from 50 ms to 40 s of the reactor."""
    request = head("POST", "/", "Upload-Draft-Interop-Version: 8", "Upload-Complete: ?1", fields)
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(receiver.address)) for _ in range(4)]
        for wire in wires:
            wire.send(request)
        began = time.monotonic()
        assert is_served(receiver)
        assert time.monotonic() - began < 2
        for wire in wires:
            assert 400 <= wire.answer().status < 500


def test_a_flood_of_small_chunks_leaves_turns_to_others(receiver: ReceiverProcess) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(8):
            wire = stack.enter_context(Wire(receiver.address))
            wire.send(head("PUT", f"/{number}", CHUNKED) + b"1\r\nx\r\n" * 20_000)
        began = time.monotonic()
        assert is_served(receiver)
        assert time.monotonic() - began < 2


def test_too_many_fields(receiver: ReceiverProcess) -> None:
    with Wire(receiver.address) as wire:
        wire.send(put("/x", b"", *(f"X-{number}: y" for number in range(150))))
        assert wire.answer().status == 201
        wire.send(put("/y", b"", *(f"X-{number}: y" for number in range(250))))
        assert wire.answer().status == 431
