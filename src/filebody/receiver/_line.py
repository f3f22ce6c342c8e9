"""One client's connection, from the side of its exchange: the body, the answer, and the end.

HEAD -> WORKING -> BODY -> WORKING -> HEAD   an upload: head, checks, body, commit, answer
HEAD -> WORKING -> HEAD                      a download, or any answer without a body to read
WORKING -> FLUSHING -> HEAD                  the client has not taken the whole answer yet
WORKING, BODY -> LINGERING                   answered before the body was read to its end
any -> CLOSING -> CLOSED

An answer that cannot be written aborts the connection: there is no other way to tell the client.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import h11
from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from filebody.receiver._events import Refused
from filebody.receiver._framing import Framing
from filebody.receiver._masking import shown_target
from filebody.receiver._os_errors import refusal_of
from filebody.receiver._pace import (
    LARGE_READ_BYTES,
    LEAST_READ_BYTES,
    SMALL_READ_BYTES,
    Pace,
)
from filebody.receiver._references import located
from filebody.receiver._refusal import Refusal
from filebody.receiver._replies import Replies
from filebody.receiver._tap import Tap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twisted.internet.interfaces import IPushProducer
    from twisted.internet.tcp import Server
    from twisted.python.failure import Failure

    from filebody.receiver._exchange import Exchange
    from filebody.receiver._outbox import Outbox
    from filebody.receiver._site import Site

__all__ = ["ConnectionLine", "Phase"]

_log = Logger()


class Phase(enum.Enum):
    """What a connection is doing; see the module's docstring."""

    HEAD = enum.auto()
    BODY = enum.auto()
    WORKING = enum.auto()
    FLUSHING = enum.auto()
    LINGERING = enum.auto()
    CLOSING = enum.auto()
    CLOSED = enum.auto()


