"""A disk that takes 200 ms for each read: who waits for it, and who does not."""

import contextlib
import errno
import io
import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.interfaces import IConsumer
from twisted.internet.threads import deferToThread
from zope.interface import implementer

from filebody import FileBodyProducer, Progress
from tests.integration.case import UploadCase
from tests.integration.clients import AgentClient
from tests.integration.destinations import Received, ToTwistedWeb
from tests.integration.eventually import until
from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.child import ROOT
from tests.peers.slowfs import DELAY_SECONDS, SlowFile, SlowFileSystem
from tests.peers.twisted_web import TwistedWeb
from tests.programs import require
from tests.summary import Note

pytestmark = pytest.mark.peer

PIECE = 2**16
TIMEOUT_SECONDS = 60

reactor: Any = installed_reactor


def longest_gap(module: str, url: str, files: Mapping[Path, SlowFile]) -> float:
    """Send slow files at once with the class of a module; the longest gap in seconds."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.gap", module, url, *files],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    facts = json.loads(done.stdout)
    received = [Received(answer["length"], answer["sha256"]) for answer in facts["answers"]]
    assert received == [
        Received(file.size, content.sha256_of(file.seed, file.size)) for file in files.values()
    ]
    assert facts["ticks"] > 1
    gap: float = facts["longest_gap_seconds"]
    return gap


def test_the_reactor_goes_on_while_the_disk_reads(
    twisted_web: TwistedWeb, tmp_path: Path, note: Note
) -> None:
    files = {"slow": SlowFile(size=5 * PIECE)}
    with SlowFileSystem(tmp_path, files) as slow:
        paths = {slow.path / name: file for name, file in files.items()}
        url = twisted_web.url(tls=False)
        theirs = longest_gap("twisted.web.client", url, paths)
        # A read on the reactor would show each time; another program that has the processor, once.
        ours = min(longest_gap("filebody", url, paths) for _ in range(3))
    title = f"slow disk: one file, {DELAY_SECONDS * 1000:.0f} ms a read"
    note(title, f"longest gap in Twisted's reactor: {theirs * 1000:6.1f} ms")
    note(title, f"with our FileBodyProducer:        {ours * 1000:6.1f} ms")
    # It is a few milliseconds; half of a read cannot be mistaken for one on a busy machine.
    assert ours < DELAY_SECONDS / 2
    # And the measurement sees what there is to see.
    assert theirs >= 0.75 * DELAY_SECONDS


@implementer(IConsumer)
class Keeping:
    """A consumer that keeps what it is given, and does no more: many wrappers only write."""

    def __init__(self) -> None:
        self.data = b""

    def registerProducer(self, producer: object, streaming: bool) -> None:
        raise NotImplementedError

    def unregisterProducer(self) -> None:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        self.data += data


class TestThreads(UploadCase):
    """Who takes threads of the reactor's pool, how many, and for how long."""

    @pytest.fixture(autouse=True)
    def _peers(self, twisted_web: TwistedWeb, certificates: Certificates) -> None:
        self.destination = ToTwistedWeb(twisted_web, tls=False)
        self.client = AgentClient(certificates)
        self.pool = reactor.getThreadPool()

    @contextlib.contextmanager
    def slow_files(self, count: int, **of_each: Any) -> Iterator[dict[Path, SlowFile]]:
        files = {f"slow-{seed}": SlowFile(seed=seed, **of_each) for seed in range(count)}
        with SlowFileSystem(self.directory, files) as slow:
            yield {slow.path / name: file for name, file in files.items()}

    async def upload(
        self,
        path: Path,
        expected: Received,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> None:
        file = path.open("rb")
        # No read-ahead: each piece of a cold file has to wait for its disk, and for a thread.
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        producer = FileBodyProducer(file, readSize=PIECE, on_progress=on_progress)
        answer = await self.client.put(self.destination.url(path.name), producer)
        assert self.destination.received(path.name, answer) == expected

    def count_calls(self) -> Counter[str]:
        """Count what is given to the pool from now on, under "calls"."""
        counted: Counter[str] = Counter()
        pool = self.pool
        original = pool.callInThreadWithCallback

        def counting(*args: Any, **kwargs: Any) -> None:
            counted["calls"] += 1
            original(*args, **kwargs)

        pool.callInThreadWithCallback = counting
        self.addCleanup(delattr, pool, "callInThreadWithCallback")
        return counted

    async def test_a_warm_file_takes_none(self) -> None:
        size = 3_000_001
        path = content.write_file(self.directory / "warm", 2, size)
        expected = Received(size, content.sha256_of(2, size))
        require(
            answers_without_waiting(path),
            "the temporary directory's file system answers no read without waiting (RWF_NOWAIT)",
        )
        counted = self.count_calls()
        # What connecting takes, if anything: the same upload from memory.
        memory = FileBodyProducer(io.BytesIO(path.read_bytes()))
        answer = await self.client.put(self.destination.url("memory"), memory)
        assert self.destination.received("memory", answer) == expected
        connecting = counted["calls"]
        counted.clear()
        await self.upload(path, expected)
        assert counted["calls"] == connecting

        # And the count counts.
        counted.clear()
        with self.slow_files(1, size=4 * PIECE) as files:
            for slow_path, file in files.items():
                await self.upload(slow_path, received_of(file))
        assert counted["calls"] >= connecting + 4

    async def test_paused_ones_hold_none(self) -> None:
        count = 2 * self.pool.max
        size = 2 * PIECE
        with self.slow_files(count, size=size) as files:
            consumers = [Keeping() for _ in files]
            producers = [FileBodyProducer(path.open("rb")) for path in files]
            dones = [p.startProducing(c) for p, c in zip(producers, consumers, strict=True)]
            # Paused while reads are under way.
            await until(lambda: self.pool.working)
            for producer in producers:
                producer.pauseProducing()
            written = [consumer.data for consumer in consumers]
            # These all meet only if every thread of the pool is free for them.
            meeting = threading.Barrier(self.pool.max)
            await gatherResults(
                [deferToThread(meeting.wait, TIMEOUT_SECONDS / 2) for _ in range(self.pool.max)]
            )
            assert [consumer.data for consumer in consumers] == written
            for producer in producers:
                producer.resumeProducing()
            await gatherResults(dones)
        assert [consumer.data for consumer in consumers] == [
            content.generated(file.seed, 0, file.size) for file in files.values()
        ]

    async def test_stopped_ones_hold_none(self) -> None:
        with self.slow_files(2 * self.pool.max, size=2 * PIECE) as files:
            opened = [path.open("rb") for path in files]
            producers = [FileBodyProducer(file) for file in opened]
            dones: list[Deferred[None]] = [p.startProducing(Keeping()) for p in producers]
            await until(lambda: self.pool.working)
            for producer in producers:
                producer.stopProducing()
            meeting = threading.Barrier(self.pool.max)
            await gatherResults(
                [deferToThread(meeting.wait, TIMEOUT_SECONDS / 2) for _ in range(self.pool.max)]
            )
            # The reads that were under way close their files when they come back.
            assert all(file.closed for file in opened)
            assert not any(done.called for done in dones)

    async def test_two_hundred_share_them(self) -> None:
        """They all begin at the same time and take turns: none is ahead of another."""
        piece, pieces = 4096, 6
        spreads: list[int] = []
        with self.slow_files(200, size=piece * pieces, delay_seconds=0.02) as files:
            progress = dict.fromkeys(files, 0)
            consumers = {path: Keeping() for path in files}

            def advance(path: Path, now: Progress) -> None:
                progress[path] = now.sent_bytes // piece
                spreads.append(max(progress.values()) - min(progress.values()))

            await gatherResults(
                [
                    FileBodyProducer(
                        path.open("rb"), readSize=piece, on_progress=partial(advance, path)
                    ).startProducing(consumer)
                    for path, consumer in consumers.items()
                ],
                consumeErrors=True,
            )
        for path, file in files.items():
            assert consumers[path].data == content.generated(file.seed, 0, file.size)
        assert len(spreads) == 200 * pieces
        # One for the turn that is under way; one for the order inside of the Cooperator's tick.
        assert max(spreads) <= 2

    async def test_two_hundred_arrive(self) -> None:
        with self.slow_files(200, size=2 * PIECE - 1, delay_seconds=0.02) as files:
            await gatherResults(
                [
                    ensureDeferred(self.upload(path, received_of(file)))
                    for path, file in files.items()
                ],
                consumeErrors=True,
            )

    async def test_fast_files_pass_slow_ones(self) -> None:
        """A warm and a cold file of a normal disk are through while the slow ones just began."""
        size = 4_000_001
        fast = [
            content.write_file(self.directory / "warm", 31, size),
            content.write_file(self.directory / "cold", 32, size),
        ]
        drop_from_page_cache(fast[1])
        # As many slow ones as there are threads: were they given all, the others would wait.
        pieces = 3
        with self.slow_files(
            self.pool.max, size=pieces * PIECE, delay_seconds=3 * DELAY_SECONDS
        ) as files:
            progress = dict.fromkeys(files, 0)

            def advance(path: Path, now: Progress) -> None:
                progress[path] = now.sent_bytes // PIECE

            slow_ones = [
                ensureDeferred(
                    self.upload(
                        path,
                        received_of(file),
                        on_progress=partial(advance, path),
                    )
                )
                for path, file in files.items()
            ]
            # By now the slow disk has all the threads that it can get, and asks for more.
            await until(lambda: max(progress.values()) >= 1)
            await gatherResults(
                [
                    ensureDeferred(self.upload(path, Received(size, content.sha256_of(seed, size))))
                    for path, seed in zip(fast, (31, 32), strict=True)
                ],
                consumeErrors=True,
            )
            assert max(progress.values()) == 1
            await gatherResults(slow_ones, consumeErrors=True)
        assert set(progress.values()) == {pieces}


def received_of(file: SlowFile) -> Received:
    return Received(file.size, content.sha256_of(file.seed, file.size))


def answers_without_waiting(path: Path) -> bool:
    """Say whether the page cache has the beginning of a file, and the file system says so."""
    with path.open("rb") as file:
        try:
            return os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT) == 1
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EOPNOTSUPP}:
                return False
            raise


def drop_from_page_cache(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    require(
        not answers_without_waiting(path),
        "the temporary directory is not on a disk: its page cache cannot be emptied",
    )
