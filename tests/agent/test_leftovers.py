"""What is left of an upload that has ended: nothing that only the garbage collector could find.

With thousands of uploads such cycles wait for the oldest generation, and are then freed in one go,
in which everything stands still.
"""

from __future__ import annotations

import contextlib
import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from filebody import Body, BytesBody, IterableBody, PathBody
from filebody.agent import Options
from tests.agent.sending import SendCase
from tests.peers.script import Close, ReadBody, ReadHead, Script, ScriptedServer, Send, Step

_UPLOADS = 5
_STORED: list[Step] = [
    ReadHead(),
    ReadBody(),
    Send(b"HTTP/1.1 201 Made\r\nContent-Length: 2\r\n\r\nok"),
]
_LAST: Script = [
    ReadHead(),
    ReadBody(),
    Send(b"HTTP/1.1 201 Made\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
    Close(),
]


@contextlib.contextmanager
def _cycles() -> Iterator[Counter[str]]:
    """Counts, once it is left, our objects that only the collector could free."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(
            kind.__qualname__ for kind in map(type, gc.garbage) if "filebody" in kind.__module__
        )
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


class TestLeftovers(SendCase):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        self.path = tmp_path / "file"
        self.path.write_bytes(b"content" * 1000)

    async def none_of(self, body: Body, script: Script, options: Options | None = None) -> None:
        with ScriptedServer(script, repeat_last=True) as server:
            await self.put(server.url, body, options)  # what is made once for all is no leftover
            with _cycles() as found:
                for _ in range(_UPLOADS):
                    assert (await self.put(server.url, body, options)).status == 201
        assert not found

    async def test_on_a_kept_connection(self) -> None:
        await self.none_of(PathBody(self.path), _STORED * (_UPLOADS + 1))

    async def test_each_on_a_connection(self) -> None:
        await self.none_of(PathBody(self.path), _LAST)

    async def test_chunked(self) -> None:
        body = IterableBody([b"con", b"tent"])
        await self.none_of(body, _STORED * (_UPLOADS + 1))

    async def test_with_progress(self) -> None:
        options = Options(on_progress=lambda progress: None)
        await self.none_of(BytesBody(b"content"), _STORED * (_UPLOADS + 1), options)
