"""One upload: from the head of a PUT or POST to the file under its name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from filebody.receiver._coding import CodedIncoming
from filebody.receiver._digest import SUPPORTED, merge, requested
from filebody.receiver._events import Aborted, Stored
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import too_large
from filebody.receiver._responses import stored_fields, stored_text
from filebody.receiver._writer import BATCH_BYTES, Writer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.python.failure import Failure

    from filebody.receiver._exchange import Line
    from filebody.receiver._request import Upload
    from filebody.receiver._store import Incoming, StoredFile

__all__ = ["Reception"]

# A little of what is coded may be much of the file: that is for several visits to a thread.
_CODED_BYTES: Final = 16 * 1024
_NO_ROOM: Final = 503


class Reception:
    """The exchange of one upload.

    Args:
        line: Where the body comes from.
        upload: What its head said, checked.
    """

    def __init__(self, line: Line, upload: Upload) -> None:
        self._line = line
        self._site = line.site
        self._upload = upload
        self._workers = line.site.workers if upload.coding is None else line.site.decoders
        self._has_body = True
        self._writer: Writer | None = None
        self._incoming: Incoming | CodedIncoming | None = None
        self._received_bytes = 0
        self._is_over = False  # lost or refused: nothing will be stored
        self._is_whole = False  # the body is complete: it will be stored whoever is still there

    def start(self, *, has_body: bool) -> None:
        """Make the checks that need the disk, and open a temporary file."""
        self._has_body = has_body
        self._workers.run(self._open).addCallbacks(self._begun, self._failed).addErrback(
            self._line.fail
        )

    def body_received(self, data: bytes | bytearray) -> None:
        """Pass a piece on to the disk."""
        if self._is_over or self._writer is None:
            return
        self._received_bytes += len(data)
        max_size = self._upload.max_size
        if max_size is not None and self._received_bytes > max_size:
            self._refuse(too_large(max_size))
            return
        if self._upload.coding is None:
            self._writer.write(data, is_last_read=not self._line.has_unread)
            return
        for start in range(0, len(data), _CODED_BYTES):
            self._writer.write(data[start : start + _CODED_BYTES])

    def body_ended(self, trailer: Sequence[tuple[bytes, bytes]]) -> None:
        """Store what has come, if it is what was promised."""
        if self._is_over or self._writer is None or self._incoming is None:
            return
        try:
            promised = merge(self._upload.promised, requested(trailer))
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._is_whole = True
        self._line.work()
        stored = self._writer.finish(partial(self._incoming.commit, promised))
        stored.addCallbacks(self._stored, self._failed).addErrback(self._line.fail)

    def lost(self, reason: str) -> None:
        """Remove what has come, unless it is whole."""
        if self._is_over or self._is_whole:
            return
        self._give_up()
        self._site.tell(
            Aborted(
                name="/".join(self._upload.name),
                received_bytes=self._received_bytes,
                reason=reason,
                peer=self._line.peer,
            )
        )

    def _open(self) -> Incoming | CodedIncoming:
        # In a worker thread.
        upload = self._upload
        promised = tuple(upload.promised)
        incoming = self._site.store.begin(
            upload.name,
            length=upload.length,
            algorithms=() if upload.coding else promised,
            create_only=upload.create_only,
        )
        if upload.coding is None:
            return incoming
        return CodedIncoming(
            incoming,
            upload.coding,
            # A chunked body's trailer may ask for any of them, and it cannot be read again.
            algorithms=promised if upload.length is not None else SUPPORTED,
            max_size=self._site.config.max_size,
            budget=self._site.budget,
        )

    def _begun(self, incoming: Incoming | CodedIncoming) -> None:
        if self._is_over:
            self._workers.run(incoming.abort)
            return
        self._incoming = incoming
        self._writer = Writer(
            incoming,
            self._workers,
            self._site.budget,
            on_full=self._line.hold,
            on_room=self._room_made,
            on_failure=self._failed,
            tap=None if self._upload.coding else self._line.tap(),
            on_poured=self._poured,
            batch_bytes=BATCH_BYTES if self._upload.coding is None else _CODED_BYTES,
        )
        if self._upload.coding is not None:
            self._site.decoding.add(self._line)
        if self._has_body:
            self._line.read_body()
        else:
            self.body_ended(())

    def _poured(self, size_bytes: int) -> None:
        self._received_bytes += size_bytes
        self._line.poured(size_bytes)

    def _room_made(self) -> None:
        if not (self._is_over or self._is_whole):
            self._line.go_on()

    def _stored(self, stored: StoredFile) -> None:
        clock = self._site.clock
        self._site.decoding.discard(self._line)
        self._site.tell(
            Stored(
                path=stored.path,
                name="/".join(self._upload.name),
                size_bytes=stored.size_bytes,
                sha256=stored.sha256.hex(),
                replaced=stored.replaced,
                seconds=clock.seconds() - self._line.began,
                peer=self._line.peer,
            )
        )
        if self._line.is_open:
            # RFC 9110 section 9.3.4: 201 for what is new, 200 for what was replaced.
            self._line.respond(
                200 if stored.replaced else 201,
                stored_fields(self._upload, stored),
                stored_text(self._upload, stored),
            )

    def _refuse(self, refusal: Refusal) -> None:
        self._give_up()
        self._line.refuse(refusal)

    def _failed(self, failure: Failure) -> None:
        self._is_over = True
        self._site.decoding.discard(self._line)
        if self._upload.coding is not None and getattr(failure.value, "status", 0) == _NO_ROOM:
            self._site.spare_decoders()
        self._line.fail(failure)

    def _give_up(self) -> None:
        self._is_over = True
        self._site.decoding.discard(self._line)
        if self._writer is not None:
            self._writer.abort()
