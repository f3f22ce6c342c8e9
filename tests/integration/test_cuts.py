"""Connections that break inside of an upload: an error, and nothing left over on either side."""

import os
import random
import threading
from typing import ClassVar

import pytest
from twisted.internet import error
from twisted.python.failure import Failure
from twisted.web.client import (
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)

from filebody import ConnectionLost, FileBodyProducer
from tests.integration.case import UploadCase
from tests.integration.clients import AgentClient, Client, OurClient, TreqClient
from tests.integration.destinations import ToReceiver
from tests.integration.eventually import until
from tests.integration.pipes import write_slowly
from tests.long import by_form, long
from tests.peers import content
from tests.peers.certificates import Certificates
from tests.peers.cutter import Cut, Cutter
from tests.peers.twisted_web import TwistedWeb

pytestmark = [pytest.mark.peer, long]

# More than both sockets' buffers hold, so that most cuts find the producer paused or writing.
SIZE = 9_000_001
READ_SIZE = 2**16
SEED = 11

LOST = (ResponseNeverReceived, RequestTransmissionFailed, ResponseFailed, ConnectionLost)


class TestCuts(UploadCase):
    through: ClassVar[tuple[type[Client], ...]] = (AgentClient, TreqClient)
    position_count: ClassVar[int] = by_form(quick=30, long=200)

    @pytest.fixture(autouse=True)
    def _peers(self, _directory: None, twisted_web: TwistedWeb, certificates: Certificates) -> None:
        self.certificates = certificates
        self.twisted_web = twisted_web
        self.source = content.write_file(self.directory / "source", SEED, SIZE)

    async def whole_request_length(self) -> int:
        """Count the bytes of a request that nobody cuts."""
        receiver = ToReceiver(self.directory / "whole")
        await receiver.start()
        try:
            with Cutter(10**12, target=("127.0.0.1", receiver.port)) as cutter:
                answer = await self.through[0](self.certificates).put(
                    f"{cutter.url}/file", FileBodyProducer(self.source.open("rb"))
                )
                assert answer.status == 201
                await until(lambda: cutter.cuts[0].read > SIZE)
                return cutter.cuts[0].read
        finally:
            await receiver.stop()

    async def cut(self, client: Client, position: int, by_reset: bool) -> None:
        """Send through a proxy that hangs up at this byte of the request."""
        receiver = ToReceiver(self.directory / f"cut-{position}")
        await receiver.start()
        file = self.source.open("rb")
        cutter = Cutter(
            position, by="reset" if by_reset else "close", target=("127.0.0.1", receiver.port)
        )
        try:
            with cutter:
                failure = await failure_of(client, f"{cutter.url}/file", FileBodyProducer(file))
        finally:
            await receiver.stop()
        assert cutter.cuts == [Cut(read=position, by_us=True)], position
        assert is_lost(failure), f"cut at {position}: {failure}"
        assert file.closed, position
        assert list(receiver.directory.rglob("*")) == [], position

    async def test_many_positions(self) -> None:
        length = await self.whole_request_length()
        head = length - SIZE
        # In the head, around the borders of head, body and pieces, and anywhere.
        positions = {1, 20, head - 1, head, head + 1, length - 1, length - 2}
        positions |= {head + READ_SIZE * n + d for n in (1, 2, 60) for d in (-1, 0, 1)}
        chance = random.Random(1)
        while len(positions) < self.position_count:
            positions.add(chance.randrange(2, length))
        clients = [through(self.certificates) for through in self.through]
        for number, position in enumerate(sorted(positions)):
            await self.cut(clients[number % len(clients)], position, by_reset=number % 4 < 2)
        assert len(positions) == self.position_count

    async def test_a_pipe_is_closed_as_well(self) -> None:
        for position in (1, 50, 1_000, 100_000, 400_000):
            receiver = ToReceiver(self.directory / f"cut-{position}")
            await receiver.start()
            reading, writing = os.pipe()
            file = os.fdopen(reading, "rb")
            writer = threading.Thread(target=write_until_nobody_reads, args=(writing,))
            writer.start()
            try:
                with Cutter(position, target=("127.0.0.1", receiver.port)) as cutter:
                    failure = await failure_of(
                        self.through[0](self.certificates),
                        f"{cutter.url}/pipe",
                        FileBodyProducer(file),
                    )
            finally:
                await receiver.stop()
            assert is_lost(failure), f"cut at {position}: {failure}"
            assert file.closed, position
            # Only now that nobody reads can the writer end.
            writer.join()
            assert list(receiver.directory.rglob("*")) == [], position

    async def test_tls(self) -> None:
        client = self.through[0](self.certificates)
        for position in (0, 1, READ_SIZE, 5_000_000, SIZE - 1):
            file = self.source.open("rb")
            failure = await failure_of(
                client,
                f"{self.twisted_web.url(tls=True)}/file",
                FileBodyProducer(file),
                {"X-Cut-After": str(position)},
            )
            assert is_lost(failure), f"cut at {position}: {failure}"
            assert file.closed, position


class TestCutsOfOurs(TestCuts):
    through = (OurClient,)
    position_count = by_form(quick=60, long=400)


async def failure_of(
    client: Client, url: str, producer: FileBodyProducer, fields: dict[str, str] | None = None
) -> Failure:
    try:
        answer = await client.put(url, producer, fields)
    except LOST:
        return Failure()
    raise AssertionError(f"it was answered: {answer}")


def is_lost(failure: Failure) -> bool:
    """Say whether the failure tells that the connection went, and not something about us."""
    if failure.check(ConnectionLost):
        return True
    reasons: list[Failure] = failure.value.reasons  # type: ignore[union-attr]
    return any(reason.check(error.ConnectionLost, error.ConnectionDone) for reason in reasons)


def write_until_nobody_reads(descriptor: int) -> None:
    try:
        write_slowly(descriptor, SEED, SIZE)
    except BrokenPipeError:
        return
