"""What all connections of one receiver share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from filebody.errors import UsageError
from filebody.receiver._budget import Budget
from filebody.receiver._holds import Holds
from filebody.receiver._room import RoomMaker
from filebody.receiver._shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.interfaces import IReactorTime

    from filebody.receiver._config import ReceiverConfig
    from filebody.receiver._connection import Connection
    from filebody.receiver._events import ReceiverEvent
    from filebody.receiver._exchange import Line
    from filebody.receiver._store import Store
    from filebody.receiver._workers import Workers

__all__ = ["Site"]

_log = Logger()

# Of all places, the part that idle connections give up at once.
_AT_ONCE = 32
# How long a connection must have been silent to give way to another one.
_IDLE_SECONDS = 0.25
# The class of connections that give way only in need.
_IN_NEED = 4
_LOOK_AGAIN_SECONDS = 0.05


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
        decoders: The threads for bodies that are decoded on their way to the disk.
        budget: All memory that clients make us hold.
        clock: Where timeouts are set; it does not follow the wall clock.
        on_event: Whom to tell; None for nobody.
        connections: The connections that are open.
        decoding: Those whose body is being decoded.
        leaving: How many of them were aborted, and are not gone yet.
        is_closing: Whether the receiver is about to stop: no connection is kept alive.
    """

    config: ReceiverConfig
    scheme: str
    store: Store
    workers: Workers
    decoders: Workers
    clock: IReactorTime
    on_event: Callable[[ReceiverEvent], None] | None
    budget: Budget = attrs.field(
        default=attrs.Factory(lambda self: Budget(self.config.max_memory), takes_self=True)
    )
    holds: Holds = attrs.field(factory=Holds)
    shelf: Shelf = attrs.field(init=False)
    connections: set[Connection] = attrs.field(factory=set)
    decoding: set[Line] = attrs.field(factory=set)
    leaving: int = 0
    is_closing: bool = False
    _no_room_until: list[float] = attrs.field(factory=lambda: [0.0, 0.0])  # by need
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
        try:
            left_aside = self.shelf.open()
        except OSError as error:
            self.store.close()
            raise UsageError(
                f"cannot keep resumable uploads in {self.store.directory}: {error.strerror}; "
                "check its owner and mode, or remove it"
            ) from error
        for name in left_aside:
            _log.warn("filebody receiver: the record {name} is left aside", name=f"{name[:6]}***")

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

    @property
    def busy(self) -> int:
        """How many connections take a place."""
        return len(self.connections) - self.leaving

    def make_room(self, *, in_need: bool) -> None:
        """Let connections that are idle, or too slow, give way to others.

        Args:
            in_need: Whether there is no place even for a refusal: then nobody may be idle, and
                whoever was silent for a second is too slow.
        """
        now = self.clock.seconds()
        if now < self._no_room_until[in_need]:
            return  # nothing was found a moment ago, and looking costs
        most = self.config.max_connections
        found = sorted(
            (
                (rank, connection)
                for connection in self.connections
                if (rank := connection.spare_rank)
            ),
            key=lambda one: (one[0][0], -one[0][1]),
        )
        least_seconds = 0.0 if in_need else _IDLE_SECONDS
        idle = [one for (kind, seconds), one in found if not kind and seconds >= least_seconds]
        # Idle ones cost nothing: several at once, so that not every client has to look again.
        spared = idle[: max(self.busy - most + 1, most // _AT_ONCE)]
        for (kind, _), connection in found:
            if 0 < kind < (_IN_NEED + in_need) and self.busy - len(spared) >= most:
                spared.append(connection)
        for connection in spared:
            connection.give_way()
        if not spared:
            self._no_room_until[in_need] = now + _LOOK_AGAIN_SECONDS

    def spare_decoders(self) -> None:
        """Let those who are slow with a body that is decoded give way: memory is short."""
        for line in list(self.decoding):
            if line.spare_rank is not None:
                line.give_way()

    def when_empty(self) -> Deferred[None]:
        """Fire when there is no connection; for one caller at a time."""
        gone: Deferred[None] = Deferred()
        if self.connections:
            self._all_gone = gone
        else:
            gone.callback(None)
        return gone
