"""What stands between a connection and what it does for a request: two small interfaces.

A connection knows framing, time and ends, and no methods; an exchange knows one kind of request,
and no sockets. `_routes` chooses the exchange, and nobody else knows more than one kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import h11

if TYPE_CHECKING:
    from twisted.internet.interfaces import IPushProducer
    from twisted.python.failure import Failure

    from filebody.receiver._pace import Pace
    from filebody.receiver._refusal import Refusal
    from filebody.receiver._site import Site
    from filebody.receiver._tap import Tap

__all__ = ["Exchange", "Line", "Route"]


class Exchange(Protocol):
    """One request being answered; the connection tells it what happens."""

    def start(self, *, has_body: bool) -> None:
        """Begin; called once, before anything else."""

    def body_received(self, data: bytes | bytearray) -> None:
        """A piece of the request's body has come."""

    def body_ended(self, trailer: Sequence[tuple[bytes, bytes]]) -> None:
        """The request is complete."""

    def lost(self, reason: str) -> None:
        """Nothing more will come or can be sent; let go of everything. May come more than once."""


class Line(Protocol):
    """What an exchange may do with its connection, until the answer is out."""

    site: Site
    peer: str
    pace: Pace
    began: float

    @property
    def spare_rank(self) -> tuple[int, float] | None:
        """How well the connection can be spared; None if it cannot."""

    def give_way(self) -> None:
        """Leave to others what this connection takes."""

    @property
    def is_open(self) -> bool:
        """Whether an answer can still be sent."""

    @property
    def is_head(self) -> bool:
        """Whether the answer must not have a body (RFC 9110 section 9.3.2)."""

    @property
    def has_unread(self) -> bool:
        """Whether bytes of the body have been read from the socket and not been passed on."""

    def tap(self) -> Tap | None:
        """Lend the socket out, if the next bytes of it are the body's and nothing else."""

    def poured(self, size_bytes: int) -> None:
        """Take note of bytes of the body that were read from the tap."""

    def read_body(self) -> None:
        """Let the client send its body, telling it so if it waits for that."""

    def go_on(self) -> None:
        """Go on with what has come, and read the socket again: it is the client's turn."""

    def hold(self) -> None:
        """Read no more of the body until `go_on`."""

    def work(self) -> None:
        """Read nothing until the answer is sent."""

    def add_always(self, fields: Sequence[tuple[str, str]]) -> None:
        """Have fields in every response to this request, interim and refusing ones too."""

    def inform(self, status: int, fields: Sequence[tuple[str, str]]) -> None:
        """Send an interim response, where the client knows such (RFC 9110 section 15.2)."""

    def respond(self, status: int, fields: Sequence[tuple[str, str]], content: bytes = b"") -> None:
        """Answer with a short body, or with none for 204 and 304."""

    def begin_response(self, status: int, fields: Sequence[tuple[str, str]]) -> None:
        """Send the head of the answer."""

    def send_data(self, data: bytes) -> None:
        """Send a piece of the answer's body."""

    def end_response(self) -> None:
        """End the answer and go on: to the next request, to lingering, or to the end."""

    def refuse(self, refusal: Refusal, *, tell: bool = True) -> None:
        """Answer with an error; the exchange is over. `tell`: whether it is an event of its own."""

    def fail(self, failure: Failure) -> None:
        """Answer a call that failed: as it says if it is a `Refusal`, else with 500."""

    def abort(self, reason: str) -> None:
        """Close now, whatever is under way; the exchange is told that it is lost."""

    def register(self, producer: IPushProducer) -> None:
        """Let the transport set the pace of a producer."""

    def unregister(self) -> None:
        """End that."""


# Chooses what answers a request. Raises `Refusal` where its head is reason enough to say no.
Route = Callable[[Line, h11.Request], Exchange]
