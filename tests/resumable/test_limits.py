"""The limits of resumable uploads against servers that never stop sending, or never answer."""

from __future__ import annotations

import os
import time
from typing import Any
from unittest import mock

import attrs
import pytest
from twisted.internet import reactor as _reactor
from twisted.internet.defer import ensureDeferred, gatherResults
from twisted.internet.task import deferLater

from filebody import NoProgress, RemoteError, ResponseTimeout
from filebody.agent import Options, Timeouts
from filebody.resumable import (
    Checkpoint,
    Held,
    Offer,
    Part,
    Protocol,
    SourceIdentity,
    _answer,
    cancel,
    discover,
)
from filebody.resumable._checkpoint import upload_id
from tests.agent.trickle import Trickle
from tests.peers.resumable import ResumableServer
from tests.resumable.case import ResumableCase, content_of

reactor: Any = _reactor

# Long enough to connect on a busy machine: the limit holds for that, too.
SHORT = 1.0
INTERIM = b"HTTP/1.1 102 Wait\r\n\r\n"
PROGRESS = b"HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Offset: 0\r\n\r\n"
HEAD = b"HTTP/1.1 201 Made\r\nX: "
NONE: Any = None
# Nothing but what is under test ends it.
ENDLESS = Options(
    timeouts=Timeouts(stall_seconds=NONE, response_seconds=NONE, connect_seconds=NONE)
)
OFFERS = {
    "tus": Offer(tus=True, extensions=frozenset({"creation"})),
    "ietf": Offer(ietf=True),
}


class TestGiveUp(ResumableCase):
    async def fails(self, protocol: str, peer: Trickle, size: int) -> None:
        begun = time.monotonic()
        with pytest.raises(NoProgress) as raised:
            await self.upload(
                f"{peer.url}/files",
                content_of(size),
                protocol=Protocol(protocol),
                offer=OFFERS.get(protocol),
                options=ENDLESS,
                give_up_after_seconds=SHORT,
            )
        assert raised.value.seconds == SHORT
        assert time.monotonic() - begun >= SHORT * 0.7

    async def test_peers_that_trickle(self) -> None:
        pieces = {INTERIM: b"", PROGRESS: b"", b"x": HEAD}
        trickles = [
            Trickle(first, piece, reads=reads)
            for piece, first in pieces.items()
            for reads in ("body", "head")
        ]
        for trickle in trickles:
            trickle.__enter__()
            self.addCleanup(trickle.__exit__, None, None, None)
            # Not all at once: on a busy machine some would not be connected in time.
            plays = [
                ensureDeferred(self.fails(protocol, trickle, size))
                for protocol in ("tus", "ietf", "plain")
                for size in (7, 3_000_000)
            ]
            await gatherResults(plays, consumeErrors=True)

    async def test_cancel(self) -> None:
        path = str(self.make_file(b"content"))
        with Trickle(b"", INTERIM, reads="head") as peer:
            held = Held(
                upload_url=f"{peer.url}/1",
                protocol=Protocol.TUS,
                interop_version=0,
                checksum=None,
                confirmed=0,
                sent=0,
            )
            checkpoint = Checkpoint(
                id=upload_id(path, f"{peer.url}/"),
                source=path,
                url=f"{peer.url}/",
                method="PUT",
                identity=SourceIdentity.of(path),
                parts=(Part(start=0, stop=7, held=held),),
                created_at=1.0,
                updated_at=1.0,
            )
            self.store.save(checkpoint)
            with pytest.raises(NoProgress):
                await cancel(
                    self.agent,
                    checkpoint,
                    self.store,
                    options=ENDLESS,
                    give_up_after_seconds=SHORT,
                )

    async def test_discover(self) -> None:
        options = attrs.evolve(ENDLESS, timeouts=Timeouts(response_seconds=SHORT))
        with Trickle(b"", INTERIM, reads="head") as peer, pytest.raises(ResponseTimeout):
            await discover(self.agent, peer.url, options=options)

    async def test_what_is_said_to_a_refusal_is_not_waited_for(self) -> None:
        refusal = b"HTTP/1.1 403 No\r\nContent-Type: text/plain\r\n\r\nno: "
        with (
            mock.patch.object(_answer, "_MOST_SECONDS", SHORT),
            Trickle(refusal, b"x", reads="head") as peer,
            pytest.raises(RemoteError) as raised,
        ):
            await self.upload(peer.url, b"content", protocol=Protocol.PLAIN, options=ENDLESS)
        assert raised.value.status == 403
        assert raised.value.detail.startswith("no: x")

    async def test_a_source_that_pauses_is_not_late(self) -> None:
        """Nothing more arrives while the source gives nothing: that is no fault of the server."""
        reading, writing = os.pipe()
        with ResumableServer("tus") as server, os.fdopen(reading, "rb", buffering=0) as pipe:
            sending = self.upload(
                f"{server.url}/files", pipe, protocol=Protocol.PLAIN, give_up_after_seconds=0.2
            )
            running = ensureDeferred(sending)
            os.write(writing, b"first")
            await deferLater(reactor, 0.7)
            assert not running.called
            os.close(writing)
            await running
