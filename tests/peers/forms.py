"""A server that takes forms apart by parsers of others, and tells what it found.

POST /aiohttp, /multipart   the parts of a form, as the library of that name reads them
PUT /decoded                what a body is once its Content-Encoding is undone
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import multipart
from aiohttp import BodyPartReader, web

from tests.peers.child import Child, call_when_parent_is_gone, say_ready


class FormServer(Child):
    """Runs while in use."""

    def __init__(self, directory: Path) -> None:
        super().__init__("tests.peers.forms", {}, directory / "forms.log")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.ready['port']}/{path}"


class _Part:
    def __init__(self, name: str | None, filename: str | None, content_type: str | None) -> None:
        self._facts = {"name": name, "filename": filename, "content_type": content_type}
        self._length = 0
        self._digest = hashlib.sha256()

    def take(self, data: bytes | bytearray) -> None:
        self._length += len(data)
        self._digest.update(data)

    @property
    def facts(self) -> dict[str, Any]:
        return {**self._facts, "length": self._length, "sha256": self._digest.hexdigest()}


def _answer(request: web.Request, parts: list[_Part]) -> web.Response:
    facts = {"parts": [part.facts for part in parts], "length": request.content_length}
    return web.json_response(facts)


async def _by_aiohttp(request: web.Request) -> web.Response:
    parts = []
    async for reader in await request.multipart():
        assert isinstance(reader, BodyPartReader)
        parts.append(_Part(reader.name, reader.filename, reader.headers.get("Content-Type")))
        while data := await reader.read_chunk():
            parts[-1].take(data)
    return _answer(request, parts)


async def _by_multipart(request: web.Request) -> web.Response:
    _, options = multipart.parse_options_header(request.headers["Content-Type"])
    parts = []
    with multipart.PushMultipartParser(options["boundary"]) as parser:
        while not parser.closed:
            for event in parser.parse(await request.content.readany()):
                if isinstance(event, multipart.MultipartSegment):
                    content_type = event.header("Content-Type")
                    parts.append(_Part(event.name, event.filename, content_type))
                elif event:
                    parts[-1].take(event)
    return _answer(request, parts)


async def _decoded(request: web.Request) -> web.Response:
    part = _Part(None, None, request.headers.get("Content-Encoding"))
    async for data in request.content.iter_any():
        part.take(data)
    return web.json_response(part.facts)


async def _serve() -> None:
    application = web.Application()
    application.router.add_post("/aiohttp", _by_aiohttp)
    application.router.add_post("/multipart", _by_multipart)
    application.router.add_put("/decoded", _decoded)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    [(_, port)] = runner.addresses
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(gone.set)

    call_when_parent_is_gone(stop)
    say_ready(port=port)
    await gone.wait()
    await runner.cleanup()


if __name__ == "__main__":
    json.loads(sys.argv[1])
    asyncio.run(_serve())
