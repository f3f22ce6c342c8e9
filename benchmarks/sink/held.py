"""A relay before a `store`: it holds each connection to a rate, as a long lossy line does."""

from __future__ import annotations

import contextlib
import itertools
import socket
import subprocess
import sys
import threading
import time

__all__ = ["BYTES_PER_SECOND", "serve"]

BYTES_PER_SECOND = 50_000_000
_PIECE_BYTES = 1 << 16
# What such a line holds, so that the kernel's buffers are not measured.
_BUFFER_BYTES = 1 << 18


class _Relay:
    """Passes on what it takes, and counts it.

    Attributes:
        taken: Of each connection, the bytes that the client sent, heads and all.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._number = itertools.count()
        self.taken: dict[int, int] = {}

    def accept(self, listener: socket.socket) -> None:
        """Until the process ends."""
        while True:
            client, _ = listener.accept()
            threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with client, socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            server.connect(("127.0.0.1", self._port))
            back = threading.Thread(target=_copy, args=(server, client), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                self._hold(client, server, next(self._number))
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join()

    def _hold(self, client: socket.socket, server: socket.socket, number: int) -> None:
        buffer = memoryview(bytearray(_PIECE_BYTES))
        self.taken[number] = 0
        due = time.monotonic()
        while count := client.recv_into(buffer):
            self.taken[number] += count
            server.sendall(buffer[:count])
            now = time.monotonic()
            # A relay that was kept from running makes good for a moment of it, not for all.
            due = max(due, now - 0.02) + count / BYTES_PER_SECOND
            time.sleep(max(0.0, due - now))


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE_BYTES):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def serve(listener: socket.socket, core: int) -> float:
    """Relay until standard input ends; returns the CPU time of the store.

    Prints, as a second line, how many bytes clients have sent.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    command = [sys.executable, "-m", "benchmarks.sink", "store", str(core)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as store:
        assert store.stdin is not None
        assert store.stdout is not None
        relay = _Relay(int(store.stdout.readline()))
        threading.Thread(target=relay.accept, args=(listener,), daemon=True).start()
        sys.stdin.read()
        print(sum(relay.taken.values()), flush=True)
        store.stdin.close()
        return float(store.stdout.read() or 0)
