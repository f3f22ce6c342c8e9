"""The answer to OPTIONS: what can be done here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filebody.receiver._request import ALLOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filebody.receiver._exchange import Line

__all__ = ["Options"]


class Options:
    """The exchange of one OPTIONS."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def start(self, *, has_body: bool) -> None:  # noqa: ARG002 - of no interest
        """Answer."""
        self._line.respond(204, [("Allow", ALLOW)])

    def body_received(self, data: bytes | bytearray) -> None:
        """Not called: the body is never read."""

    def body_ended(self, trailer: Sequence[tuple[bytes, bytes]]) -> None:
        """Not called: see `body_received`."""

    def lost(self, reason: str) -> None:
        """There is nothing to let go of."""
