"""Asks a server once what it offers."""

from __future__ import annotations

from typing import cast

from filebody.agent import Response
from filebody.resumable import _machine as machine
from filebody.resumable._answer import drain
from filebody.resumable._replies import lookup_in, read_reply
from filebody.resumable._state import Plan
from filebody.resumable._values import NO_OFFER, Kind, Offer, Protocol, Send
from filebody.resumable._way import Way

__all__ = ["ask"]


async def ask(way: Way) -> Offer:
    """See `filebody.resumable.discover`."""
    _, first = machine.begin(Plan(url=way.target.url, length=None))
    asking = cast("Send", first)
    url, is_same = way.url_of(asking.url)
    fields = way.headers_of(asking, is_same=is_same)
    asked = way.agent.request(asking.method.encode("ascii"), url, fields, options=way.options)
    response = cast("Response", await asked)
    await drain(response, way.agent.reactor)
    reply = read_reply(
        response.code,
        lookup_in(response.headers),
        kind=Kind.DISCOVER,
        protocol=Protocol.AUTO,
        url=way.target.url,
        detail="",
        date_seconds=0.0,
    )
    return reply.offer or NO_OFFER
