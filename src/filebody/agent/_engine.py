"""What the connections of one agent share."""

from __future__ import annotations

from typing import Any

import attrs

from filebody.agent._piece_size import LARGEST_BYTES, PieceSize
from filebody.agent._rate import RateLimit
from filebody.agent._turns import Turns

__all__ = ["HEADROOM", "TAILROOM", "Engine"]

# Room in the buffer in front of a piece, for a request's head or a chunk's, and behind it.
HEADROOM = 1 << 13
TAILROOM = 2


@attrs.frozen(eq=False)
class Engine:
    """One for each agent.

    Attributes:
        reactor: Any that has `IReactorFDSet` and `IReactorTime`.
        rate_limit: Of all uploads together, or None.
        turns: Who may work, and how long.
        buffer: What a piece of a body is read into on its way to a socket, at `HEADROOM`; free
            between two turns.
        plain_size: How much of it a connection without TLS uses at a time.
        tls_size: The same over TLS, where encrypting wants other sizes than copying.
    """

    reactor: Any
    rate_limit: RateLimit | None
    turns: Turns = attrs.field(init=False)
    buffer: memoryview = attrs.field(init=False)
    plain_size: PieceSize = attrs.field(init=False, factory=PieceSize)
    tls_size: PieceSize = attrs.field(init=False, factory=PieceSize)

    @turns.default
    def _make_turns(self) -> Turns:
        return Turns(self.reactor)

    @buffer.default
    def _make_buffer(self) -> memoryview:
        return memoryview(bytearray(HEADROOM + LARGEST_BYTES + TAILROOM))
