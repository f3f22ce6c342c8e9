"""Against tus servers that we did not write."""

from __future__ import annotations

import json
from functools import partial
from unittest import mock

import pytest
from twisted.internet.defer import CancelledError, Deferred

from filebody import BytesBody, IterableBody
from filebody.agent import Options, RateLimit
from filebody.resumable import NoticeKind, Protocol, _machine, cancel
from tests.integration.eventually import until
from tests.peers.tus_node import TusNode
from tests.peers.tus_python import TusPython
from tests.peers.tus_server import TusServer
from tests.resumable.case import ResumableCase, content_of
from tests.resumable.sending import start, wait_for_progress

SLOW = Options(rate_limit=RateLimit(bytes_per_second=4_000_000))


class Foreign(ResumableCase):
    """What every server must take; `make` says which one it is."""

    __test__ = False
    server: TusServer

    async def start(self) -> None:
        directory = self.directory / "tus"
        directory.mkdir()
        self.server = self.make()
        self.server.__enter__()
        self.addCleanup(self.server.__exit__, None, None, None)
        patch = mock.patch.object(_machine, "FIRST_DELAY_SECONDS", 0.02)
        patch.start()
        self.addCleanup(patch.stop)

    def make(self) -> TusServer:
        raise NotImplementedError

    def has_sent(self, count: int) -> bool:
        return bool(self.progress) and self.progress[-1].sent_bytes > count

    async def test_a_file(self) -> None:
        content = content_of(5_000_000)
        outcome = await self.upload(self.server.url, self.make_file(content))
        assert outcome.protocol is Protocol.TUS
        assert outcome.length == outcome.sent_bytes == len(content)
        assert outcome.upload_url
        assert self.server.content(outcome.upload_url) == content
        assert self.store.all() == []
        assert self.progress[-1].confirmed_bytes == len(content)

    async def test_small_and_empty_ones(self) -> None:
        for content in (b"", b"x", content_of(1000)):
            outcome = await self.upload(self.server.url, BytesBody(content))
            assert outcome.upload_url
            assert self.server.content(outcome.upload_url) == content

    async def test_in_pieces(self) -> None:
        content = content_of(1_000_000)
        outcome = await self.upload(
            self.server.url, self.make_file(content), append_bytes=100_000, verify_prefix=True
        )
        assert outcome.upload_url
        assert self.server.content(outcome.upload_url) == content
        assert outcome.requests >= 12

    async def test_a_stream(self) -> None:
        content = content_of(3_000_000)
        pieces = [content[i : i + 70_000] for i in range(0, len(content), 70_000)]
        outcome = await self.upload(self.server.url, IterableBody(iter(pieces)))
        assert outcome.protocol is Protocol.TUS
        assert outcome.upload_url
        assert self.server.content(outcome.upload_url) == content
        assert outcome.length == len(content)

    async def test_chosen_is_told(self) -> None:
        await self.upload(self.server.url, BytesBody(b"x"))
        assert [notice.text for notice in self.heard(NoticeKind.CHOSEN)] == ["tus"]

    async def test_cancelled_for_good(self) -> None:
        path = self.make_file(content_of(20_000_000))
        running = Deferred.fromCoroutine(self.upload(self.server.url, path, options=SLOW))
        ended = running.addErrback(lambda failure: failure.trap(CancelledError))
        await until(lambda: self.has_sent(1_000_000))
        running.cancel()
        await ended
        (checkpoint,) = self.store.all()
        assert checkpoint.parts[0].held is not None
        stored = self.server.path(checkpoint.parts[0].held.upload_url)
        assert stored.exists()
        await cancel(self.agent, checkpoint, self.store)
        assert not stored.exists()
        assert self.store.all() == []

    async def test_the_sender_is_killed(self) -> None:
        content = content_of(8_000_000)
        settings = {
            "url": self.server.url,
            "path": str(self.make_file(content)),
            "state": str(self.directory / "state"),
            "protocol": "tus",
            "rate_bytes_per_second": 2_000_000,
        }
        log = self.directory / "sender.log"
        for _ in range(3):
            with start(settings, log) as process:
                assert wait_for_progress(process, 3), log.read_text()
                process.kill()
        with start(settings | {"rate_bytes_per_second": None}, log) as process:
            said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, log.read_text()
        last = json.loads(said.splitlines()[-1])
        assert last["resumed"] > 0
        assert self.server.content(last["done"]) == content


class Killed(Foreign):
    """Servers whose offsets are true after a kill."""

    async def test_the_server_is_killed(self) -> None:
        content = content_of(8_000_000)
        path = self.make_file(content)
        running = Deferred.fromCoroutine(
            self.upload(self.server.url, path, options=SLOW, append_bytes=1_000_000)
        )
        for kills in range(1, 4):
            await until(partial(self.has_sent, kills * 2_000_000))
            retries = len(self.heard(NoticeKind.RETRYING))
            self.server.kill()
            await until(partial(self.has_retried, retries + 1))
            self.server.start()
        outcome = await running
        assert outcome.upload_url
        assert self.server.content(outcome.upload_url) == content
        assert self.has_retried(3)

    def has_retried(self, times: int) -> bool:
        return len(self.heard(NoticeKind.RETRYING)) >= times


@pytest.mark.peer
class TestTusNode(Killed):
    __test__ = True

    def make(self) -> TusServer:
        return TusNode(self.directory / "tus")

    async def test_what_it_cannot_join_is_sent_whole(self) -> None:
        content = content_of(3_000_000)
        outcome = await self.upload(self.server.url, self.make_file(content), parallel=3)
        assert outcome.parts == 1
        assert outcome.upload_url
        assert self.server.content(outcome.upload_url) == content


class TestTusPython(Foreign):
    __test__ = True

    def make(self) -> TusServer:
        return TusPython(self.directory / "tus")

    async def test_in_parts(self) -> None:
        content = content_of(6_000_000)
        outcome = await self.upload(self.server.url, self.make_file(content), parallel=3)
        assert outcome.parts == 3
        assert outcome.upload_url
        assert self.server.content(outcome.upload_url) == content

    async def test_where_options_are_refused(self) -> None:
        content = content_of(2_000_000)
        url = self.server.url.rstrip("/")
        outcome = await self.upload(url, self.make_file(content), protocol="tus")
        assert outcome.upload_url
        assert self.server.content(outcome.upload_url) == content


class TestTusPythonThatHoldsRequests(Killed):
    __test__ = True

    def make(self) -> TusServer:
        return TusPython(self.directory / "tus", holds_requests=True)
