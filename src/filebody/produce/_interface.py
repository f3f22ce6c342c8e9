"""The way past `write`: a consumer that takes a whole Reader and drains it itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure

from filebody.body import Reader

__all__ = ["Drain", "IReaderConsumer"]


class Drain(Protocol):
    """A reader that is being drained, for who asked for it; after its end nothing happens."""

    def pause(self) -> None:
        """Take nothing until `resume`."""

    def resume(self) -> None:
        """Go on."""

    def stop(self) -> None:
        """Take nothing any more; `ended` is not called."""


class IReaderConsumer(IConsumer):
    """An `IConsumer` that can read a body itself, at its socket's pace, by its own buffer."""

    def drain(  # type: ignore[no-untyped-def]
        reader: Reader,  # noqa: N805 - zope interfaces have no self
        taken: Callable[[int], None],
        ended: Callable[[Failure | None], None],
    ):
        """Read `reader` to its end.

        Neither callback is called before this returns.

        Args:
            reader: Stays the caller's: who asked for the drain closes it.
            taken: Called after each piece with the number of bytes that are out of the consumer's
                hands (given to the kernel). It may pause or stop the drain.
            ended: Called once, with None when every byte is out, or with what went wrong. It is
                not called when the consumer's own connection fails: then, as with any consumer,
                the producer is told `stopProducing`.

        Returns:
            A `Drain`.
        """
