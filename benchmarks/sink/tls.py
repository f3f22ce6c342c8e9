"""Takes bodies over TLS without decrypting them.

Decrypting costs as much as encrypting: a sink that does both reading and decrypting is slower than
the fastest clients, and would measure itself. So it shakes hands, decrypts the records of the head,
and from then on reads nothing but the five bytes in front of each record (RFC 8446 section 5.1);
the record itself the kernel throws away. The answer can be encrypted all the same: each direction
has keys and counters of its own. That every byte was right is what the tests of the package show.

After one request the connection is closed.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import sys
import threading
from pathlib import Path

from benchmarks.sink.heads import CONTINUE, LAST_ANSWER, Head

_RECORD = struct.Struct("!BHH")
_APPLICATION_DATA = 23
_HANDSHAKE_SECONDS = 10
_PIECE_BYTES = 1 << 20
# What TLS 1.3 adds to each record with the ciphers in use: the content type and the tag.
_OVERHEAD_BYTES = 17
_MOST_BYTES = (1 << 14) + 256
_TOGETHER_BYTES = 1 << 18


def _read_head(channel: ssl.SSLSocket) -> tuple[Head, int]:
    """The head, and how many bytes of the body came in the same record."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = channel.recv(1 << 14)
        if not piece:
            raise ConnectionError("closed within the head")
        received += piece
    while channel.pending():
        received += channel.recv(1 << 14)
    head, _, rest = received.partition(b"\r\n\r\n")
    return Head.parse(head + b"\r\n\r\n"), len(rest)


class _Records:
    """The records of a connection, which nobody decrypts.

    It waits for many of them at once: a sink that takes each as it comes costs the client time, as
    they share the socket's lock.
    """

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._poll = select.poll()
        self._poll.register(channel, select.POLLIN)
        self._header = bytearray(_RECORD.size)
        self._scrap = memoryview(bytearray(_MOST_BYTES))

    def discard(self, length: int) -> None:
        """Let the kernel drop those that hold `length` bytes."""
        while length > 0:
            self._receive(memoryview(self._header), length, 0)
            kind, _, size = _RECORD.unpack(self._header)
            if kind != _APPLICATION_DATA:
                raise ConnectionError(f"a record of type {kind}")
            length -= size - _OVERHEAD_BYTES
            self._receive(self._scrap[:size], length, socket.MSG_TRUNC)

    def _receive(self, into: memoryview, length: int, flags: int) -> None:
        """Fill `into`; at least `length` bytes follow."""
        while into:
            try:
                received = socket.socket.recv_into(self._channel, into, len(into), flags)
            except BlockingIOError:
                enough = min(_TOGETHER_BYTES, len(into) + length)
                self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, enough)
                self._poll.poll()
                continue
            if not received:
                raise ConnectionError(f"closed {length} bytes too early")
            into = into[received:]


def _serve_one(connection: socket.socket, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError), connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(_HANDSHAKE_SECONDS)
        with context.wrap_socket(connection, server_side=True) as channel:
            channel.settimeout(None)
            head, received = _read_head(channel)
            if head.expects_continue:
                channel.sendall(CONTINUE)
            _Records(channel).discard(head.length - received)
            channel.setblocking(True)
            channel.sendall(LAST_ANSWER)
            # Until the client has closed: what it still sends must not reset the answer.
            while socket.socket.recv(channel, 1 << 16):
                pass


def serve(listener: socket.socket, certificate: Path) -> None:
    """Serve until the standard input ends; `certificate` is a file with key and chain."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve_one, args=(connection, context), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()
