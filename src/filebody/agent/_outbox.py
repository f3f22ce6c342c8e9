"""What is on its way to a wire: kept until the wire has taken it, counted to the byte."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from filebody.agent._engine import HEADROOM
from filebody.agent._rate import RateLimit, RateLimits
from filebody.agent._wire import Wire

__all__ = ["Allowance", "Outbox"]


class Allowance:
    """How much one upload may send now, if that is limited.

    Args:
        limits: All that hold for it.
        ready: Called when it may send again.
    """

    __slots__ = ("_granted", "_leave_line", "_limits", "_ready", "_wanted")

    def __init__(self, limits: RateLimit | RateLimits, ready: Callable[[], None]) -> None:
        self._limits = limits
        self._ready = ready
        self._granted = 0
        self._wanted = 0
        self._leave_line: Callable[[], None] | None = None

    def ask(self, wanted: int) -> int:
        """How many of `wanted` bytes may be sent; if none, it stands in line for them."""
        if not self._granted and self._leave_line is None:
            self._granted = self._limits.take(wanted)
            if not self._granted:
                self._wanted = wanted
                self._leave_line = self._limits.wait(self._served)
        return min(wanted, self._granted)

    def spend(self, count: int) -> None:
        """So many bytes were sent."""
        self._granted -= count

    def release(self) -> None:
        """Nothing can be sent at the moment: let the others have what was granted."""
        if self._granted:
            self._limits.give_back(self._granted)
            self._granted = 0

    def close(self) -> None:
        """It sends nothing any more."""
        self.release()
        if self._leave_line is not None:
            self._leave_line()
            self._leave_line = None

    def _served(self) -> None:
        self._leave_line = None
        self._granted = self._limits.take(self._wanted)
        self._ready()


class Outbox:
    """Sends to a wire: pieces that lie in the shared buffer, and pieces that were kept.

    Args:
        wire: Where to.
        head: Goes out in front of everything else, in one call with the first piece if it is short.

    Attributes:
        body_bytes: How many bytes of the body the wire has taken.
        wire_bytes: The same with the head and the framing.
        kept_bytes: How many bytes wait here.
        allowance: How fast, or None.
    """

    __slots__ = ("_front", "_kept", "_wire", "allowance", "body_bytes", "kept_bytes", "wire_bytes")

    def __init__(self, wire: Wire, head: bytes) -> None:
        self._wire = wire
        self._front = head
        self._kept: deque[tuple[bytes | memoryview, bool]] = deque()
        self.kept_bytes = 0
        self.body_bytes = 0
        self.wire_bytes = 0
        self.allowance: Allowance | None = None
        if len(head) > HEADROOM // 2:
            self.keep_front()

    def keep(self, piece: bytes | memoryview, *, is_body: bool) -> None:
        """Send `piece` after what is kept already; it must not change until then."""
        if self._front:
            self.keep_front()
        if not piece:
            return
        self._kept.append((piece, is_body))
        self.kept_bytes += len(piece)

    def keep_front(self) -> None:
        """Do not wait for a piece to send the head with."""
        front, self._front = self._front, b""
        if front:
            self.keep(front, is_body=False)

    def ask(self, wanted: int) -> int:
        """How many of `wanted` bytes of the body may be sent now; see `Allowance.ask`."""
        return wanted if self.allowance is None else self.allowance.ask(wanted)

    def send_kept(self) -> bool:
        """Send what is kept; whether the socket can take more.

        Raises:
            OSError: The connection is broken.
        """
        while self._kept:
            piece, is_body = self._kept[0]
            allowed = self.ask(len(piece)) if is_body else len(piece)
            if not allowed:
                return True
            taken = self._wire.send(piece if allowed == len(piece) else piece[:allowed])
            self.kept_bytes -= taken
            self._count(taken, taken if is_body else 0)
            if taken < len(piece):
                self._kept[0] = (memoryview(piece)[taken:], is_body)
            else:
                self._kept.popleft()
            if taken < allowed:
                self._is_full()
                return False
        return True

    def send_plain(self, buffer: memoryview, count: int) -> int:
        """Send `count` bytes of the body that lie in `buffer` at `HEADROOM`, behind the head.

        Returns:
            How many of them the wire has taken; of the head it keeps what was not.

        Raises:
            OSError: The connection is broken.
        """
        front = self._front
        begin = HEADROOM - len(front)
        if front:
            buffer[begin:HEADROOM] = front
        taken = self._wire.send(buffer[begin : HEADROOM + count])
        of_body = max(0, taken - len(front))
        self._count(taken, of_body)
        if front:
            self._front = front[taken:]
        if of_body < count:
            self._is_full()
        return of_body

    def send_chunk(self, buffer: memoryview, count: int, head: bytes, tail: bytes) -> bool:
        """Send `count` bytes as `send_plain` does, as a chunk, and keep what is not taken.

        Returns:
            Whether the socket can take more.

        Raises:
            OSError: The connection is broken.
        """
        head = self._front + head
        self._front = b""
        begin, end = HEADROOM - len(head), HEADROOM + count + len(tail)
        buffer[begin:HEADROOM] = head
        buffer[HEADROOM + count : end] = tail
        taken = self._wire.send(buffer[begin:end])
        of_body = min(count, max(0, taken - len(head)))
        self._count(taken, of_body)
        left = bytes(buffer[begin + taken : end])
        if not left:
            return True
        # In three parts, so that the bytes of the body are counted when they are out.
        before = max(0, len(head) - taken)
        self.keep(left[:before], is_body=False)
        self.keep(memoryview(left)[before : before + count - of_body], is_body=True)
        self.keep(left[before + count - of_body :], is_body=False)
        self._is_full()
        return False

    def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._front = b""
        self.kept_bytes = 0
        if self.allowance is not None:
            self.allowance.close()

    def _count(self, taken: int, of_body: int) -> None:
        self.wire_bytes += taken
        self.body_bytes += of_body
        if self.allowance is not None:
            self.allowance.spend(of_body)

    def _is_full(self) -> None:
        if self.allowance is not None:
            self.allowance.release()
