"""Connections that are cut, reset or left alone at any byte of a request.

It is always a response or a `TransferError`, and a success only if the server has everything.
"""

from __future__ import annotations

import contextlib
import random
from typing import Any, ClassVar, Literal

import pytest
from twisted.internet.defer import ensureDeferred, gatherResults

from filebody import IterableBody, PathBody, TransferError, TransferTimeout
from filebody.agent import Options, Timeouts
from tests.agent.sending import SendCase
from tests.integration.destinations import Received, ToReceiver
from tests.integration.eventually import until
from tests.long import by_form, long
from tests.peers import content
from tests.peers.cutter import Cutter

pytestmark = [pytest.mark.peer, long]

SIZE = 3_000_001
SEED = 11
WHOLE = Received(SIZE, content.sha256_of(SEED, SIZE))
# The ends of the message are 38 of them.
POSITIONS = by_form(quick=60, long=400)
AT_ONCE = 20

By = Literal["close", "reset", "stall"]


class _Cuts(SendCase):
    __test__ = False

    tls: ClassVar[bool]
    has_length: ClassVar[bool]

    async def begin(self) -> None:
        await super().begin()
        certificates = self.certificates if self.tls else None
        self.receiver = ToReceiver(self.directory / "received", certificates)
        await self.receiver.start()
        self.source = content.write_file(self.directory / "source", SEED, SIZE)

    async def end(self) -> None:
        await super().end()
        await self.receiver.stop()

    def stored_sizes(self) -> set[int]:
        """Of what is in the receiver's directory, unfinished or not."""
        sizes = set()
        for path in self.receiver.directory.rglob("*"):
            # The receiver removes some at the same time.
            with contextlib.suppress(FileNotFoundError):
                if path.name != "lock" and path.is_file():
                    sizes.add(path.stat().st_size)
        return sizes

    async def send_through(self, cutter: Cutter, name: str) -> int:
        body: Any = PathBody(self.source)
        if not self.has_length:
            body = IterableBody(content.pieces(SEED, SIZE))
        scheme = "https" if self.tls else "http"
        answer = await self.put(f"{scheme}://127.0.0.1:{cutter.port}/{name}", body)
        return answer.status

    async def positions(self) -> list[int]:
        """Every byte at which something may be special, and others anywhere."""
        with Cutter(10**12, target=("127.0.0.1", self.receiver.port)) as cutter:
            assert await self.send_through(cutter, "whole") == 201
            self.agent.close()
            await until(lambda: cutter.cuts[0].read > SIZE)
            length = cutter.cuts[0].read
        (self.receiver.directory / "whole").unlink()
        found = set(range(1, 20)) | set(range(length - 20, length))
        chance = random.Random(1)
        while len(found) < POSITIONS:
            # As many in the head and the handshake as there is room for.
            found.add(chance.randrange(1, chance.choice((2_000, length))))
        return sorted(found)

    async def cut(self, position: int, by: By) -> None:
        name = f"{by}-{position}"
        error: TransferError | None = None
        with Cutter(position, by=by, target=("127.0.0.1", self.receiver.port)) as cutter:
            try:
                assert await self.send_through(cutter, name) == 201
            except TransferError as raised:
                error = raised
        if error is not None:
            assert (by == "stall") == isinstance(error, TransferTimeout), (position, error)
            assert 0 <= error.offset <= SIZE
        else:
            # The last bytes of a TLS connection are those of its end.
            assert Received.of_file(self.receiver.directory / name) == WHOLE

    async def cut_everywhere(self, positions: list[int], by: By) -> None:
        assert len(positions) == POSITIONS
        for first in range(0, POSITIONS, AT_ONCE):
            await gatherResults(
                [
                    ensureDeferred(self.cut(position, by))
                    for position in positions[first : first + AT_ONCE]
                ],
                consumeErrors=True,
            )
        # Whole files are there, or none: those whose answer was lost, too.
        await until(lambda: self.stored_sizes() <= {SIZE})

    async def test_closed(self) -> None:
        await self.cut_everywhere(await self.positions(), "close")

    async def test_reset(self) -> None:
        await self.cut_everywhere(await self.positions(), "reset")

    async def test_stalled(self) -> None:
        positions = await self.positions()
        seconds = 0.3
        timeouts = Timeouts(
            tls_seconds=seconds,
            continue_seconds=seconds,
            stall_seconds=seconds,
            response_seconds=seconds,
        )
        self.agent.close()
        self.agent = self.make_agent(options=Options(timeouts=timeouts))
        await self.cut_everywhere(positions, "stall")


class TestKnownLength(_Cuts):
    __test__ = True
    tls = False
    has_length = True


class TestKnownLengthTLS(TestKnownLength):
    tls = True


class TestChunked(_Cuts):
    __test__ = True
    tls = False
    has_length = False


class TestChunkedTLS(TestChunked):
    tls = True
