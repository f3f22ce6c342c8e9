"""What all connections of one receiver share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from filebody.receiver._backlog import Backlog
from filebody.receiver._holds import Holds
from filebody.receiver._room import RoomMaker
from filebody.receiver._shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from filebody.receiver._config import ReceiverConfig
    from filebody.receiver._connection import Connection
    from filebody.receiver._events import ReceiverEvent
    from filebody.receiver._store import Store
    from filebody.receiver._workers import Workers

__all__ = ["Site"]

_log = Logger()


@attrs.define(kw_only=True)
class Site:
    """The settings, the store, the threads, and who is connected.

    Attributes:
        config: The receiver's settings.
        scheme: "http" or "https".
        store: Where files go.
        shelf: Where uploads are that can be gone on with; from `open` on.
        holds: Who is at which of them.
        workers: The threads for the disk.
        backlog: What uploads have in memory.
        clock: Where timeouts are set.
        on_event: Whom to tell; None for nobody.
        connections: The connections that are open.
        is_closing: Whether the receiver is about to stop: no connection is kept alive.
    """

    config: ReceiverConfig
    scheme: str
    store: Store
    workers: Workers
    clock: IReactorTime
    on_event: Callable[[ReceiverEvent], None] | None
    backlog: Backlog = attrs.field(factory=Backlog)
    holds: Holds = attrs.field(factory=Holds)
    shelf: Shelf = attrs.field(init=False)
    connections: set[Connection] = attrs.field(factory=set)
    is_closing: bool = False
    _all_gone: Deferred[None] | None = None

    def open(self) -> None:
        """Open store and shelf; for a worker thread.

        Raises:
            UsageError: As `Store.open`.
        """
        config = self.config
        self.store.open()
        self.shelf = Shelf(
            self.store.root,
            self.store.placement,
            quota=config.quota,
            expire_after_seconds=config.expire_after_seconds,
            is_synced=config.fsync,
        )
        self.shelf.make_room = self.store.make_room = RoomMaker(self.shelf, self.holds.held)
        for name in self.shelf.open():
            _log.warn("filebody receiver: the record {name} is left aside", name=name)

    def close(self) -> None:
        """Close both; for a worker thread."""
        self.shelf.close()
        self.store.close()

    def tell(self, event: ReceiverEvent) -> None:
        """Pass an event on; what the listener does wrong is logged and stops nothing."""
        if self.on_event is None:
            return
        try:
            self.on_event(event)
        except Exception:  # noqa: BLE001 - someone else's code, in the midst of our state machine
            _log.failure("on_event failed for {event!r}", event=event)

    def add(self, connection: Connection) -> None:
        """Count a connection in."""
        self.connections.add(connection)

    def remove(self, connection: Connection) -> None:
        """Count a connection out."""
        self.connections.discard(connection)
        if not self.connections and self._all_gone is not None:
            gone, self._all_gone = self._all_gone, None
            gone.callback(None)

    def make_room(self) -> bool:
        """Let a connection that is idle or too slow give way to another; False if none is."""
        return any(connection.give_way() for connection in list(self.connections))

    def when_empty(self) -> Deferred[None]:
        """Fire when there is no connection; for one caller at a time."""
        gone: Deferred[None] = Deferred()
        if self.connections:
            self._all_gone = gone
        else:
            gone.callback(None)
        return gone
