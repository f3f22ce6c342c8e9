"""What became of an upload."""

from __future__ import annotations

import attrs

from filebody.agent import Response
from filebody.resumable._values import Protocol

__all__ = ["Outcome"]


@attrs.frozen(kw_only=True)
class Outcome:
    """A success: the server has everything, by its own word.

    Attributes:
        url: Where it was sent, without credentials.
        upload_url: Where the server kept it meanwhile, or None if it did not.
        protocol: How it was sent.
        length: How many bytes it has.
        resumed_bytes: How many of them the server had already when this began.
        sent_bytes: How many were sent now, those that were lost on the way included.
        requests: How many requests that took.
        parts: How many parts were sent at once.
        response: The last response; its body is the caller's to take, if it has one.
    """

    url: str
    upload_url: str | None
    protocol: Protocol
    length: int
    resumed_bytes: int
    sent_bytes: int
    requests: int
    parts: int
    response: Response | None
