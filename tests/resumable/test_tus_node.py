"""Against @tus/server."""

from __future__ import annotations

from filebody import BytesBody, IterableBody
from filebody.resumable import NoticeKind, Protocol
from tests.peers.tus_node import TusNode
from tests.resumable.case import ResumableCase, content_of


class TestTusNode(ResumableCase):
    async def start(self) -> None:
        directory = self.directory / "tus"
        directory.mkdir()
        self.server = TusNode(directory)
        self.server.__enter__()

    async def stop(self) -> None:
        self.server.__exit__(None, None, None)

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

    async def test_what_it_cannot_join_is_sent_whole(self) -> None:
        content = content_of(3_000_000)
        outcome = await self.upload(self.server.url, self.make_file(content), parallel=3)
        assert outcome.parts == 1
        assert outcome.upload_url
        assert self.server.content(outcome.upload_url) == content

    async def test_chosen_is_told(self) -> None:
        await self.upload(self.server.url, BytesBody(b"x"))
        assert [notice.text for notice in self.heard(NoticeKind.CHOSEN)] == ["tus"]
