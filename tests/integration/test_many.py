"""Many uploads at once, a large one, and one that the server takes slowly."""

import hashlib
from collections.abc import Iterator
from typing import ClassVar

import pytest
from twisted.internet.defer import ensureDeferred, gatherResults

from filebody import FileBodyProducer
from tests.integration.case import UploadCase
from tests.integration.clients import AgentClient, Client, OurClient
from tests.integration.destinations import Destination, Received, ToReceiver, ToTwistedWeb
from tests.long import long, long_only
from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.twisted_web import Manners, TwistedWeb

pytestmark = pytest.mark.peer

MIB = 1 << 20
GIB = 1 << 30
ZEROS = memoryview(bytes(GIB // 16))


class TestAtOnce(UploadCase):
    through: ClassVar[type[Client]] = AgentClient

    @pytest.fixture(autouse=True)
    def _peers(self, twisted_web: TwistedWeb, certificates: Certificates) -> None:
        self.twisted_web = twisted_web
        self.certificates = certificates

    async def send_two_hundred_to(self, destination: Destination) -> None:
        client = self.through(self.certificates)
        sizes = {f"upload-{seed}": (seed, 100_000 + seed) for seed in range(200)}
        files = {
            name: content.write_file(self.directory / name, seed, size).open("rb")
            for name, (seed, size) in sizes.items()
        }
        answers = await gatherResults(
            [
                ensureDeferred(client.put(destination.url(name), FileBodyProducer(file)))
                for name, file in files.items()
            ],
            consumeErrors=True,
        )
        for (name, (seed, size)), answer in zip(sizes.items(), answers, strict=True):
            expected = Received(size, content.sha256_of(seed, size))
            assert destination.received(name, answer) == expected
        assert all(file.closed for file in files.values())

    async def test_two_hundred_to_twisted_web(self) -> None:
        await self.send_two_hundred_to(ToTwistedWeb(self.twisted_web, tls=False))

    async def test_two_hundred_over_tls(self) -> None:
        await self.send_two_hundred_to(ToTwistedWeb(self.twisted_web, tls=True))

    async def test_two_hundred_to_our_receiver(self) -> None:
        destination = ToReceiver(self.directory / "received")
        await destination.start()
        try:
            await self.send_two_hundred_to(destination)
        finally:
            await destination.stop()
        assert len(list(destination.directory.iterdir())) == 200


class TestAtOnceThroughOurs(TestAtOnce):
    through = OurClient


class TestSlowReader(UploadCase):
    """Back-pressure: the server takes a piece and then nothing for a while, again and again."""

    through: ClassVar[type[Client]] = AgentClient

    @pytest.fixture(autouse=True)
    def _peers(self, _directory: None, certificates: Certificates) -> Iterator[None]:
        self.client = self.through(certificates)
        with TwistedWeb(self.directory, certificates, Manners(pause_seconds=0.002)) as server:
            self.server = server
            yield

    async def send(self, *, tls: bool) -> None:
        size = 10_000_001
        path = content.write_file(self.directory / "source", 8, size)
        progress: list[int] = []
        producer = FileBodyProducer(
            path.open("rb"), on_progress=lambda now: progress.append(now.sent_bytes)
        )
        destination = ToTwistedWeb(self.server, tls=tls)
        answer = await self.client.put(destination.url("slowly"), producer)
        expected = Received(size, content.sha256_of(8, size))
        assert destination.received("slowly", answer) == expected
        assert progress == sorted(set(progress))
        assert progress[-1] == size

    async def test_plain(self) -> None:
        await self.send(tls=False)

    async def test_tls(self) -> None:
        await self.send(tls=True)


class TestSlowReaderThroughOurs(TestSlowReader):
    through = OurClient


class TestLarge(UploadCase):
    timeout = 300
    through: ClassVar[type[Client]] = AgentClient

    @pytest.fixture(autouse=True)
    def _peers(self, twisted_web: TwistedWeb, certificates: Certificates) -> None:
        self.destination = ToTwistedWeb(twisted_web, tls=False)
        self.client = self.through(certificates)

    @long
    @long_only
    async def test_five_gib(self) -> None:
        """More than 32 bits count; holes mostly, with marks around every border of a number."""
        path = self.directory / "large"
        size = 5 * GIB + 1
        marks = (0, 2 * GIB - MIB, 4 * GIB - MIB, size - 2 * MIB)
        # Computed, not read back: nothing of the file is in the page cache.
        digest = hashlib.sha256()
        offset = 0
        with path.open("wb") as file:
            file.truncate(size)
            for mark in marks:
                file.seek(mark)
                file.write(piece := content.generated(3, mark, 2 * MIB))
                for start in range(offset, mark, GIB // 16):
                    digest.update(ZEROS[: mark - start])
                digest.update(piece)
                offset = mark + len(piece)
        try:
            producer = FileBodyProducer(path.open("rb"), readSize=MIB)
            assert producer.length == size
            answer = await self.client.put(self.destination.url("large"), producer)
            expected = Received(size, digest.hexdigest())
            assert self.destination.received("large", answer) == expected
        finally:
            path.unlink()


class TestLargeThroughOurs(TestLarge):
    through = OurClient
