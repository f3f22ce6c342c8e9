"""Many clients that all think the upload is theirs, and hang up when they like."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs
import pytest

from tests.long import by_form, long
from tests.peers.content import generated
from tests.receiver.resuming import (
    IETF_TYPE,
    TUS,
    TUS_TYPE,
    draft,
    final,
    ietf_append,
    ietf_create,
    ietf_head,
    tus_append,
    tus_create,
    tus_head,
)
from tests.receiver.wire import Wire, head

if TYPE_CHECKING:
    from tests.receiver.process import ReceiverProcess

SIZE = 3_000_017
BODY = generated(13, 0, SIZE)
CLIENTS = 6
TURNS = by_form(quick=40, long=400)


@attrs.define
class Storm:
    """What all clients know: no offset may ever be less than one that was told before."""

    receiver: ReceiverProcess
    path: str
    protocol: str
    told: int = 0
    faults: list[str] = attrs.field(factory=list)
    lock: threading.Lock = attrs.field(factory=threading.Lock)

    def note(self, before: int, offset: int) -> None:
        with self.lock:
            if offset < before:
                self.faults.append(f"{offset} was told after {before}")
            self.told = max(self.told, offset)

    def client(self, number: int) -> None:
        chance = random.Random(number)
        for _ in range(TURNS):
            if self.told == SIZE:
                return
            try:
                self.turn(chance)
            except (EOFError, OSError):
                continue  # another one has taken over

    def turn(self, chance: random.Random) -> None:
        before = self.told
        look = tus_head if self.protocol == "tus" else ietf_head
        offset = int(look(self.receiver, self.path).fields["upload-offset"])
        self.note(before, offset)
        wrong = chance.random() < 0.1
        start = max(0, offset - 1000) if wrong else offset
        end = min(SIZE, start + chance.randrange(1, 40_000))
        promised = min(SIZE, end + (chance.randrange(40_000) if chance.random() < 0.3 else 0))
        with Wire(self.receiver.address) as wire:
            wire.send(head("PATCH", self.path, *self.fields(start, promised)) + BODY[start:end])
            if promised > end:
                if chance.random() < 0.5:
                    linger = struct.pack("ii", 1, 0)
                    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return
            before = self.told
            answer = final(wire)
            if answer.status in {200, 201, 204}:
                self.note(0, int(answer.fields["upload-offset"]))
                if int(answer.fields["upload-offset"]) != end:
                    self.faults.append(f"{answer} after bytes {start} to {end}")
            elif answer.status not in {400, 409}:
                self.faults.append(str(answer))

    def fields(self, start: int, end: int) -> list[str]:
        said = [f"Upload-Offset: {start}", f"Content-Length: {end - start}"]
        if self.protocol == "tus":
            return [TUS, TUS_TYPE, *said]
        return [draft(10), IETF_TYPE, f"Upload-Complete: ?{end == SIZE:d}", *said]


@long
@pytest.mark.parametrize("protocol", ["tus", "ietf"])
def test_storm(receiver: ReceiverProcess, protocol: str) -> None:
    if protocol == "tus":
        path = tus_create(receiver, SIZE, "/storm")
    else:
        path = ietf_create(receiver, "/storm", f"Upload-Length: {SIZE}")
    storm = Storm(receiver, path, protocol)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(storm.client, number) for number in range(CLIENTS)]:
            done.result()
    assert storm.faults == []
    answer = (tus_head if protocol == "tus" else ietf_head)(receiver, path)
    offset = int(answer.fields["upload-offset"])
    assert offset >= storm.told
    if protocol == "tus" and offset < SIZE:
        assert tus_append(receiver, path, offset, BODY[offset:]).status == 204
    elif protocol == "ietf" and answer.fields["upload-complete"] == "?0":
        assert ietf_append(receiver, path, offset, BODY[offset:], complete=True).status == 201
    assert (receiver.directory / "storm").read_bytes() == BODY
    [stored] = [event for event in receiver.events if event["kind"] == "Stored"]
    assert stored["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert "Traceback" not in receiver.log
