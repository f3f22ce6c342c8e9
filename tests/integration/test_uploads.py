"""Whole uploads: every size that matters, through each client, to each server."""

import os
import threading
from typing import ClassVar

import pytest
from twisted.web.iweb import UNKNOWN_LENGTH

from filebody import FileBodyProducer
from tests.integration.case import UploadCase
from tests.integration.clients import AgentClient, Client, OurClient, TreqClient
from tests.integration.destinations import (
    Destination,
    Received,
    ToNginx,
    ToReceiver,
    ToTwistedWeb,
)
from tests.integration.pipes import write_slowly
from tests.peers import content
from tests.peers.certificates import Certificates

pytestmark = pytest.mark.peer

READ_SIZE = 2**16


class _Uploads(UploadCase):
    """What must arrive, wherever it goes; subclasses say through what and to where."""

    # The classes whose names begin with an underscore are for inheriting only.
    __test__ = False

    client: Client
    destination: Destination
    through: ClassVar[type[Client]]
    tls: ClassVar[bool] = False
    certificates: Certificates

    def make_destination(self, request: pytest.FixtureRequest) -> Destination:
        """Return where to send to; a peer is asked for here, so that only its own tests need it."""
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _peers(
        self, _directory: None, certificates: Certificates, request: pytest.FixtureRequest
    ) -> None:
        self.certificates = certificates
        self.destination = self.make_destination(request)
        self.client = self.through(certificates)

    async def begin(self) -> None:
        await self.destination.start()

    async def end(self) -> None:
        await self.destination.stop()

    async def upload(self, size: int, name: str = "upload") -> None:
        """Send a file of this size and compare what is received with what was sent."""
        seed = size % 65521
        file = content.write_file(self.directory / f"{name}.source", seed, size).open("rb")
        producer = FileBodyProducer(file, readSize=READ_SIZE)
        assert producer.length == size
        answer = await self.client.put(self.destination.url(name), producer)
        expected = Received(size, content.sha256_of(seed, size))
        assert self.destination.received(name, answer) == expected
        assert file.closed

    async def test_nothing(self) -> None:
        await self.upload(0)

    async def test_one_byte(self) -> None:
        await self.upload(1)

    async def test_one_byte_less_than_a_read(self) -> None:
        await self.upload(READ_SIZE - 1)

    async def test_exactly_a_read(self) -> None:
        await self.upload(READ_SIZE)

    async def test_one_byte_more_than_a_read(self) -> None:
        await self.upload(READ_SIZE + 1)

    async def test_many_reads(self) -> None:
        await self.upload(5_000_003)

    async def test_unknown_length(self) -> None:
        """A pipe is sent as it comes, in chunks (RFC 9112 section 7.1)."""
        size = 300_001
        reading, writing = os.pipe()
        file = os.fdopen(reading, "rb")
        producer = FileBodyProducer(file, readSize=READ_SIZE)
        assert producer.length is UNKNOWN_LENGTH
        # Far more than a pipe holds: the writer waits for us and we wait for the writer.
        writer = threading.Thread(target=write_slowly, args=(writing, 9, size))
        writer.start()
        answer = await self.client.put(self.destination.url("pipe"), producer)
        writer.join()
        expected = Received(size, content.sha256_of(9, size))
        assert self.destination.received("pipe", answer) == expected
        assert file.closed


class _UploadsToNginx(_Uploads):
    def make_destination(self, request: pytest.FixtureRequest) -> Destination:
        return ToNginx(request.getfixturevalue("nginx"), tls=self.tls)


class _UploadsToTwistedWeb(_Uploads):
    def make_destination(self, request: pytest.FixtureRequest) -> Destination:
        return ToTwistedWeb(request.getfixturevalue("twisted_web"), tls=self.tls)


class _UploadsToReceiver(_Uploads):
    def make_destination(self, request: pytest.FixtureRequest) -> Destination:
        return ToReceiver(self.directory / "received", self.certificates if self.tls else None)


class TestAgentToNginx(_UploadsToNginx):
    __test__ = True
    through = AgentClient


class TestAgentToNginxTLS(TestAgentToNginx):
    tls = True


class TestAgentToTwistedWeb(_UploadsToTwistedWeb):
    __test__ = True
    through = AgentClient


class TestAgentToTwistedWebTLS(TestAgentToTwistedWeb):
    tls = True


class TestAgentToReceiver(_UploadsToReceiver):
    __test__ = True
    through = AgentClient


class TestAgentToReceiverTLS(TestAgentToReceiver):
    tls = True


class TestTreqToNginx(_UploadsToNginx):
    __test__ = True
    through = TreqClient


class TestTreqToNginxTLS(TestTreqToNginx):
    tls = True


class TestTreqToTwistedWeb(_UploadsToTwistedWeb):
    __test__ = True
    through = TreqClient


class TestTreqToTwistedWebTLS(TestTreqToTwistedWeb):
    tls = True


class TestTreqToReceiver(_UploadsToReceiver):
    __test__ = True
    through = TreqClient


class TestTreqToReceiverTLS(TestTreqToReceiver):
    tls = True


class TestOursToNginx(_UploadsToNginx):
    __test__ = True
    through = OurClient


class TestOursToNginxTLS(TestOursToNginx):
    tls = True


class TestOursToTwistedWeb(_UploadsToTwistedWeb):
    __test__ = True
    through = OurClient


class TestOursToTwistedWebTLS(TestOursToTwistedWeb):
    tls = True


class TestOursToReceiver(_UploadsToReceiver):
    __test__ = True
    through = OurClient


class TestOursToReceiverTLS(TestOursToReceiver):
    tls = True
