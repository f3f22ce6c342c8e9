"""A server in a process of its own that costs as little as possible, so that clients are measured.

`python -m benchmarks.sink discard` lets the kernel throw the body away (MSG_TRUNC) and answers 200.
`python -m benchmarks.sink stall` reads the head of each request and then nothing more, ever.
It prints its port, serves 127.0.0.1 until its standard input ends, and keeps to the last core.
"""

from __future__ import annotations

import os
import socket
import sys
import threading

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def read_head(connection: socket.socket) -> bytes:
    """The request up to its empty line, and not a byte of the body."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        received = connection.recv(1)
        if not received:
            raise ConnectionError("closed within the head")
        head += received
    return head.lower()


def discard(connection: socket.socket) -> None:
    """Receive a body without copying it, and answer."""
    [length] = [
        int(line.partition(b":")[2])
        for line in read_head(connection).split(b"\r\n")
        if line.startswith(b"content-length:")
    ]
    buffer = bytearray(1 << 20)
    while length:
        received = connection.recv_into(buffer, min(length, len(buffer)), socket.MSG_TRUNC)
        if not received:
            raise ConnectionError(f"closed {length} bytes too early")
        length -= received
    connection.sendall(ANSWER)
    connection.close()


def main(mode: str) -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(listener.getsockname()[1], flush=True)
    kept: list[socket.socket] = []

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            if mode == "discard":
                discard(connection)
            else:
                read_head(connection)
                kept.append(connection)

    threading.Thread(target=serve, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