class ConnectionLine(Protocol):
    """What an exchange sees of its connection (see `Line`); the client's side is in a subclass.

    Args:
        site: What the connections of a receiver share.
        is_surplus: Whether this one is more than the receiver serves.

    Attributes:
        site: The same.
        peer: The client's address and port.
        is_surplus: The same.
        request: The head of the request that is being answered.
        began: When that head was complete, on the site's clock.
    """

    transport: Server
    pace: Pace
    _outbox: Outbox

    def __init__(self, site: Site, *, is_surplus: bool) -> None:
        self.site = site
        self.peer = "-"
        self.request: h11.Request | None = None
        self.began = 0.0
        self.is_surplus = is_surplus
        self._framing = Framing(site.config.max_header_bytes)
        self._replies = Replies(self._framing, self._write)
        self._phase = Phase.HEAD
        self._exchange: Exchange | None = None
        self._moved_bytes = 0
        self._is_alive = True  # content has come since the timer was set
        self._is_full = False  # the exchange takes no more
        self._is_aborted = False
        self._is_leaving = False

    def _advance(self) -> None:
        """Act on what has arrived, as far as it goes."""
        raise NotImplementedError

    @property
    def is_open(self) -> bool:
        """Whether an answer can still be sent."""
        return self._phase in {Phase.BODY, Phase.WORKING}

    def tap(self) -> Tap | None:
        """Lend the socket out, if the next bytes of it are the body's and nothing else."""
        left_bytes = self._framing.left_bytes
        if not left_bytes or self.site.scheme == "https":
            return None
        try:
            return Tap(self.transport.getHandle(), left_bytes)
        except OSError:
            return None  # no descriptor is left for it: the body goes the other way

    def poured(self, size_bytes: int) -> None:
        """Take note of bytes of the body that were read from the tap."""
        self._moved_bytes += size_bytes
        self._is_alive = True
        self._framing.count(size_bytes)

    @property
    def has_unread(self) -> bool:
        """Whether bytes of the body have been read from the socket and not been passed on."""
        return self._framing.has_unread

    def read_body(self) -> None:
        """Let the client send its body, telling it so if it waits for that."""
        if self._framing.wants_continue:
            self._replies.inform(100)
        self._phase = Phase.BODY
        is_counted = self._framing.left_bytes is not None
        self._read_portions_of(LARGE_READ_BYTES if is_counted else SMALL_READ_BYTES)
        self.go_on()

    def _read_portions_of(self, size_bytes: int) -> None:
        self.pace.read_portions_of(LEAST_READ_BYTES if self.site.budget.is_full else size_bytes)

    def go_on(self) -> None:
        """Go on with what has come, and read the socket again: it is the client's turn."""
        self._is_full = False
        self.pace.release()
        self._advance()

    def hold(self) -> None:
        """Read no more of the body until `go_on`."""
        self._is_full = True
        self.pace.hold()
        if self.site.budget.is_full:
            self.pace.read_portions_of(LEAST_READ_BYTES)

    def work(self) -> None:
        """Read nothing until the answer is sent."""
        self._phase = Phase.WORKING
        self.pace.hold()

    def add_always(self, fields: Sequence[tuple[str, str]]) -> None:
        """Have fields in every response to this request, interim and refusing ones too."""
        self._replies.always.extend(fields)

    def inform(self, status: int, fields: Sequence[tuple[str, str]]) -> None:
        """Send an interim response, where the client knows such (RFC 9110 section 15.2)."""
        if not self.is_open or self.request is None or self.request.http_version < b"1.1":
            return
        if self._outbox.is_empty:  # who does not read what came before needs no further news
            self._replies.inform(status, self._located(fields))

    def respond(self, status: int, fields: Sequence[tuple[str, str]], content: bytes = b"") -> None:
        """Answer with a short body, or with none for 204 and 304."""
        if status not in {204, 304}:
            fields = [*fields, ("Content-Length", str(len(content)))]
        self.begin_response(status, fields)
        if content and not self.is_head:
            self._replies.data(content)
        self.end_response()

    @property
    def _is_last(self) -> bool:
        """Whether no request is heard after this one; a surplus connection must not stay one."""
        return self.site.is_closing or self.is_surplus

    @property
    def is_head(self) -> bool:
        """Whether the answer must not have a body (RFC 9110 section 9.3.2)."""
        return self.request is not None and self.request.method == b"HEAD"

    def begin_response(self, status: int, fields: Sequence[tuple[str, str]]) -> None:
        """Send the head of the answer."""
        close = self._is_last or not self._framing.is_body_read
        self._read_portions_of(SMALL_READ_BYTES)
        self._replies.begin(status, self._located(fields), close=close)

    def _located(self, fields: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        target = b"/" if self.request is None else self.request.target
        return located(fields, target, self.site.config.public_url)

    def send_data(self, data: bytes) -> None:
        """Send a piece of the answer's body."""
        self._moved_bytes += len(data)
        self._replies.data(data)

    def end_response(self) -> None:
        """End the answer, and go on when the client has taken it."""
        self._replies.end()
        self._exchange = None
        if not self._outbox.is_empty:
            self._phase = Phase.FLUSHING
            self.pace.hold()
            self.pace.expect_client()
        self._outbox.call_when_empty(self._answer_is_out)

    def _answer_is_out(self) -> None:
        """Go on: to the next request, to lingering, or to the end."""
        if self._phase in {Phase.CLOSING, Phase.CLOSED}:
            return
        if self._framing.is_reusable and not self._is_last:
            self._framing.next_cycle()
            self.request = None
            self.pace.waited_seconds = 0.0
            self._phase = Phase.HEAD
            self._read_portions_of(SMALL_READ_BYTES)
            self.go_on()
        elif self._framing.is_body_read:
            self._close()
        else:
            self._phase = Phase.LINGERING
            self._framing.discard()
            self._outbox.finish()
            self.pace.linger(briefly=self._is_leaving)

    def refuse(self, refusal: Refusal, *, tell: bool = True) -> None:
        """Answer with an error; the exchange is over.

        Args:
            refusal: What to answer.
            tell: Whether this is an event of its own.
        """
        if tell:
            request = self.request
            self.site.tell(
                Refused(
                    method=request.method.decode() if request else "-",
                    target=shown_target(request.target) if request else "-",
                    status=refusal.status,
                    reason=refusal.reason,
                    peer=self.peer,
                )
            )
        if not self._framing.can_respond:
            self.abort(refusal.reason)
            return
        self._phase = Phase.WORKING
        media_type, content = refusal.content
        fields = [*refusal.fields, ("Content-Type", media_type)]
        self.respond(refusal.status, fields, content)

    def fail(self, failure: Failure) -> None:
        """Answer a call that failed: as it says if it is a `Refusal`, else with 500.

        Where that cannot be written either, the connection is aborted.
        """
        try:
            self._fail(failure)
        except Exception:  # noqa: BLE001 - whatever it is, the connection must not stay
            _log.failure("filebody receiver: an answer could not be written")
            self.abort("the answer could not be written")

    def _fail(self, failure: Failure) -> None:
        error = failure.value
        if isinstance(error, OSError):
            error = refusal_of(error, "")
        if not isinstance(error, Refusal):
            _log.failure("filebody receiver: a request failed", failure)
            error = Refusal(500, "the receiver failed; its log says more")
            self._lose_exchange(error.reason)
        elif error.status >= 500:
            _log.error("filebody receiver: {peer}: {reason}", peer=self.peer, reason=error.reason)
        if self.is_open:
            self.refuse(error)

    def register(self, producer: IPushProducer) -> None:
        """Let the transport set the pace of a producer."""
        self._outbox.attach(producer)

    def unregister(self) -> None:
        """End that."""
        self._outbox.detach()

    def abort(self, reason: str) -> None:
        """Close now, whatever is under way."""
        self._lose_exchange(reason)
        if self._phase is not Phase.CLOSED and not self._is_aborted:
            self._phase = Phase.CLOSING
            self._is_aborted = True
            self._leave()
            self._outbox.drop()
            self.pace.expect_nothing()
            self.transport.abortConnection()

    def _leave(self) -> None:
        """Take no place any more, though the connection is not gone yet."""
        if not self._is_leaving:
            self._is_leaving = True
            self.site.leaving += 1

    def _close(self) -> None:
        """Close when what was written is sent."""
        self._phase = Phase.CLOSING
        self._outbox.call_when_empty(self._close_now)

    def _close_now(self) -> None:
        self._outbox.finish()
        self.pace.close()

    def _lose_exchange(self, reason: str) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.lost(reason)

    def _write(self, data: bytes) -> None:
        self._outbox.write(data)
