"""Uploads whose client or whose receiver dies, and clients that come back, late or twice."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.long import by_form, long
from tests.peers.content import generated
from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import (
    IETF_TYPE,
    TUS,
    TUS_TYPE,
    ask,
    checksum,
    draft,
    final,
    ietf_append,
    ietf_create,
    ietf_head,
    message,
    tus_append,
    tus_create,
    tus_head,
)
from tests.receiver.wire import Wire, eventually, head

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 6_000_001
BODY = generated(11, 0, SIZE)


def patch_head(path: str, offset: int, length: int, *fields: str) -> bytes:
    said = [TUS, TUS_TYPE, f"Upload-Offset: {offset}", f"Content-Length: {length}"]
    return head("PATCH", path, *said, *fields)


def part_of(path: str) -> str:
    return f".filebody-uploads/{path.rpartition('/')[2]}.part"


def has_part(receiver: ReceiverProcess, path: str, size: int) -> bool:
    return receiver.files.get(part_of(path), SIZE) >= size


def offset_of(receiver: ReceiverProcess, path: str) -> int:
    answer = tus_head(receiver, path)
    assert answer.status == 200, answer
    return int(answer.fields["upload-offset"])


@pytest.mark.parametrize("by", ["close", "reset"])
def test_what_came_before_a_cut_is_kept(receiver: ReceiverProcess, by: str) -> None:
    path = tus_create(receiver, SIZE, "/cut")
    sent = 2_500_000
    with Wire(receiver.address) as wire:
        wire.send(patch_head(path, 0, SIZE) + BODY[:sent])
        assert eventually(
            lambda: (
                receiver.files.get(f"{path[1:]}.part".replace(".uploads", ".filebody-uploads"), 0)
                >= sent
            )
        )
        if by == "reset":
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert offset_of(receiver, path) == sent
    assert eventually(lambda: any(e["kind"] == "Interrupted" for e in receiver.events))
    [told] = [event for event in receiver.events if event["kind"] == "Interrupted"]
    assert (told["name"], told["length"]) == ("cut", SIZE)
    assert tus_append(receiver, path, sent, BODY[sent:]).status == 204
    assert (receiver.directory / "cut").read_bytes() == BODY


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
def test_a_new_request_takes_over(receiver: ReceiverProcess, method: str) -> None:
    path = tus_create(receiver, SIZE, "/taken")
    with Wire(receiver.address) as old:
        old.send(patch_head(path, 0, SIZE, "Expect: 100-continue"))
        assert old.answer().status == 100
        old.send(BODY[:1_000_000])
        if method == "DELETE":
            assert ask(receiver, "DELETE", path, TUS).status == 204
            assert tus_head(receiver, path).status == 404
        else:
            if method == "PATCH":
                assert tus_append(receiver, path, SIZE, b"").status == 409
            offset = offset_of(receiver, path)
            assert 0 <= offset <= 1_000_000
            # What it was told of, it can use.
            assert tus_append(receiver, path, offset, BODY[offset:]).status == 204
            assert (receiver.directory / "taken").read_bytes() == BODY
        assert old.is_ended()


def test_of_many_at_once_the_last_one_goes_on(receiver: ReceiverProcess) -> None:
    path = tus_create(receiver, SIZE, "/many")
    wires = [Wire(receiver.address) for _ in range(10)]
    for wire in wires:
        wire.send(patch_head(path, 0, SIZE, "Expect: 100-continue"))
    statuses = []
    for wire in wires:
        with wire:
            try:
                statuses.append(wire.answer().status)
            except (EOFError, ConnectionResetError):
                statuses.append(0)
    assert statuses.count(100) <= 1 or statuses[-1] == 100
    offset = offset_of(receiver, path)
    assert tus_append(receiver, path, offset, BODY[offset:]).status == 204
    assert (receiver.directory / "many").read_bytes() == BODY


def test_a_late_duplicate_changes_nothing(receiver: ReceiverProcess) -> None:
    path = ietf_create(receiver, "/late", f"Upload-Length: {SIZE}")
    late = message(
        "PATCH",
        path,
        draft(10),
        IETF_TYPE,
        "Upload-Offset: 0",
        "Upload-Complete: ?0",
        body=BODY[:9],
    )
    assert ietf_append(receiver, path, 0, BODY[:100]).status == 204
    for _ in range(3):
        with Wire(receiver.address) as wire:
            wire.send(late)
            assert final(wire).status == 409
    assert ietf_head(receiver, path).fields["upload-offset"] == "100"
    assert ietf_append(receiver, path, 100, BODY[100:], complete=True).status == 201
    assert (receiver.directory / "late").read_bytes() == BODY


def test_nothing_unverified_is_kept(receiver: ReceiverProcess) -> None:
    path = tus_create(receiver, SIZE, "/checked")
    right = checksum("sha256", BODY[1000:])
    assert tus_append(receiver, path, 0, BODY[:1000]).status == 204
    with Wire(receiver.address) as wire:
        wire.send(patch_head(path, 1000, SIZE - 1000, right))
        wire.send(BODY[1000:3_000_000])
    assert offset_of(receiver, path) == 1000
    assert tus_append(receiver, path, 1000, BODY[1000:], right).status == 204
    assert (receiver.directory / "checked").read_bytes() == BODY


def test_the_receiver_stops_and_starts(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path) as receiver:
        path = tus_create(receiver, SIZE, "/stopped")
        assert tus_append(receiver, path, 0, BODY[:3_000_000]).status == 204
        with Wire(receiver.address) as wire:
            wire.send(patch_head(path, 3_000_000, SIZE - 3_000_000, "Expect: 100-continue"))
            assert wire.answer().status == 100
            receiver.tell("stop 0")
            assert receiver.wait() == 0
    with ReceiverProcess(tmp_path) as receiver:
        offset = offset_of(receiver, path)
        assert offset >= 3_000_000
        answer = tus_append(receiver, path, offset, BODY[offset:])
        assert answer.status == 204
        assert receiver.events[-1]["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert (receiver.directory / "stopped").read_bytes() == BODY


def test_nothing_is_left_of_a_directory_without_uploads(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path) as receiver:
        path = tus_create(receiver, SIZE, "/gone")
        assert ask(receiver, "DELETE", path, TUS).status == 204
        receiver.tell("stop 0")
        assert receiver.wait() == 0
    assert list(receiver.directory.iterdir()) == []


@long
@pytest.mark.parametrize("protocol", ["tus", "ietf"])
@pytest.mark.parametrize("fsync", [False, True])
def test_a_receiver_killed_again_and_again(tmp_path: Path, protocol: str, fsync: bool) -> None:
    """What was told before a kill is there after it, and the file is the file."""
    chance = random.Random(f"{protocol} {fsync}")
    told = 0
    path = ""
    for _ in range(by_form(quick=3, long=40)):
        with ReceiverProcess(tmp_path, fsync=fsync) as receiver:
            if not path:
                path = (
                    tus_create(receiver, SIZE, "/killed")
                    if protocol == "tus"
                    else ietf_create(receiver, "/killed", f"Upload-Length: {SIZE}")
                )
            answer = (tus_head if protocol == "tus" else ietf_head)(receiver, path)
            offset = int(answer.fields["upload-offset"])
            assert offset >= told
            told = offset
            if offset == SIZE:
                break
            with Wire(receiver.address) as wire:
                count = chance.randrange(SIZE // by_form(quick=5, long=20))
                end = min(offset + count, SIZE)
                if protocol == "tus":
                    wire.send(patch_head(path, offset, SIZE - offset))
                else:
                    fields = [draft(10), IETF_TYPE, f"Upload-Offset: {offset}"]
                    fields += ["Upload-Complete: ?1", f"Content-Length: {SIZE - offset}"]
                    wire.send(head("PATCH", path, *fields))
                wire.send(BODY[offset:end])
                wanted = offset + chance.randrange(end - offset + 1)
                has_come = partial(has_part, receiver, path, wanted)
                assert eventually(has_come)
                receiver.kill()
    with ReceiverProcess(tmp_path) as receiver:
        answer = (tus_head if protocol == "tus" else ietf_head)(receiver, path)
        offset = int(answer.fields["upload-offset"])
        assert offset >= told
        if protocol == "ietf" and answer.fields["upload-complete"] == "?0":
            answer = ietf_append(receiver, path, offset, BODY[offset:], complete=True)
        elif offset < SIZE:
            answer = tus_append(receiver, path, offset, BODY[offset:])
        assert answer.fields["repr-digest"]
        assert (receiver.directory / "killed").read_bytes() == BODY


def test_what_nobody_goes_on_with_is_removed(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path, expire_after_seconds=1.5) as receiver:
        path = tus_create(receiver, SIZE, "/expired")
        assert tus_append(receiver, path, 0, BODY[:1000]).status == 204
        assert eventually(lambda: tus_head(receiver, path).status in {404, 410})
        assert eventually(lambda: receiver.files == {})
        assert tus_append(receiver, path, 1000, BODY[1000:]).status == 404


def test_a_whole_upload_gets_its_name_without_being_asked(tmp_path: Path) -> None:
    with ReceiverProcess(tmp_path) as receiver:
        path = tus_create(receiver, SIZE, "/orphan")
        assert tus_append(receiver, path, 0, BODY[:1000]).status == 204
        receiver.kill()
    # As if the last bytes had come, and the kill with them.
    (receiver.directory / part_of(path)).write_bytes(BODY)
    with ReceiverProcess(tmp_path) as receiver:
        assert eventually(lambda: receiver.events)
        told = receiver.events[0]
        assert (told["kind"], told["name"]) == ("Stored", "orphan")
        assert told["sha256"] == hashlib.sha256(BODY).hexdigest()
        assert (receiver.directory / "orphan").read_bytes() == BODY
        assert offset_of(receiver, path) == SIZE
