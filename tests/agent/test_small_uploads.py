"""What a small upload costs, in calls: they do not depend on how busy the machine is."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Self

import pytest
from twisted.web.client import readBody
from twisted.web.iweb import IResponse

import filebody
from filebody import PathBody
from filebody.agent import UploadAgent
from tests.integration.case import UploadCase

LENGTH = 4096
UPLOADS = 50
OURS = os.path.dirname(filebody.__file__)


class Server(threading.Thread):
    """Takes requests of `LENGTH` bytes on one connection."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = b"http://127.0.0.1:%d/" % self._listener.getsockname()[1]

    def run(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as stream:
            while stream.readline():
                while stream.readline().strip():
                    pass
                stream.read(LENGTH)
                connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    def close(self) -> None:
        self.join(10)
        self._listener.close()


class Calls:
    """Counts calls of our functions in this thread."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._happened)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _happened(self, frame: FrameType, event: str, argument: object) -> None:
        self.count += event == "call" and frame.f_code.co_filename.startswith(OURS)


class TestSmallUploads(UploadCase):
    @pytest.fixture(autouse=True)
    def _prepare(self, tmp_path: Path) -> Iterator[None]:
        self.path = tmp_path / "small"
        self.path.write_bytes(b"x" * LENGTH)
        self.server = Server()
        self.server.start()
        yield
        self.server.close()

    async def test_calls(self) -> None:
        path, url = self.path, self.server.url
        agent = UploadAgent()

        async def put() -> None:
            response: IResponse = await agent.request(b"PUT", url, None, PathBody(path))
            assert response.code == 201
            assert await readBody(response) == b""

        await put()
        with Calls() as calls:
            for _ in range(UPLOADS):
                await put()
        agent.close()
        assert calls.count / UPLOADS < 180
