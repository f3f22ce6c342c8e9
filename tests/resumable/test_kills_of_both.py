"""The sender, the receiver or both are killed, again and again, while one file is sent.

Everything goes through a proxy that counts: nothing that was confirmed, or that was in the
receiver's file, is sent again; only what was on its way at a kill.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from filebody.resumable import Checkpoints
from tests.long import by_form, long
from tests.peers.ports import free_port
from tests.peers.recorder import Recorder
from tests.receiver.process import ReceiverProcess
from tests.receiver.wire import eventually
from tests.resumable.case import content_of
from tests.resumable.sending import start
from tests.summary import Note

pytestmark = long

KILLS = by_form(quick=3, long=50)
SIZE = 8_000_000
# A sender that is held to a rate begins with a burst, which must not bring it to its end too soon.
BYTES_PER_SECOND = min(4_000_000, 10 * SIZE / KILLS)
# What the receiver may hold of one upload that is not in the file yet, and as much in sockets.
BUFFER_BYTES = 2 * 768 * 1024


class Line:
    """A sender, a receiver, and a proxy between them that survives both."""

    def __init__(self, home: Path, protocol: str) -> None:
        self.content = content_of(SIZE)
        (home / "source").write_bytes(self.content)
        self._home = home
        self.protocol = protocol
        self._log = home / "sender.log"
        self._sender: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self._requests = 0
        self.recorder = Recorder(("127.0.0.1", self._port))
        self.start = {"sender": self.start_sender, "receiver": self.start_receiver}
        self.kill = {"sender": self.kill_sender, "receiver": self.kill_receiver}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as held:
            held.enter_context(self.recorder)
            self.start_receiver()
            held.callback(self.kill_receiver)
            held.callback(self.kill_sender)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def start_receiver(self) -> None:
        self.receiver = ReceiverProcess(self._home, port=self._port)
        self.receiver.__enter__()

    def kill_receiver(self) -> None:
        self.receiver.kill()
        self.receiver.stop()
        # What is in the file is what it will confirm.
        self.recorder.confirm(self.stored_bytes)
        self._requests = len(self.recorder.requests)

    @property
    def stored_bytes(self) -> int:
        files = self.receiver.files.items()
        return max((size for name, size in files if name.endswith(".part")), default=0)

    def start_sender(self) -> None:
        settings: dict[str, Any] = {
            "url": f"http://127.0.0.1:{self.recorder.port}/file",
            "path": str(self._home / "source"),
            "state": str(self._home / "state"),
            "protocol": self.protocol,
            "rate_bytes_per_second": BYTES_PER_SECOND,
            "first_delay_seconds": 0.05,
            "is_quiet": True,
        }
        self._sender = start(settings, self._log)

    def kill_sender(self) -> None:
        if self._sender is not None:
            with self._sender as process:
                process.kill()
            self._sender = None
        self._requests = len(self.recorder.requests)

    def wait_for(self, position: int, requests: int) -> None:
        """Wait until so much was sent, and so many requests since the last kill."""
        recorder = self.recorder
        wanted = self._requests + requests
        assert recorder.wait_until(
            lambda: recorder.sent_bytes >= position and len(recorder.requests) >= wanted
        ), self._log.read_text()

    def wait_for_stored(self, position: int) -> None:
        """Wait until the receiver has so much in its file."""
        assert eventually(lambda: self.stored_bytes >= position), self._log.read_text()

    def finish(self) -> None:
        """Let the sender that is running come to its end, and see what became of the file."""
        assert self._sender is not None
        with self._sender as process:
            said, _ = process.communicate(timeout=60)
        self._sender = None
        assert process.returncode == 0, self._log.read_text()
        assert "done" in json.loads(said.splitlines()[-1])
        assert (self.receiver.directory / "file").read_bytes() == self.content
        stored = self.receiver.events[-1]
        assert stored["kind"] == "Stored"
        assert stored["sha256"] == hashlib.sha256(self.content).hexdigest()
        assert Checkpoints(self._home / "state").all() == []
        # Of a creation whose sender was killed before it could note where, there may be a record.
        assert set(self.receiver.files.values()) == {SIZE} | {
            size for name, size in self.receiver.files.items() if name.endswith(".json")
        }


@pytest.fixture(params=["tus", "ietf"])
def line(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Line]:
    with Line(tmp_path, request.param) as started:
        yield started


def moments(chance: random.Random) -> Iterator[int]:
    """Random places in the file, in their order; the last of them leaves something to be sent."""
    return iter(sorted(chance.randrange(SIZE * 9 // 10) for _ in range(KILLS)))


def check_counts(line: Line, note: Note, who: str) -> None:
    recorder = line.recorder
    again = recorder.sent_bytes - SIZE
    what = f"{who} by {line.protocol}: {again} bytes were sent again, {again // KILLS} a kill"
    note(f"{KILLS} kills", f"{what}; {recorder.repeated_bytes} of them were confirmed")
    assert recorder.repeated_bytes == 0
    assert 0 <= again <= KILLS * BUFFER_BYTES


def test_either_or_both(line: Line, note: Note) -> None:
    chance = random.Random(8)
    line.start_sender()
    for position in moments(chance):
        line.wait_for(position, chance.randint(1, 2))
        victims = chance.choice([("sender",), ("receiver",), ("sender", "receiver")])
        for victim in chance.sample(victims, len(victims)):
            line.kill[victim]()
        for victim in chance.sample(victims, len(victims)):
            line.start[victim]()
    line.finish()
    check_counts(line, note, "either or both")


def test_the_receiver_while_one_sender_goes_on(line: Line, note: Note) -> None:
    chance = random.Random(9)
    line.start_sender()
    for position in moments(chance):
        # Something is stored each time: a sender that gets nowhere waits longer and longer.
        line.wait_for_stored(max(position, line.stored_bytes + 1))
        line.kill_receiver()
        line.start_receiver()
    line.finish()
    check_counts(line, note, "the receiver alone")
