"""hypercorn with an ASGI application that stores what is PUT, plain and over TLS.

A `multipart/form-data` body that is POSTed is taken apart by a parser that we did not write, and
the answer tells of its parts, as JSON: `name`, `filename`, `content_type`, `length`, `sha256`.

A body that is too large is answered while it is still coming; the rest is not read.
"""

import asyncio
import hashlib
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.peers.certificates import Certificates
from tests.peers.child import Child, call_when_parent_is_gone, say_ready
from tests.programs import require_module

_Receive = Callable[[], Awaitable[dict[str, Any]]]
_Send = Callable[[dict[str, Any]], Awaitable[None]]


class Hypercorn(Child):
    """Serves `directory`/stored in a process of its own: PUT (201) and POST of forms (200).

    Args:
        directory: Where everything goes.
        certificates: For TLS.
        max_body_bytes: What is larger is answered with 413; None for no limit.
    """

    def __init__(
        self, directory: Path, certificates: Certificates, *, max_body_bytes: int | None = None
    ) -> None:
        require_module("hypercorn", "hypercorn")
        self.stored = directory / "stored"
        config = {
            "key": str(certificates.server_key),
            "chain": str(certificates.server_chain),
            "stored": str(self.stored),
            "max_body_bytes": max_body_bytes,
        }
        super().__init__("tests.peers.hypercorn", config, directory / "hypercorn.log")

    def url(self, *, tls: bool) -> str:
        port, tls_port = self.ready["port"], self.ready["tls_port"]
        return f"https://localhost:{tls_port}" if tls else f"http://127.0.0.1:{port}"


class _TooLarge(Exception):
    """More than is taken."""


class _Application:
    def __init__(self, stored: Path, max_body_bytes: int | None) -> None:
        self._stored = stored
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http":
            return
        fields = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        path = self._stored / scope["path"].lstrip("/")
        try:
            with path.open("wb") as file:
                await self._store(receive, file)
        except _TooLarge:
            path.unlink()
            await _answer(send, 413, b"no more than %d bytes" % (self._max_body_bytes or 0))
            return
        if scope["method"] == "PUT":
            await _answer(send, 201, b"stored")
        else:
            content = json.dumps(_parts(path, fields[b"content-type"])).encode()
            await _answer(send, 200, content)

    async def _store(self, receive: _Receive, file: Any) -> None:
        length = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            file.write(message["body"])
            length += len(message["body"])
            more = message["more_body"]
            if self._max_body_bytes is not None and length > self._max_body_bytes:
                raise _TooLarge


async def _answer(send: _Send, status: int, content: bytes) -> None:
    headers = [(b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def _parts(path: Path, content_type: str) -> list[dict[str, Any]]:
    import multipart

    _, options = multipart.parse_options_header(content_type)
    with path.open("rb") as file:
        parser = multipart.MultipartParser(
            file, options["boundary"], disk_limit=2**40, memory_limit=2**20
        )
        return [
            {
                "name": part.name,
                "filename": part.filename,
                "content_type": part.content_type,
                "length": part.size,
                "sha256": hashlib.file_digest(part.file, "sha256").hexdigest(),
            }
            for part in parser
        ]


async def _serve(config: dict[str, Any]) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    plain, secure = (socket.create_server(("127.0.0.1", 0)) for _ in range(2))
    settings = Config()
    ports = {"port": plain.getsockname()[1], "tls_port": secure.getsockname()[1]}
    settings.insecure_bind = [f"fd://{plain.detach()}"]
    settings.bind = [f"fd://{secure.detach()}"]
    settings.keyfile, settings.certfile = config["key"], config["chain"]
    settings.keep_alive_timeout = 60
    settings.graceful_timeout = 0
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    call_when_parent_is_gone(lambda: loop.call_soon_threadsafe(stopped.set))
    # They listen already: what connects now waits for the first accept.
    say_ready(**ports)
    application: Any = _Application(Path(config["stored"]), config["max_body_bytes"])
    await serve(application, settings, shutdown_trigger=stopped.wait)


def main() -> None:
    config = json.loads(sys.argv[1])
    Path(config["stored"]).mkdir()
    asyncio.run(_serve(config))


if __name__ == "__main__":
    main()
