from __future__ import annotations

import socket
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from filebody.receiver._budget import Budget
from filebody.receiver._refusal import Refusal
from filebody.receiver._store import Incoming, Store
from filebody.receiver._tap import Tap
from filebody.receiver._workers import Workers
from filebody.receiver._writer import HIGH_WATER_BYTES, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.python.failure import Failure

reactor: Any = installed_reactor


class SlowIncoming(Incoming):
    """A real one whose writes wait for a gate, and that notes their sizes."""

    gate: threading.Event
    sizes: list[int]
    fault: Exception | None = None
    is_aborting: threading.Event
    abort_gate: threading.Event | None = None

    def write(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        self.gate.wait(30)
        if self.fault is not None:
            raise self.fault
        self.sizes.append(sum(len(piece) for piece in pieces))
        super().write(pieces)

    def abort(self) -> None:
        self.is_aborting.set()
        if self.abort_gate is not None:
            self.abort_gate.wait(30)
        super().abort()


class WriterTests(TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)
        self.store = Store(self.directory)
        self.store.open()
        self.workers = Workers(reactor)
        self.workers.start()
        self.budget = Budget()
        self.is_full: list[bool] = []
        self.failed: Deferred[BaseException] = Deferred()
        self.room: Deferred[None] = Deferred()
        incoming = self.store.begin(("name",), length=None)
        incoming.__class__ = SlowIncoming
        assert isinstance(incoming, SlowIncoming)
        incoming.gate = threading.Event()
        incoming.is_aborting = threading.Event()
        incoming.sizes = []
        self.incoming = incoming

    async def clean(self) -> None:
        await self.workers.when_idle()
        self.workers.stop()
        self.store.close()
        assert self.budget.held_bytes == 0

    def tearDown(self) -> Deferred[None]:  # type: ignore[override] # trial takes Deferreds
        self.incoming.gate.set()
        return Deferred.fromCoroutine(self.clean())

    def note_failure(self, failure: Failure) -> None:
        assert failure.value is not None
        self.failed.callback(failure.value)

    def made_room(self) -> None:
        self.is_full.pop()
        assert not self.is_full
        self.room.callback(None)

    def writer(self, tap: Tap | None = None) -> Writer:
        self.poured: list[int] = []
        return Writer(
            self.incoming,
            self.workers,
            self.budget,
            on_full=lambda: self.is_full.append(True),
            on_room=self.made_room,
            on_failure=self.note_failure,
            tap=tap,
            on_poured=self.poured.append,
        )

    def test_a_stuck_disk_makes_it_full_and_a_free_one_makes_room(self) -> Deferred[None]:
        async def steps() -> None:
            writer = self.writer()
            piece = bytes(64 * 1024)
            written = 0
            while not self.is_full:
                assert written <= HIGH_WATER_BYTES
                writer.write(piece)
                written += len(piece)
            self.incoming.gate.set()
            await self.room
            assert not self.is_full
            stored = await writer.finish(lambda: self.incoming.commit({}))
            assert stored.size_bytes == written
            # The first piece went alone; what came meanwhile went in as few calls as may be.
            assert len(self.incoming.sizes) <= 4
            assert max(self.incoming.sizes) <= 512 * 1024

        return Deferred.fromCoroutine(steps())

    def test_what_others_have_queued_makes_it_full_after_one_read(self) -> Deferred[None]:
        async def steps() -> None:
            self.budget.held_bytes = self.budget.limit_bytes  # another upload's
            writer = self.writer()
            for _ in range(2):
                writer.write(b"one read")
                assert self.is_full
                self.incoming.gate.set()
                await self.room
                assert not self.is_full, "its own is written: it is its turn again"
                self.room = Deferred()
            writer.write(b"one read")
            writer.write(b"more, which was on its way")
            writer.abort()
            await self.workers.when_idle()
            assert self.budget.held_bytes == self.budget.limit_bytes
            self.budget.held_bytes = 0

        return Deferred.fromCoroutine(steps())

    def test_pieces_of_one_byte_are_joined(self) -> Deferred[None]:
        async def steps() -> None:
            writer = self.writer()
            content = bytes(range(256)) * 100
            for byte in content:
                writer.write(bytes([byte]))
            assert len(writer._pieces) < 10
            self.incoming.gate.set()
            stored = await writer.finish(lambda: self.incoming.commit({}))
            assert stored.path.read_bytes() == content

        return Deferred.fromCoroutine(steps())

    def test_order_is_kept_over_many_batches(self) -> Deferred[None]:
        async def steps() -> None:
            writer = self.writer()
            self.incoming.gate.set()
            pieces = [bytes([number]) * (number * 1000 + 1) for number in range(100)]
            for piece in pieces:
                writer.write(piece)
            stored = await writer.finish(lambda: self.incoming.commit({}))
            assert stored.path.read_bytes() == b"".join(pieces)

        return Deferred.fromCoroutine(steps())

    def test_abort_waits_for_the_write_under_way(self) -> Deferred[None]:
        async def steps() -> None:
            writer = self.writer()
            writer.write(b"body")
            writer.write(b"more")
            writer.abort()
            writer.abort()
            writer.write(b"late")
            assert list(self.directory.rglob("*.part"))
            self.incoming.gate.set()
            await self.workers.when_idle()
            assert self.incoming.sizes == [4]
            assert not list(self.directory.rglob("*.part"))

        return Deferred.fromCoroutine(steps())

    def test_a_failed_write_is_told_once_and_cleans_up(self) -> Deferred[None]:
        async def steps() -> None:
            self.incoming.fault = Refusal(507, "full")
            writer = self.writer()
            writer.write(b"body")
            self.incoming.gate.set()
            assert await self.failed is self.incoming.fault
            writer.write(b"more")
            await self.workers.when_idle()
            assert not list(self.directory.rglob("*.part"))

        return Deferred.fromCoroutine(steps())

    def test_a_finish_that_fails_has_aborted_the_sink(self) -> Deferred[None]:
        async def steps() -> None:
            writer = self.writer()
            self.incoming.abort_gate = threading.Event()
            self.incoming.fault = Refusal(413, "too much")
            writer.write(b"under way")
            done = writer.finish(lambda: self.incoming.commit({}))
            outcome: list[Failure] = []
            done.addErrback(outcome.append)
            self.incoming.gate.set()
            # One thread writes and aborts, in this order; another one waits for both.
            await deferToThread(self.incoming.is_aborting.wait, 30)
            is_told_too_soon = bool(outcome)
            self.incoming.abort_gate.set()
            assert not is_told_too_soon
            await done
            assert outcome[0].check(Refusal)

        return Deferred.fromCoroutine(steps())

    def test_a_write_that_fails_while_finishing_fails_the_finish(self) -> Deferred[None]:
        async def steps() -> None:
            self.incoming.fault = Refusal(507, "full")
            writer = self.writer()
            writer.write(b"body")
            done = writer.finish(lambda: self.incoming.commit({}))
            self.incoming.gate.set()
            with pytest.raises(Refusal, match="full"):
                await done
            await self.workers.when_idle()
            assert not self.failed.called
            assert not list(self.directory.rglob("*.part"))

        return Deferred.fromCoroutine(steps())

    def test_the_tap_gives_the_body_and_not_a_byte_more(self) -> Deferred[None]:
        async def steps() -> None:
            ours, theirs = socket.socketpair()
            content = bytes(range(256)) * 400
            theirs.sendall(content[10:] + b"next request")
            tap = Tap(ours, len(content))
            writer = self.writer(tap)
            writer.write(content[:4])
            writer.write(content[4:10], is_last_read=True)
            self.incoming.gate.set()
            await self.room
            assert self.incoming.sizes[:2] == [4, 6], "the tap waits for what came before"
            assert self.poured == [len(content) - 10]
            stored = await writer.finish(lambda: self.incoming.commit({}))
            assert stored.path.read_bytes() == content
            assert ours.recv(100) == b"next request"
            ours.close()
            theirs.close()

        return Deferred.fromCoroutine(steps())

    def test_the_tap_never_waits_for_the_client(self) -> Deferred[None]:
        async def steps() -> None:
            ours, theirs = socket.socketpair()
            writer = self.writer(Tap(ours, 100))
            writer.write(b"some", is_last_read=True)
            assert self.is_full
            self.incoming.gate.set()
            await self.room
            assert self.poured == []
            writer.abort()
            await self.workers.when_idle()
            ours.close()
            assert theirs.recv(1) == b"", "the duplicate is closed too"
            theirs.close()

        return Deferred.fromCoroutine(steps())
