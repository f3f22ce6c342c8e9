"""A request's body over all of its attempts: a fresh pass for each, if that is possible."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.iweb import IBodyProducer

from filebody.body import Body
from filebody.errors import NotReplayable
from filebody.produce import FileBodyProducer

__all__ = ["Content", "Producer"]

_log = Logger()


class Producer(Protocol):
    """An `IBodyProducer`, for type checkers."""

    length: int | str

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """See `IBodyProducer`."""

    def pauseProducing(self) -> None:
        """See `IBodyProducer`."""

    def resumeProducing(self) -> None:
        """See `IBodyProducer`."""

    def stopProducing(self) -> None:
        """See `IBodyProducer`."""


class Content:
    """What the user gave as the body.

    Args:
        given: An `IBodyProducer` or a `Body`.

    Attributes:
        producer: Of the current attempt.
        body: The `Body` behind it, if there is one.

    Raises:
        TypeError: It is neither.
        NotReplayable: It can be read once only, and was.
    """

    def __init__(self, given: object) -> None:
        if isinstance(given, Body):
            given = FileBodyProducer(given)
        elif not IBodyProducer.providedBy(given):
            raise TypeError(
                f"{type(given).__name__} is no body: pass an IBodyProducer or a filebody.Body"
            )
        self.body = given.body if isinstance(given, FileBodyProducer) else None
        self._first: Producer = given
        self.producer = self._first
        self._has_begun = False

    @property
    def is_replayable(self) -> bool:
        """Whether there can be another attempt now."""
        return not self._has_begun or (self.body is not None and self.body.replayable)

    @property
    def is_stopped(self) -> bool:
        """Whether the program has stopped it by itself."""
        producer = self.producer
        return isinstance(producer, FileBodyProducer) and producer.is_stopped

    @property
    def source(self) -> str:
        """Its name, for messages."""
        return self.body.source if self.body is not None else type(self._first).__name__

    def begun(self) -> None:
        """The current producer was started."""
        self._has_begun = True

    def next(self) -> None:
        """Get ready for another attempt.

        Raises:
            NotReplayable: The only pass has begun.
        """
        if not self._has_begun:
            return
        if not self.is_replayable or not isinstance(self._first, FileBodyProducer):
            raise NotReplayable(self.source)
        self.producer = self._first.again()
        self._has_begun = False

    def close(self) -> None:
        """There is no further attempt: what was not begun never will be."""
        if not self._has_begun:
            self._has_begun = True
            try:
                self.producer.stopProducing()
            except Exception as error:  # noqa: BLE001 - some producers cannot be stopped yet
                _log.debug(
                    "stopping {source}, which was not begun, failed: {error!r}",
                    source=self.source,
                    error=error,
                )
