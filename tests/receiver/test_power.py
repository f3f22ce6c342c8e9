"""Power cuts: with `fsync` nothing is lost that a client was told of."""

from __future__ import annotations

import hashlib
import random
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.long import by_form, long
from tests.receiver.power import PoweredReceiver
from tests.receiver.resuming import (
    IETF_TYPE,
    TUS,
    ask,
    draft,
    ietf_append,
    ietf_create,
    ietf_head,
    message,
    tus_append,
    tus_create,
    tus_head,
)
from tests.receiver.test_takeover import BODY, SIZE, has_part, patch_head
from tests.receiver.wire import Wire, eventually, head

if TYPE_CHECKING:
    from pathlib import Path

    from tests.receiver.wire import Answer

pytestmark = long

STEP = SIZE // 8


class Client:
    """Sends BODY by one of the protocols, and remembers what it was told."""

    def __init__(self, protocol: str) -> None:
        self.is_tus = protocol == "tus"
        self.path = ""
        self.told = 0
        self.is_complete = False

    def create(self, receiver: PoweredReceiver) -> None:
        if self.is_tus:
            self.path = tus_create(receiver, SIZE, "/deep/cut")
        else:
            self.path = ietf_create(receiver, "/deep/cut", f"Upload-Length: {SIZE}")

    def look(self, receiver: PoweredReceiver) -> int:
        """How much there is, and by the IETF's draft whether it is complete."""
        answer = (tus_head if self.is_tus else ietf_head)(receiver, self.path)
        assert answer.status in {200, 204}, answer
        self.is_complete = answer.fields.get("upload-complete", "?1") == "?1"
        return int(answer.fields["upload-offset"])

    def append(self, receiver: PoweredReceiver, offset: int, stop: int) -> Answer:
        piece = BODY[offset:stop]
        if self.is_tus:
            return tus_append(receiver, self.path, offset, piece)
        return ietf_append(receiver, self.path, offset, piece, complete=stop == SIZE)

    def begin(self, wire: Wire, offset: int, stop: int) -> None:
        """Promise all that is left, and send some of it."""
        length = SIZE - offset
        if self.is_tus:
            wire.send(patch_head(self.path, offset, length))
        else:
            fields = [draft(10), IETF_TYPE, f"Upload-Offset: {offset}", "Upload-Complete: ?1"]
            wire.send(head("PATCH", self.path, *fields, f"Content-Length: {length}"))
        wire.send(BODY[offset:stop])


@pytest.mark.parametrize("protocol", ["tus", "ietf"])
def test_what_was_told_is_there(tmp_path: Path, protocol: str) -> None:
    client = Client(protocol)
    chance = random.Random(protocol)
    with PoweredReceiver(tmp_path, fsync=True) as receiver:
        client.create(receiver)
        receiver.cut_power()
    for _ in range(by_form(quick=2, long=6)):
        with PoweredReceiver(tmp_path, fsync=True) as receiver:
            offset = client.look(receiver)
            assert client.told <= offset < SIZE
            answer = client.append(receiver, offset, offset + STEP)
            client.told = int(answer.fields["upload-offset"])
            assert client.told == offset + STEP
            with Wire(receiver.address) as wire:
                stop = client.told + chance.randrange(STEP // 2)
                client.begin(wire, client.told, stop)
                assert eventually(partial(has_part, receiver, client.path, stop))
                receiver.cut_power()
    with PoweredReceiver(tmp_path, fsync=True) as receiver:
        offset = client.look(receiver)
        assert offset >= client.told
        assert client.append(receiver, offset, SIZE).fields["repr-digest"]
        receiver.cut_power()
    with PoweredReceiver(tmp_path, fsync=True) as receiver:
        assert (receiver.directory / "deep" / "cut").read_bytes() == BODY
        assert client.look(receiver) == SIZE


@pytest.mark.parametrize("protocol", ["tus", "ietf"])
def test_at_any_moment_of_the_end(tmp_path: Path, protocol: str) -> None:
    """The file has its name and all its bytes, or can be resumed: never anything between."""
    chance = random.Random(protocol)
    for number in range(by_form(quick=2, long=40)):
        home = tmp_path / str(number)
        home.mkdir()
        client = Client(protocol)
        with PoweredReceiver(home, fsync=True) as receiver:
            client.create(receiver)
            client.append(receiver, 0, SIZE - STEP)
            with Wire(receiver.address) as wire:
                client.begin(wire, SIZE - STEP, SIZE - 1)
                assert eventually(partial(has_part, receiver, client.path, SIZE - 1))
                wire.send(BODY[-1:])
                threading.Event().wait(chance.random() * 0.01)
                receiver.cut_power()
        with PoweredReceiver(home, fsync=True) as receiver:
            final = receiver.directory / "deep" / "cut"
            offset = client.look(receiver)
            assert offset >= SIZE - STEP
            if offset < SIZE or not client.is_complete:
                assert not final.exists()
                client.append(receiver, offset, SIZE)
            assert eventually(final.exists)
            assert hashlib.sha256(final.read_bytes()).digest() == hashlib.sha256(BODY).digest()


def test_a_join_at_any_moment(tmp_path: Path) -> None:
    """Asked for again, it makes the same file: no byte of a part goes before it is elsewhere."""
    chance = random.Random(7)
    for number in range(by_form(quick=2, long=40)):
        home = tmp_path / str(number)
        home.mkdir()
        with PoweredReceiver(home, fsync=True) as receiver:
            parts = []
            for start in range(0, SIZE, SIZE // 3 + 1):
                piece = BODY[start : start + SIZE // 3 + 1]
                parts.append(tus_create(receiver, len(piece), "/", "Upload-Concat: partial"))
                tus_append(receiver, parts[-1], 0, piece)
            final = f"Upload-Concat: final;{' '.join(parts)}"
            with Wire(receiver.address) as wire:
                wire.send(message("POST", "/cut", TUS, final, body=b""))
                threading.Event().wait(chance.random() * 0.05)
                receiver.cut_power()
        with PoweredReceiver(home, fsync=True) as receiver:
            assert ask(receiver, "POST", "/cut", TUS, final, body=b"").status == 201
            assert [name for name in receiver.files if name.startswith("cut")] == ["cut"]
            assert (receiver.directory / "cut").read_bytes() == BODY


def test_the_cut_is_one(tmp_path: Path) -> None:
    """Without `fsync` it costs what was told: else the tests above would show nothing."""
    client = Client("tus")
    with PoweredReceiver(tmp_path) as receiver:
        client.create(receiver)
        client.append(receiver, 0, STEP)
        receiver.cut_power()
    with PoweredReceiver(tmp_path) as receiver:
        assert tus_head(receiver, client.path).status == 404
        assert receiver.files == {}
