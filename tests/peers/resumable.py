"""A server of both resumable protocols that can be told to misbehave, request by request.

Plain sockets in threads, and no library's idea of when to answer: it resets connections in the
middle of a body, forgets uploads, and lies about offsets.
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import attrs


@attrs.define
class Stored:
    """One upload."""

    protocol: str
    data: bytearray = attrs.Factory(bytearray)
    length: int | None = None
    complete: bool = False
    target: str = ""
    is_part: bool = False


@attrs.frozen(kw_only=True)
class Fault:
    """What to do to a request instead of what is right.

    Attributes:
        method: Of the requests that it befalls.
        after_bytes: How many bytes of the body are taken before the connection is reset; None to
            take all of it.
        status: What is answered then; None to reset the connection.
        offset: What the answer says that the server has; None for the truth.
        fields: Further fields of that answer.
        is_effective: Whether what was read of the body is kept.
        forget: Whether all uploads are forgotten first.
    """

    method: str
    after_bytes: int | None = None
    status: int | None = None
    offset: int | None = None
    fields: dict[str, str] = attrs.Factory(dict)
    is_effective: bool = True
    forget: bool = False


@attrs.define
class Request:
    """What came."""

    method: str
    path: str
    fields: dict[str, str]
    body_bytes: int = 0


class ResumableServer:
    """Listens on loopback while in use.

    Args:
        protocols: Which are offered: "tus", "ietf".
        interim: Whether 104s are sent.
        version: The dialect that is spoken, and said if `says_version`.
        limits: The value of Upload-Limit.
        endpoint: The only path where uploads are created and OPTIONS is answered; None for all.

    Attributes:
        redirects: Paths that are redirected (307), except for OPTIONS, and where to.
        faults: Happen to the next requests of their methods, in this order.
        requests: What came, in order.
        targets: What was stored under each path.
    """

    def __init__(
        self,
        *protocols: str,
        interim: bool = True,
        version: int = 10,
        says_version: bool = True,
        limits: str = "",
        says_ietf: bool = True,
        max_body: int | None = None,
        endpoint: str | None = None,
    ) -> None:
        self.protocols = protocols
        self.interim = interim
        self.version = version
        self.says_version = says_version
        self.says_ietf = says_ietf
        self.limits = limits
        self.max_body = max_body
        self.endpoint = endpoint
        self.redirects: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.targets: dict[str, bytes] = {}
        self.uploads: dict[str, Stored] = {}
        self.made = 0
        self.on_body: Callable[[int], object] | None = None
        self.lock = threading.RLock()

    def __enter__(self) -> Self:
        server = self

        class Handler(_Handler):
            @property
            def peer(self) -> ResumableServer:
                return server

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port: int = self._http.server_address[1]
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def counted(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]

    def take_fault(self, method: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method:
                self.faults.remove(fault)
                return fault
        return None


class _Reset(Exception):
    """The connection is to be reset."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    @property
    def peer(self) -> ResumableServer:
        raise NotImplementedError

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Nobody reads it."""

    def handle_expect_100(self) -> bool:
        return True  # said when the body is read

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        peer = self.peer
        fields = {name.lower(): value for name, value in self.headers.items()}
        self.said = Request(self.command, self.path, fields)
        self.is_expected = "100-continue" in fields.get("expect", "")
        with peer.lock:
            peer.requests.append(self.said)
            self.fault = peer.take_fault(self.command)
            if self.fault is not None and self.fault.forget:
                peer.uploads.clear()
        try:
            status, answer, content = self._answer(fields)
        except (_Reset, ConnectionError, TimeoutError):
            self._reset()
            return
        fault = self.fault
        if fault is not None:
            if fault.status is None and fault.offset is None and not fault.forget:
                self._reset()
                return
            status = fault.status or status
            if fault.offset is not None:
                answer["Upload-Offset"] = str(fault.offset)
            answer |= fault.fields
        try:
            self._say(status, answer, content)
        except OSError:
            self.close_connection = True

    def _say(self, status: int, answer: dict[str, str], content: bytes = b"") -> None:
        lines = [f"HTTP/1.1 {status} Something"]
        lines += [f"{name}: {value}" for name, value in answer.items()]
        if status >= 200 and status != 204 and self.command != "HEAD":
            lines.append(f"Content-Length: {len(content)}")
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + content)

    def _reset(self) -> None:
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    # Bodies.

    def _body(self, keep: Callable[[bytes], object]) -> None:
        """Read the body, and keep it piece by piece."""
        if self.is_expected:
            self._say(100, {})
        limit = None if self.fault is None else self.fault.after_bytes
        is_effective = self.fault is None or self.fault.is_effective
        for piece in self._pieces():
            rest = len(piece) if limit is None else min(len(piece), limit - self.said.body_bytes)
            self.said.body_bytes += rest
            if is_effective:
                with self.peer.lock:
                    keep(piece[:rest])
            if self.peer.on_body is not None:
                self.peer.on_body(self.said.body_bytes)
            if limit is not None and self.said.body_bytes >= limit:
                if self.fault is not None and self.fault.status is not None:
                    self.close_connection = True
                    return
                raise _Reset

    def _pieces(self) -> Any:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while size := int(self.rfile.readline() or b"0", 16):
                yield self._exactly(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read1(min(left, 1 << 16))
            if not piece:
                raise _Reset
            left -= len(piece)
            yield piece

    def _exactly(self, size: int) -> bytes:
        piece = self.rfile.read(size)
        if len(piece) < size:
            raise _Reset
        return piece

    # Answers.

    def _answer(self, fields: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        peer = self.peer
        if self.path in peer.redirects and self.command != "OPTIONS":
            self.close_connection = True
            return 307, {"Location": peer.redirects[self.path], "Connection": "close"}, b""
        if peer.endpoint not in (None, self.path) and not self.path.startswith("/uploads/"):
            self.close_connection = True
            return 404, {"Connection": "close"}, b""
        if self.command == "OPTIONS":
            return self._offer()
        size = int(fields.get("content-length", 0))
        if peer.max_body is not None and size > peer.max_body:
            self.close_connection = True
            return 413, self._limits() | {"Connection": "close"}, b""
        is_tus = "tus-resumable" in fields and "tus" in peer.protocols
        upload = peer.uploads.get(self.path)
        if upload is not None:
            return self._continue(upload, fields)
        if self.path.startswith("/uploads/"):
            return 404, {}, b""
        if is_tus:
            return self._create_tus(fields)
        version = fields.get("upload-draft-interop-version")
        if "ietf" in peer.protocols and version == str(peer.version):
            return self._create_ietf(fields)
        data = bytearray()
        self._body(data.extend)
        with peer.lock:
            peer.targets[self.path] = bytes(data)
        return 201, {}, b"stored\n"

    def _offer(self) -> tuple[int, dict[str, str], bytes]:
        answer: dict[str, str] = {}
        peer = self.peer
        if "tus" in peer.protocols:
            answer |= {
                "Tus-Version": "1.0.0",
                "Tus-Resumable": "1.0.0",
                "Tus-Extension": "creation,creation-with-upload,creation-defer-length,"
                "termination,concatenation,checksum",
                "Tus-Checksum-Algorithm": "sha1,md5",
            }
        if "ietf" in peer.protocols and peer.says_ietf:
            answer |= {"Accept-Patch": "application/partial-upload"} | self._limits()
            if peer.says_version:
                answer["Upload-Draft-Interop-Version"] = str(peer.version)
        return (204, answer, b"") if answer else (405, {}, b"")

    def _limits(self) -> dict[str, str]:
        return {"Upload-Limit": self.peer.limits} if self.peer.limits else {}

    def _make(self, upload: Stored) -> str:
        peer = self.peer
        with peer.lock:
            peer.made += 1
            path = f"/uploads/{peer.made}"
            peer.uploads[path] = upload
        return path

    def _create_tus(self, fields: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        peer = self.peer
        concat = fields.get("upload-concat", "")
        if concat.startswith("final;"):
            base = f"{peer.url}{self.path}"
            paths = [urlsplit(urljoin(base, url)).path for url in concat[6:].split()]
            parts = [peer.uploads.get(path) for path in paths]
            if any(part is None or len(part.data) != part.length for part in parts):
                return 400, {}, b""
            data = b"".join(peer.uploads[path].data for path in paths)
            path = self._make(Stored("tus", bytearray(data), len(data), complete=True))
            peer.targets[path] = data
            return 201, {"Location": path}, b""
        length = fields.get("upload-length")
        upload = Stored(
            "tus",
            length=None if length is None else int(length),
            is_part=concat == "partial",
        )
        path = self._make(upload)
        self._take(upload, fields, path)
        return 201, {"Location": path, "Upload-Offset": str(len(upload.data))}, b""

    def _create_ietf(self, fields: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        length = fields.get("upload-length")
        upload = Stored("ietf", length=None if length is None else int(length), target=self.path)
        path = self._make(upload)
        if self.peer.interim:
            self._say(104, {"Location": path} | self._limits())
        self._take(upload, fields, path)
        if upload.complete:
            return 201, {"Upload-Complete": "?1"}, b"stored\n"
        return 201, self._facts(upload) | self._limits() | {"Location": path}, b""

    def _continue(
        self, upload: Stored, fields: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        if self.command == "HEAD":
            return 204, self._facts(upload) | {"Cache-Control": "no-store"}, b""
        if self.command == "DELETE":
            del self.peer.uploads[self.path]
            return 204, {}, b""
        if int(fields["upload-offset"]) != len(upload.data):
            self.close_connection = True
            return 409, self._facts(upload) | {"Connection": "close"}, b""
        before = len(upload.data)
        self._take(upload, fields, self.path)
        checksum = fields.get("upload-checksum")
        if checksum is not None:
            algorithm, _, expected = checksum.partition(" ")
            found = hashlib.new(algorithm, upload.data[before:]).digest()
            if base64.b64decode(expected) != found:
                del upload.data[before:]
                return 460, {}, b""
        if upload.protocol == "ietf" and upload.complete:
            return 200, {"Upload-Complete": "?1"}, b"stored\n"
        return 204, self._facts(upload), b""

    def _take(self, upload: Stored, fields: dict[str, str], path: str) -> None:
        said = 0

        def keep(piece: bytes) -> None:
            nonlocal said
            upload.data += piece
            if (
                upload.protocol == "ietf"
                and self.peer.interim
                and len(upload.data) > said + 200_000
            ):
                said = len(upload.data)
                self._say(104, {"Upload-Offset": str(said)})

        self._body(keep)
        if upload.protocol == "tus":
            if "upload-length" in fields:
                upload.length = int(fields["upload-length"])
            upload.complete = len(upload.data) == upload.length
        elif self.fault is None or self.fault.after_bytes is None:
            upload.complete = fields.get("upload-complete") == "?1"
        if upload.complete and not upload.is_part:
            self.peer.targets[upload.target or path] = bytes(upload.data)

    def _facts(self, upload: Stored) -> dict[str, str]:
        facts = {"Upload-Offset": str(len(upload.data))}
        if upload.length is not None:
            facts["Upload-Length"] = str(upload.length)
        if upload.protocol == "ietf":
            facts["Upload-Complete"] = "?1" if upload.complete else "?0"
        else:
            facts["Tus-Resumable"] = "1.0.0"
        return facts
