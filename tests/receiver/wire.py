"""HTTP/1.1 as bytes on a socket, for clients that no library would play."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, BinaryIO, Self

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

TIMEOUT_SECONDS = 30


@attrs.frozen
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes


class Wire:
    """One connection, with answers read one by one."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, TIMEOUT_SECONDS)
        self._file: BinaryIO = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, method: str = "GET") -> Answer:
        """Read one answer; EOFError if the connection ends instead."""
        line = self._file.readline()
        if not line:
            raise EOFError("no answer")
        status = int(line.split()[1])
        fields: dict[str, str] = {}
        while (line := self._file.readline().rstrip(b"\r\n")) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        has_body = method != "HEAD" and status >= 200 and status not in {204, 304}
        body = self._file.read(int(fields["content-length"])) if has_body else b""
        return Answer(status, fields, body)

    def is_ended(self) -> bool:
        """Wait for the end of the connection; False if there are more bytes."""
        with contextlib.suppress(ConnectionResetError):
            return self._file.read(1) == b""
        return True

    def is_quiet(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for a while."""
        return not select.select([self.socket], [], [], seconds)[0]


def head(
    method: str = "PUT", target: str = "/name", *fields: str, host: str = "127.0.0.1"
) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: {host}", *fields, "", ""]).encode()


def put(target: str = "/name", body: bytes = b"body", *fields: str) -> bytes:
    return head("PUT", target, f"Content-Length: {len(body)}", *fields) + body


def chunked(*chunks: bytes, trailer: str = "") -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return framed + b"0\r\n" + trailer.encode() + b"\r\n"


def eventually(condition: Callable[[], object], seconds: float = 20.0) -> bool:
    """Wait for what another process is about to do."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True
