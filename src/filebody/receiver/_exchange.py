"""What a request is answered by: the choice of an exchange, and what a connection tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from filebody.receiver._download import Download
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import ALLOW, authorize, upload_of
from filebody.receiver._upload import Reception

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h11

    from filebody.receiver._connection import Connection

__all__ = ["Exchange", "exchange_for"]


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


def exchange_for(connection: Connection, request: h11.Request) -> Exchange | None:
    """Choose what answers a request; None for OPTIONS, which needs nothing.

    Raises:
        Refusal: The head of the request is reason enough to say no.
    """
    site = connection.site
    if connection.is_surplus:
        raise Refusal(503, "too many connections; try again later", [("Retry-After", "5")])
    authorize(request, site.config, scheme=site.scheme)
    if request.method in {b"PUT", b"POST"}:
        return Reception(connection, upload_of(request, site.config))
    if request.method in {b"GET", b"HEAD"}:
        return Download(connection, request)
    if request.method == b"OPTIONS":
        return None
    raise Refusal(405, f"the methods here are {ALLOW}", [("Allow", ALLOW)])
