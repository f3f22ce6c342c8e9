"""A socket lent to a worker thread: bytes from the kernel to the disk without passing the reactor.

Handing a piece from the reactor to a thread and waiting for the thread costs more than writing the
piece. So a thread that has written what the reactor read goes on by itself while there is more:
it reads the socket, without ever waiting for it, into one buffer that stays in the processor's
cache, writes, and hashes. When the socket is empty it returns, and the reactor waits for the
client. The reactor does not read meanwhile: the order of the bytes is never in doubt.

Only for bodies of known length on connections without TLS: there the next N bytes of the socket are
the next N bytes of the file.
"""

from __future__ import annotations

import select
import threading
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

__all__ = ["Tap"]

_BUFFER_BYTES: Final = 1024 * 1024
# After so much another upload gets the thread, if one waits.
_TURN_BYTES: Final = 32 * 1024 * 1024
# A client that has just sent this much sends more in a moment, which is cheaper to wait for here
# than on the reactor. Each moment has to bring so much: a slow one does not hold a thread.
_FAST_BYTES: Final = 1024 * 1024
_MOMENT_BYTES: Final = 16 * 1024
_MOMENT_MILLISECONDS: Final = 1


class _Buffer(threading.local):
    """One buffer for each thread, whatever the number of uploads."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_BUFFER_BYTES))


_buffer = _Buffer()


class Tap:
    """A socket's next bytes.

    Args:
        source: The connected, non-blocking socket. It is duplicated: whatever happens to the
            connection, the descriptor that is read stays this one until `close`.
        left_bytes: How many bytes still belong to the body.

    Attributes:
        left_bytes: The same, less what was poured; whoever reads elsewhere keeps it right.
    """

    left_bytes: int

    def __init__(self, source: socket.socket, left_bytes: int) -> None:
        self.left_bytes = left_bytes
        self._socket = source.dup()
        self._socket.setblocking(False)
        self._is_stopped = False

    def pour(self, take: Callable[[memoryview], None]) -> int:
        """Give `take` what the socket has, piece by piece; for a worker thread.

        The end of the stream and a broken connection are not told here: the reactor sees them at
        its next read.

        Returns:
            How many bytes there were.
        """
        view = _buffer.view
        total = 0
        least = _FAST_BYTES  # before it is worth to wait
        while self.left_bytes and total < _TURN_BYTES and not self._is_stopped:
            try:
                count = self._socket.recv_into(view, min(len(view), self.left_bytes))
            except BlockingIOError:
                if total < least or not self._comes_in_a_moment():
                    break
                least = total + _MOMENT_BYTES
                continue
            except OSError:
                break
            if count == 0:
                break
            take(view[:count])
            self.left_bytes -= count
            total += count
        return total

    def stop(self) -> None:
        """Make a `pour` that is under way return soon."""
        self._is_stopped = True

    def close(self) -> None:
        """Let go of the socket; not during `pour`."""
        self._socket.close()

    def _comes_in_a_moment(self) -> bool:
        waiting = select.poll()
        waiting.register(self._socket, select.POLLIN)
        return bool(waiting.poll(_MOMENT_MILLISECONDS))
