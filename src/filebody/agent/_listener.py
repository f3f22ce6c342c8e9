"""What can be heard of an exchange while it goes on: for tracing, metrics and `--verbose`."""

from __future__ import annotations

import attrs

__all__ = ["ExchangeListener", "Moment"]


@attrs.frozen
class Moment:
    """When and for what something happened.

    Attributes:
        attempt: The number of the attempt, from 1; redirections count.
        method: The method of that attempt.
        url: Where it goes.
        seconds: Since the request was asked for.
    """

    attempt: int
    method: str
    url: str
    seconds: float


class ExchangeListener:
    """Override what you want to hear. What a listener raises is logged and changes nothing.

    The order is: `connected`, `secured` (https only), `request_sent`, `informational` any number of
    times, `body_sent`, `first_byte`, `ended`. An attempt on a pooled connection begins with
    `connected` where `reused` is true. What did not happen is left out; `ended` always comes.
    """

    def connected(self, moment: Moment, peer: str, *, reused: bool) -> None:
        """There is a connection, to `peer` (an address and port, or a path)."""

    def secured(self, moment: Moment, version: str, cipher: str) -> None:
        """The TLS handshake is done and the peer's certificate was verified."""

    def request_sent(self, moment: Moment, head: bytes) -> None:
        """The head of the request is out. It may hold credentials: do not log it as it is."""

    def informational(self, moment: Moment, status: int) -> None:
        """An interim response came."""

    def body_sent(self, moment: Moment, sent_bytes: int) -> None:
        """All of the body was handed to the kernel: so many bytes."""

    def first_byte(self, moment: Moment, status: int) -> None:
        """The head of the final response came."""

    def ended(self, moment: Moment, error: Exception | None) -> None:
        """The response has ended, or there is none because of `error`."""
