"""What an exchange is told, and whom it tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import attrs

from filebody.agent._content import Producer
from filebody.agent._digest import DigestField
from filebody.agent._fields import Head
from filebody.agent._options import Options
from filebody.agent._redirect import Request
from filebody.agent._wire import Wire

__all__ = ["ExchangeOwner", "Terms"]


@attrs.frozen(kw_only=True)
class Terms:
    """What an exchange is to do.

    Attributes:
        head: The request up to its body.
        request: What that was made of.
        producer: Of the body, or None.
        source: The body's name, for messages.
        length: Of the body in bytes; None to send it in chunks.
        begun: Called when the producer is started, or None.
        options: The user's.
        digest: What goes with the body, or None.
    """

    head: Head
    request: Request
    producer: Producer | None
    source: str
    length: int | None
    begun: Callable[[], None] | None
    options: Options
    digest: DigestField | None


class ExchangeOwner(Protocol):
    """Who asked for an exchange."""

    def tell(self, name: str, **facts: Any) -> None:
        """Something happened that a method of `ExchangeListener` has the name of."""

    def ended(self, wire: Wire, *, is_reusable: bool) -> None:
        """The exchange needs its wire no more; whether another one may use it."""
