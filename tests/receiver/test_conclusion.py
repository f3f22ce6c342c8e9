"""Questions about an upload are answered at once, also while its file is read and stored."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.receiver.process import ReceiverProcess
from tests.receiver.resuming import (
    IETF_TYPE,
    TUS,
    TUS_TYPE,
    ask,
    draft,
    final,
    ietf_create,
    ietf_head,
    message,
    tus_create,
    tus_head,
)
from tests.receiver.wire import Wire, eventually, put

if TYPE_CHECKING:
    from pathlib import Path

# Holes cost no disk, and as much time to read again as bytes. Much is read while little is asked.
SIZE = 1 << 28


def restarted(home: Path, protocol: str) -> tuple[ReceiverProcess, str, bytes]:
    """A receiver that has all but one byte of an upload, and the request that brings it."""
    with ReceiverProcess(home) as receiver:
        if protocol == "tus":
            path = tus_create(receiver, SIZE, "/large")
        else:
            path = ietf_create(receiver, "/large")
    part = home / "received" / ".filebody-uploads" / f"{path.rpartition('/')[2]}.part"
    os.truncate(part, SIZE - 1)
    at = f"Upload-Offset: {SIZE - 1}"
    if protocol == "tus":
        said = [TUS, TUS_TYPE, at]
    else:
        said = [draft(10), IETF_TYPE, at, "Upload-Complete: ?1"]
    return ReceiverProcess(home), path, message("PATCH", path, *said, body=b"x")


@pytest.mark.parametrize("protocol", ["tus", "ietf"])
def test_who_asks_does_not_wait(tmp_path: Path, protocol: str) -> None:
    process, path, last = restarted(tmp_path, protocol)
    look = tus_head if protocol == "tus" else ietf_head
    with process as receiver, Wire(receiver.address) as wire, Wire(receiver.address) as other:
        wire.send(last)
        assert eventually(lambda: receiver.files[f".filebody-uploads/{path[-32:]}.part"] == SIZE)
        answers = [look(receiver, path), look(receiver, path)]
        assert ask(receiver, "OPTIONS", path, TUS).status == 204
        other.send(put("/small"))
        assert other.answer().status == 201
        if wire.is_quiet(0):  # else this machine reads faster than it asks
            for answer in answers:
                if protocol == "tus":
                    assert (answer.status, answer.fields["retry-after"]) == (423, "1")
                else:
                    assert answer.fields["upload-offset"] == str(SIZE)
                    assert answer.fields["upload-complete"] == "?0"
        assert final(wire).status in {201, 204}
        assert look(receiver, path).fields["upload-offset"] == str(SIZE)
        assert (receiver.directory / "large").stat().st_size == SIZE


def test_who_asks_has_a_file_stored_that_was_whole(tmp_path: Path) -> None:
    process, path, _ = restarted(tmp_path, "tus")
    os.truncate(tmp_path / "received" / ".filebody-uploads" / f"{path[-32:]}.part", SIZE)
    with process as receiver:
        while (answer := tus_head(receiver, path)).status == 423:
            pass
        assert answer.status == 200
        assert answer.fields["content-location"].endswith("/large")


def test_a_receiver_that_is_stopped_gives_up_reading(tmp_path: Path) -> None:
    process, path, last = restarted(tmp_path, "tus")
    with process as receiver, Wire(receiver.address) as wire:
        wire.send(last)
        part = f".filebody-uploads/{path[-32:]}.part"
        assert eventually(lambda: receiver.files.get(part) == SIZE)
        began = time.monotonic()
        receiver.tell("stop 0")
        assert receiver.wait() == 0
        assert time.monotonic() - began < 20
    with ReceiverProcess(tmp_path) as receiver:
        assert eventually((receiver.directory / "large").exists)
