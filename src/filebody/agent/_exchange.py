"""One request and its response on one wire: how it goes, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from filebody.agent import _parser as parser
from filebody.agent._engine import Engine
from filebody.agent._options import Informational
from filebody.agent._phase import OPEN, SENDS, TABLE, Event, Phase
from filebody.agent._rate import RateLimits
from filebody.agent._reports import Reports
from filebody.agent._response import Response, until_close, whole
from filebody.agent._stall import LOOKS, StallWatch
from filebody.agent._terms import ExchangeOwner, Terms
from filebody.agent._tls import is_cut
from filebody.agent._wire import Wire
from filebody.agent._writer import BodyWriter, Pumped
from filebody.errors import (
    BodyStopped,
    ChunkedNotSupported,
    ConnectionLost,
    EarlySuccess,
    ProtocolError,
    ResponseTimeout,
    StallTimeout,
)

__all__ = ["Exchange"]

_log = Logger()

_RECEIVE_BYTES = 1 << 15
_RECEIVES_PER_TURN = 8
# How much of a response waits for somebody who wants it, before the network has to.
_BUFFER_BYTES = 1 << 16
# Some servers report progress by them, several times a second for hours.
_MAX_INTERIM = 100_000


class Exchange:
    """One exchange; `start` begins it.

    Args:
        engine: What the connections of an agent share.
        wire: Where to.
        terms: What to do.
        owner: Is told of it.

    Attributes:
        sent_bytes: How many bytes of the body the wire has taken.
        has_begun_body: Whether the producer was started.
        has_heard: Whether a byte of a response came.
    """

    __slots__ = (
        "_body_is_out",
        "_engine",
        "_has_begun",
        "_interim_count",
        "_is_asked_for",
        "_is_cut",
        "_is_due",
        "_is_heard",
        "_owner",
        "_phase",
        "_reports",
        "_response",
        "_running",
        "_stall",
        "_terms",
        "_waits_in",
        "_wire",
        "_writer",
        "has_begun_body",
        "has_heard",
    )

    def __init__(self, engine: Engine, wire: Wire, terms: Terms, owner: ExchangeOwner) -> None:
        self._engine = engine
        self._wire = wire
        self._terms = terms
        self._owner = owner
        self._phase = Phase.EXPECTING if terms.head.expects else Phase.SENDING
        self._stall = StallWatch()
        self._response: Response | None = None
        self._is_heard = terms.options.listener is not None
        self._is_due = False
        self._is_asked_for = False
        self._is_cut = False
        self._has_begun = False
        self._waits_in: Phase | None = None
        self._interim_count = 0
        self._body_is_out = False
        self.has_begun_body = False
        self.has_heard = False
        limits = (engine.rate_limit, terms.options.rate_limit)
        self._writer = BodyWriter(
            engine,
            wire,
            self,
            head=terms.head.data,
            length=terms.length,
            source=terms.source,
            limit=RateLimits(limits) if any(limits) else None,
            hashing=None if terms.digest is None else terms.digest.hashing,
        )
        self._reports: Reports | None = None
        if terms.options.on_progress is not None and terms.producer is not None:
            self._reports = Reports(
                engine.reactor, terms.options.on_progress, terms.producer.length, self._sizes
            )
        self._running: Deferred[Response] = Deferred(self._cancelled)

    @property
    def expects(self) -> bool:
        """Whether it asked for a 100 (Continue)."""
        return self._terms.head.expects

    @property
    def is_unsent(self) -> bool:
        """Whether not a single byte was sent, for sure: nobody can have heard of it."""
        if not self._has_begun:
            return True
        # Of what TLS was given when it failed, some may be out.
        return not self._wire.is_tls and not self._writer.outbox.wire_bytes

    @property
    def sent_bytes(self) -> int:
        """How many bytes of the body the wire has taken."""
        return self._writer.outbox.body_bytes

    def start(self) -> Deferred[Response]:
        """Send the request.

        Returns:
            Fires with the response when its head came (and the body is out, if it is a success);
            the body of the response follows. Fails with a `TransferError`, with what made the body
            fail, or with `CancelledError` when it is cancelled; then the connection is aborted,
            and the producer stopped.
        """
        self._wire.owner = self
        self._wire.want_read(True)
        self._engine.turns.take(self._first_turn)
        return self._running

    def _first_turn(self) -> None:
        self._guarded(self._begin)

    def _body_turn(self) -> None:
        self._guarded(self._send_body)

    def _write_turn(self) -> None:
        self._guarded(self.writable)

    def _guarded(self, call: Callable[[], None]) -> None:
        """Have an exception end the exchange: a producer may raise in any of its methods."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - it goes to the caller
            self._fail(error)

    def _begin(self) -> None:
        if self._phase not in OPEN:
            return
        self._has_begun = True
        self._wire.parser.expect(self._terms.request.method)
        self._stall.begin(self._engine.reactor.seconds())
        if self._is_heard:
            self._owner.tell("request_sent", head=self._terms.head.data)
        if self._phase is Phase.EXPECTING:
            self._writer.outbox.keep_front()
            self._wire.patience.set(self._terms.options.timeouts.continue_seconds)
            self.writable()
        else:
            self._send_body()

    # What the wire says.

    def readable(self) -> None:
        """See `WireOwner.readable`."""
        if not self._has_begun:
            # Nobody asked for it: it may be an end, or what is said before one.
            if self._phase in OPEN and self._wire.has_input():
                self._lost(None)
            return
        self._receive()
        if self._phase in OPEN:
            self._wire.want_read(self._wants_read())
        if self._is_due:
            self._hand_over()

    def writable(self) -> None:
        """See `WireOwner.writable`."""
        if self._phase in OPEN:
            self._pump()
        if self._is_due:
            self._hand_over()

    def disconnected(self) -> None:
        """See `WireOwner.disconnected`."""
        if self._phase in OPEN:
            self._read_out(None)
        if self._is_due:
            self._hand_over()

    def failed(self, error: Exception) -> None:
        """See `WireOwner.failed`."""
        self._fail(error)

    def expired(self) -> bool:
        """See `WireOwner.expired`: whether to look again after the same time."""
        timeouts = self._terms.options.timeouts
        if self._phase is Phase.EXPECTING:
            self._move(Event.GO)
            self._engine.turns.take(self._body_turn)
        elif self._phase is Phase.AWAITING:
            reason = f"no answer within {timeouts.response_seconds:g} s of the last byte"
            self._fail(self._error(ResponseTimeout, reason))
        elif self._phase in SENDS:
            return self._look(timeouts.stall_seconds or 0.0)
        elif self._phase in OPEN:
            reason = f"the response stood still for {timeouts.stall_seconds:g} s"
            self._fail(self._error(StallTimeout, reason))
        return False

    # What the writer says.

    def body_ready(self) -> None:
        """See `WriterOwner.body_ready`."""
        if self._phase in SENDS:
            self._engine.turns.take(self._write_turn)

    def body_failed(self, failure: Failure) -> None:
        """See `WriterOwner.body_failed`."""
        self._fail(failure.value or RuntimeError("a body failed"))

    def body_stopped(self) -> None:
        """See `WriterOwner.body_stopped`."""
        self._fail(BodyStopped(self._terms.source, self.sent_bytes))

    # What the response says.

    def flow(self) -> None:
        """See `BodySource.flow`."""
        if self._phase in OPEN:
            self._wire.want_read(self._wants_read())
            self._waits_in = None
            self._wait()

    def abort(self, error: BaseException) -> None:
        """See `BodySource.abort`."""
        self._fail(error)

    @property
    def later(self) -> Callable[[Callable[[], None]], None]:
        """See `BodySource.later`."""
        return self._engine.turns.later

    # Sending.

    def _pump(self) -> None:
        try:
            outcome = self._writer.pump()
        except OSError as error:
            # The response may have come before the connection broke.
            self._read_out(error)
            return
        if self._phase not in OPEN:
            return
        if self._reports is not None:
            self._reports.moved()
        self._wire.want_write(outcome is Pumped.FULL or outcome is Pumped.SLICE)
        if outcome is Pumped.OUT:
            self._body_out()

    def _send_body(self) -> None:
        if self._phase not in SENDS:  # it ended while this stood in line
            return
        producer = self._terms.producer
        if producer is None:
            self._writer.complete(())
            self.writable()
            return
        self.has_begun_body = True
        if self._terms.begun is not None:
            self._terms.begun()
        self._writer.registerProducer(producer, True)
        try:
            done = producer.startProducing(self._writer)
        except Exception as error:  # noqa: BLE001 - it goes to the caller
            self._fail(error)
            return
        done.addCallbacks(self._produced, self._not_produced)
        self.writable()
        if self._phase in SENDS:
            self._wait()

    def _produced(self, _: object) -> None:
        if self._phase not in SENDS:
            return
        try:
            digest = self._terms.digest
            self._writer.complete(() if digest is None else digest.trailers())
        except Exception as error:  # noqa: BLE001 - WrongBodyLength; it goes to the caller
            self._fail(error)

    def _not_produced(self, failure: Failure) -> None:
        self._fail(failure.value or RuntimeError("a body failed"))

    def _body_out(self) -> None:
        if self._body_is_out:
            return
        self._body_is_out = True
        self._writer.unregisterProducer()
        if self._is_heard and self._terms.producer is not None:
            self._owner.tell("body_sent", sent_bytes=self.sent_bytes)
        self._move(Event.BODY_OUT)
        if self._phase is Phase.DONE:
            self._end()
        elif self._phase is Phase.DELIVERING:
            self._is_due = True
            if self._is_cut:
                self._lost(None)
        self._wait()

    def _look_whether_it_is_out(self) -> None:
        """All was sent, but the turn ended before that was noticed, and the server was faster."""
        try:
            outcome = self._writer.pump()
        except OSError:
            return  # the response says more than that
        if outcome is Pumped.OUT:
            self._body_out()

    def _stop_sending(self) -> None:
        """The server does not want the rest."""
        self._writer.close()
        self._wire.want_write(False)
        # What was not begun may be sent somewhere else.
        if self._terms.producer is not None and self.has_begun_body:
            _quietly(self._terms.producer.stopProducing)

    # Receiving.

    def _wants_read(self) -> bool:
        response = self._response
        if self._is_cut:
            return False
        if response is None or response.is_wanted:
            return True
        return not response.is_paused and response.buffered_bytes < _BUFFER_BYTES

    def _receive(self) -> None:
        """Take in what is there, for a while: a peer may send faster than this reads."""
        for _ in range(_RECEIVES_PER_TURN):
            if self._phase not in OPEN or not self._wants_read():
                return
            try:
                data = self._wire.receive(_RECEIVE_BYTES)
            except OSError as error:
                self._lost(error)
                return
            if data is None:
                return
            self._received(data)
            if not data or (len(data) < _RECEIVE_BYTES and not self._wire.is_tls):
                return
        self._wire.read_later()

    def _received(self, data: bytes) -> None:
        if not data:
            self._lost(None)
            return
        self.has_heard = True
        for event in self._wire.parser.feed(data):
            if self._phase not in OPEN:
                return
            self._heard(event)
        if self._is_asked_for:
            # Only now: right behind the 100 may stand a refusal, which a failing send would hide.
            self._is_asked_for = False
            self._send_body()
        if self._phase in OPEN:
            self._wait()

    def _heard(self, event: parser.ParserEvent) -> None:
        if isinstance(event, bytes):
            self._waits_in = None  # a piece: the next one has its full time
            response = self._known_response()
            response.received(event)
            if self._phase is Phase.HOLDING and response.buffered_bytes >= _BUFFER_BYTES:
                self._is_due = True  # it may talk while it listens
        elif isinstance(event, parser.End):
            if event.trailers:
                self._known_response().trailers_came(event.trailers)
            self._move(Event.END)
            if self._phase is Phase.DONE:
                self._end()
        elif isinstance(event, parser.Broken):
            reason = f"what answered is not HTTP/1.1: {event.reason}"
            self._fail(self._error(ProtocolError, reason))
        elif event.status < 200:
            self._interim(event)
        else:
            self._final(event)

    def _interim(self, head: parser.Head) -> None:
        self._interim_count += 1
        if self._interim_count > _MAX_INTERIM:
            reason = f"more than {_MAX_INTERIM:,} interim responses to one request"
            self._fail(self._error(ProtocolError, reason))
            return
        if self._is_heard:
            self._owner.tell("informational", status=head.status)
        on_informational = self._terms.options.on_informational
        if on_informational is not None:
            fields = tuple((name.lower(), value) for name, value in head.fields)
            told = Informational(head.status, fields)
            _quietly(lambda: on_informational(told))
        if head.status == 100 and self._phase is Phase.EXPECTING:
            self._move(Event.GO)
            self._is_asked_for = True

    def _final(self, head: parser.Head) -> None:
        all_is_sent = self.sent_bytes == self._terms.length or self._writer.has_sent_all
        if self._phase is Phase.SENDING and all_is_sent:
            self._look_whether_it_is_out()
            if self._phase not in OPEN:
                return
        if self._is_heard:
            self._owner.tell("first_byte", status=head.status)
        self._response = Response(head, self._terms.request, self)
        if self._phase is Phase.EXPECTING and head.status < 300:
            # It does not want the body, and has nothing of it: an upload cannot have succeeded.
            self._fail(EarlySuccess(self._terms.request.target.url, 0, head.status))
            return
        if self._is_chunked_in_vain(head):
            self._fail(
                ChunkedNotSupported(self._response.url, head.status, response=self._response)
            )
            return
        self._move(Event.ACCEPTED if head.status < 300 else Event.REFUSAL)
        if self._phase is Phase.REFUSED:
            self._stop_sending()
            self._is_due = True
        elif self._phase is Phase.DELIVERING:
            self._is_due = True

    def _is_chunked_in_vain(self, head: parser.Head) -> bool:
        """Return whether this calls a body stored whose chunks the server may not have read."""
        is_chunked = self._terms.producer is not None and self._terms.length is None
        return (
            is_chunked and head.version[1:] < (1, 1) and (head.status < 300 or head.status == 303)
        )

    def _known_response(self) -> Response:
        if self._response is None:
            raise RuntimeError("there is no response yet")
        return self._response

    def _hand_over(self) -> None:
        """Hand the response over; its body follows, or is there already.

        It is the last thing to be done: what came with the head was read, and who uses this
        connection next finds it free.
        """
        self._is_due = False
        if self._reports is not None:
            self._end_reports()
        if not self._running.called:
            self._running.callback(self._known_response())

    # Ends.

    def _end(self) -> None:
        """The response is complete."""
        wire = self._wire
        is_reusable = self._body_is_out and wire.parser.is_reusable and not self._terms.head.closes
        self._leave(is_reusable=is_reusable, orderly=self._body_is_out)
        self._is_due = True
        self._known_response().finished(whole)
        if self._is_heard:
            self._owner.tell("ended", error=None)

    def _read_out(self, error: OSError | None) -> None:
        """The connection is broken: what had come before that can still be read."""
        while self._phase in OPEN:
            try:
                data = self._wire.receive(_RECEIVE_BYTES)
            except OSError as fault:
                error = error or fault
                data = b""
            if not data:
                break
            self._received(data)
        if self._phase in OPEN:
            self._lost(error)

    def _lost(self, error: OSError | None) -> None:
        """There will be no more bytes from the peer."""
        if self._phase in (Phase.HOLDING, Phase.HELD) and self._writer.has_sent_all:
            self._look_whether_it_is_out()
        if self._phase not in OPEN:
            return
        response = self._response
        if (
            response is not None
            and self._wire.parser.ends_by_close
            # RFC 9112 section 8: whole, unless the connection indicated an error. A server that
            # refuses a body and closes resets the connection if a part of the body was unread.
            and (
                (self._phase is Phase.DELIVERING and error is None) or self._phase is Phase.REFUSED
            )
        ):
            self._move(Event.END)
            self._leave(is_reusable=False, orderly=self._body_is_out)
            self._is_due = True
            response.finished(until_close)
            if self._is_heard:
                self._owner.tell("ended", error=None)
        elif (
            self._phase in (Phase.HOLDING, Phase.HELD)
            and (error is None or is_cut(error))
            and self.sent_bytes == self._terms.length
        ):
            # The server has all of it, and was faster than the turn in which the producer looks
            # whether that is what it should be.
            self._is_cut = True
            self._wire.want_read(False)
        elif self._phase in (Phase.HOLDING, Phase.HELD) and response is not None:
            self._fail(EarlySuccess(self._terms.request.target.url, self.sent_bytes, response.code))
        elif response is not None:
            self._fail(self._error(ConnectionLost, "the connection ended within the response"))
        else:
            said = f" ({error.strerror})" if error is not None and error.strerror else ""
            said = " (TLS was cut)" if is_cut(error) else said
            reason = "the server closed the connection before it had everything"
            if self._body_is_out or self.sent_bytes == self._terms.length:
                reason = "the server closed the connection without an answer"
            self._fail(self._error(ConnectionLost, f"{reason}{said}"))

    def _cancelled(self, _: Deferred[Response]) -> None:
        self._fail(CancelledError())

    def _fail(self, error: BaseException) -> None:
        """End it with `error`: the server never sees a complete request, nothing is left."""
        if self._phase not in OPEN:
            return
        self._move(Event.ERROR)
        self._leave(is_reusable=False, orderly=False)
        producer = self._terms.producer
        if producer is not None and self.has_begun_body and not self._body_is_out:
            _quietly(producer.stopProducing)
        failure = Failure(error)
        if self._is_due and not isinstance(error, CancelledError):
            self._hand_over()  # it has a head, and this is what becomes of its body
        self._is_due = False
        if not self._running.called:
            self._running.errback(failure)
        elif self._response is not None:
            self._response.finished(lambda: failure)
        told = error if isinstance(error, Exception) else None
        if self._is_heard:
            self._owner.tell("ended", error=told)

    def _leave(self, *, is_reusable: bool, orderly: bool) -> None:
        """Let go of the wire."""
        if self._reports is not None:
            self._end_reports()
        self._writer.close()
        wire = self._wire
        wire.patience.set(None)
        wire.want_write(False)
        if not is_reusable:
            if orderly:
                wire.close()
            else:
                wire.abort()
        self._owner.ended(wire, is_reusable=is_reusable)

    def _move(self, event: Event) -> None:
        self._phase = TABLE[self._phase, event]

    def _error(self, kind: type[Any], reason: str) -> Exception:
        error: Exception = kind(self._terms.request.target.url, self.sent_bytes, reason)
        return error

    # Time.

    def _wait(self) -> None:
        """Set the time limit of the phase, when the phase begins.

        Whatever else comes changes nothing: a peer that sends interim responses, or its head byte
        by byte, does not put the end off. In a response the limit counts from its last piece.
        """
        if self._phase is self._waits_in:
            return
        self._waits_in = self._phase
        timeouts = self._terms.options.timeouts
        if self._phase is Phase.AWAITING:
            self._wire.patience.set(timeouts.response_seconds)
        elif self._phase in SENDS:
            self._wire.patience.set(timeouts.stall_seconds, looks=LOOKS)
        elif self._phase in (Phase.DELIVERING, Phase.REFUSED):
            paused = self._response is not None and self._response.is_paused
            self._wire.patience.set(None if paused else timeouts.stall_seconds)

    def _look(self, seconds: float) -> bool:
        """Whether the peer still takes what is sent; if not, it is the end."""
        queued = self._wire.queued_bytes()
        if self._stall.is_stalled(
            self._engine.reactor.seconds(),
            acknowledged=self._writer.outbox.wire_bytes - queued,
            has_all=self._writer.is_dry and not queued,
            seconds=seconds,
        ):
            self._fail(self._error(StallTimeout, f"the server took nothing for {seconds:g} s"))
            return False
        return True

    def _end_reports(self) -> None:
        reports, self._reports = self._reports, None
        if reports is not None:
            reports.close()

    def _sizes(self) -> tuple[int, int]:
        """How many bytes of the body the wire has taken, and how many the peer acknowledged."""
        sent = self.sent_bytes
        return sent, max(0, sent - self._wire.queued_bytes())


def _quietly(call: Callable[[], object]) -> None:
    """Call what belongs to the user; what it raises is logged and changes nothing."""
    try:
        call()
    except Exception:  # noqa: BLE001
        _log.failure("a callback of an upload failed")
