"""One request and its response on one wire: how it goes, and how it ends."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from typing import Any

import attrs
import h11
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

from filebody.agent._content import Producer
from filebody.agent._digest import DigestField
from filebody.agent._engine import Engine
from filebody.agent._fields import Head
from filebody.agent._options import Informational, Options
from filebody.agent._patience import Patience
from filebody.agent._phase import OPEN, SENDS, TABLE, Event, Phase
from filebody.agent._rate import RateLimits
from filebody.agent._response import ClientRequest, Response, whole
from filebody.agent._wire import Wire
from filebody.agent._writer import BodyWriter, Pumped
from filebody.errors import (
    BodyStopped,
    ConnectionLost,
    EarlySuccess,
    ProtocolError,
    ResponseTimeout,
    StallTimeout,
)
from filebody.progress import Progress

__all__ = ["Exchange", "Terms"]

_log = Logger()

_RECEIVE_BYTES = 1 << 15
# How much of a response waits for somebody who wants it, before the network has to.
_BUFFER_BYTES = 1 << 16
_PROGRESS_SECONDS = 0.1
# A look at what the peer has acknowledged is a system call: so many in the time of a stall.
_STALL_LOOKS = 4


@attrs.frozen(kw_only=True)
class Terms:
    """What an exchange is to do.

    Attributes:
        head: The request up to its body.
        request: The same for the response.
        producer: Of the body, or None.
        length: Of the body in bytes; None to send it in chunks.
        begun: Called when the producer is started, or None.
        url: Where to, for messages.
        options: The user's.
        tell: Called with the name of a method of `ExchangeListener` and its arguments.
        digest: What goes with the body, or None.
        finished: Called once with the wire's fate: whether another exchange may use it.
    """

    head: Head
    request: ClientRequest
    producer: Producer | None
    length: int | None
    begun: Callable[[], None] | None
    url: str
    options: Options
    tell: Callable[..., None]
    digest: DigestField | None
    finished: Callable[[bool], None]


class Exchange:
    """One exchange; `start` begins it.

    Args:
        engine: What the connections of an agent share.
        wire: Where to.
        terms: What to do.

    Attributes:
        sent_bytes: How many bytes of the body the wire has taken.
        has_begun_body: Whether the producer was started.
        has_heard: Whether a byte of a response came.
    """

    __slots__ = (
        "_acknowledged",
        "_begun",
        "_body_is_out",
        "_engine",
        "_fired",
        "_head",
        "_is_cut",
        "_moved",
        "_patience",
        "_phase",
        "_reported",
        "_reporting",
        "_response",
        "_running",
        "_terms",
        "_wire",
        "_writer",
        "has_begun_body",
        "has_heard",
    )

    def __init__(self, engine: Engine, wire: Wire, terms: Terms) -> None:
        self._engine = engine
        self._wire = wire
        self._terms = terms
        self._begun = time.monotonic()
        self._reported = 0.0
        self._reporting: Any = None
        self._phase = Phase.EXPECTING if terms.head.expects else Phase.SENDING
        self._patience = Patience(engine.reactor, self._expired)
        self._acknowledged = -1
        self._moved = engine.reactor.seconds()
        self._response: Response | None = None
        self._fired = False
        self._is_cut = False
        self._body_is_out = False
        self.has_begun_body = False
        self.has_heard = False
        self._head = wire.http.send(terms.head.request) or b""
        limits = (engine.rate_limit, terms.options.rate_limit)
        limit = RateLimits(limits) if any(limits) else None
        self._writer = BodyWriter(
            engine,
            wire,
            self,
            head=self._head,
            length=terms.length,
            source=_source_of(terms.producer),
            limit=limit,
            hashing=None if terms.digest is None else terms.digest.hashing,
        )
        self._running: Deferred[Response] = Deferred(self._cancelled)

    @property
    def expects(self) -> bool:
        """Whether it asked for a 100 (Continue)."""
        return self._terms.head.expects

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
        self._wire.exchanges += 1
        self._wire.want_read(True)
        self._terms.tell("request_sent", head=self._head)
        self._head = b""
        if self._phase is Phase.EXPECTING:
            self._writer.outbox.keep_front()
            self._patience.set(self._terms.options.timeouts.continue_seconds)
            self.writable()
        else:
            self._send_body()
        return self._running

    # What the wire says.

    def readable(self) -> None:
        """See `WireOwner.readable`."""
        while self._phase in OPEN and self._wants_read():
            try:
                data = self._wire.receive(_RECEIVE_BYTES)
            except OSError as error:
                self._lost(error)
                return
            if data is None:
                break
            self._received(data)
            if not data or (len(data) < _RECEIVE_BYTES and not self._wire.is_tls):
                break
        if self._phase in OPEN:
            self._wire.want_read(self._wants_read())

    def writable(self) -> None:
        """See `WireOwner.writable`."""
        if self._phase not in OPEN:
            return
        try:
            outcome = self._writer.pump()
        except OSError as error:
            # The response may have come before the connection broke.
            self._read_out(error)
            return
        if self._phase not in OPEN:
            return
        self._report()
        self._wire.want_write(outcome in (Pumped.FULL, Pumped.SLICE))
        if outcome is Pumped.OUT:
            self._body_out()

    def disconnected(self) -> None:
        """See `WireOwner.disconnected`."""
        if self._phase in OPEN:
            self._read_out(None)

    # What the writer says.

    def body_ready(self) -> None:
        """See `WriterOwner.body_ready`."""
        if self._phase in SENDS:
            self._engine.turns.take(self._pump_in_turn)

    def body_failed(self, failure: Failure) -> None:
        """See `WriterOwner.body_failed`."""
        self._fail(failure.value or RuntimeError("a body failed"))

    def body_stopped(self) -> None:
        """See `WriterOwner.body_stopped`."""
        self._fail(BodyStopped(_source_of(self._terms.producer), self.sent_bytes))

    # What the response says.

    def flow(self) -> None:
        """See `BodySource.flow`."""
        if self._phase in OPEN:
            self._wire.want_read(self._wants_read())
            self._wait()

    def abort(self, error: BaseException) -> None:
        """See `BodySource.abort`."""
        self._fail(error)

    # Sending.

    def _pump_in_turn(self) -> None:
        if self._phase in SENDS:
            self.writable()

    def _send_body(self) -> None:
        producer = self._terms.producer
        self._wait()
        if producer is None:
            self._writer.complete(())
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
        done.addCallbacks(self._produced, lambda failure: self._fail(failure.value))
        self.body_ready()

    def _produced(self, _: object) -> None:
        if self._phase not in SENDS:
            return
        try:
            digest = self._terms.digest
            self._writer.complete(() if digest is None else digest.trailers())
        except Exception as error:  # noqa: BLE001 - WrongBodyLength; it goes to the caller
            self._fail(error)

    def _body_out(self) -> None:
        if self._body_is_out:
            return
        self._body_is_out = True
        self._writer.unregisterProducer()
        if self._terms.producer is not None:
            self._terms.tell("body_sent", sent_bytes=self.sent_bytes)
        self._move(Event.BODY_OUT)
        if self._phase is Phase.DONE:
            self._end()
        elif self._phase is Phase.DELIVERING:
            self._fire()
            if self._is_cut:
                self._lost(None)
        self._wait()

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

    def _received(self, data: bytes) -> None:
        if data:
            # h11 would wait for the end of a head, which a server of mail, say, never sends.
            if not self.has_heard and not b"HTTP/".startswith(data.lstrip(b"\r\n")[:5]):
                reason = f"what answered is not HTTP/1.1: it begins with {bytes(data[:20])!r}"
                self._fail(self._error(ProtocolError, reason))
                return
            self.has_heard = True
        http = self._wire.http
        try:
            http.receive_data(data)
            while self._phase in OPEN:
                event = http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    break
                if isinstance(event, h11.ConnectionClosed):
                    self._lost(None)
                    break
                self._heard(event)
        except h11.RemoteProtocolError as error:
            self._broken(error, is_end=not data)
        if self._phase in OPEN:
            if not data and http.their_state is not h11.DONE:
                self._lost(None)
            else:
                self._wait()

    def _heard(self, event: Any) -> None:
        if isinstance(event, h11.Data):
            response = self._known_response()
            response.received(bytes(event.data))
            if self._phase is Phase.HOLDING and response.buffered_bytes >= _BUFFER_BYTES:
                self._fire()  # it may talk while it listens
        elif isinstance(event, h11.EndOfMessage):
            trailers = self._known_response().trailers
            for name, value in event.headers:
                trailers.addRawHeader(name, value)
            self._move(Event.END)
            if self._phase is Phase.DONE:
                self._end()
        elif isinstance(event, h11.InformationalResponse):
            self._interim(event)
        elif isinstance(event, h11.Response):
            self._final(event)

    def _interim(self, event: h11.InformationalResponse) -> None:
        if event.status_code == 101:
            self._fail(self._error(ProtocolError, "it switched protocols, which nobody asked for"))
            return
        self._terms.tell("informational", status=event.status_code)
        told = Informational(event.status_code, tuple(event.headers))
        if self._terms.options.on_informational is not None:
            _quietly(lambda: self._terms.options.on_informational(told))  # type: ignore[misc]
        if event.status_code == 100 and self._phase is Phase.EXPECTING:
            self._move(Event.GO)
            self._send_body()

    def _final(self, event: h11.Response) -> None:
        was_expecting = self._phase is Phase.EXPECTING
        self._report(at_once=True)
        self._terms.tell("first_byte", status=event.status_code)
        headers = Headers()
        for name, value in event.headers.raw_items():
            headers.addRawHeader(name, value)
        version = event.http_version.split(b".")
        self._response = Response(
            version=(b"HTTP", int(version[0]), int(version[1])),
            code=event.status_code,
            phrase=bytes(event.reason),
            headers=headers,
            length=_length_of(event, self._terms.request.method),
            request=self._terms.request,
            url=self._terms.url,
            source=self,
        )
        self._move(Event.ACCEPTED if event.status_code < 300 else Event.REFUSAL)
        if self._phase is Phase.REFUSED:
            self._stop_sending()
            self._fire()
        elif self._phase is Phase.DELIVERING:
            self._fire()
        elif was_expecting:
            self._send_body()

    def _known_response(self) -> Response:
        if self._response is None:
            raise RuntimeError("there is no response yet")
        return self._response

    def _fire(self) -> None:
        """Hand the response over; its body follows, or is there already."""
        if not self._fired:
            self._fired = True
            # In the next turn: what came with the head is read before, and who uses this
            # connection next finds it free.
            self._engine.turns.later(self._hand_over)

    def _hand_over(self) -> None:
        if not self._running.called:
            self._running.callback(self._known_response())

    # Ends.

    def _end(self) -> None:
        """The response is complete."""
        response = self._known_response()
        http = self._wire.http
        is_reusable = (
            self._body_is_out
            and http.our_state is h11.DONE
            and http.their_state is h11.DONE
            and not http.trailing_data[0]
        )
        by_close = http.their_state is h11.MUST_CLOSE and self._is_delimited_by_close()
        if is_reusable:
            http.start_next_cycle()
        self._leave(is_reusable=is_reusable, orderly=self._body_is_out)
        self._fire()
        response.finished(Failure(PotentialDataLoss()) if by_close else whole())
        self._terms.tell("ended", error=None)

    def _is_delimited_by_close(self) -> bool:
        response = self._known_response()
        return response.length is UNKNOWN_LENGTH and not response.headers.hasHeader(
            b"transfer-encoding"
        )

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
        if self._phase not in OPEN:
            return
        response = self._response
        if (
            self._phase in (Phase.REFUSED, Phase.DELIVERING)
            and response is not None
            and self._is_delimited_by_close()
        ):  # by a reset, perhaps: what came is all that there will be
            self._move(Event.END)
            self._leave(is_reusable=False, orderly=self._body_is_out)
            self._fire()
            response.finished(Failure(PotentialDataLoss()))
            self._terms.tell("ended", error=None)
        elif (
            self._phase in (Phase.HOLDING, Phase.HELD)
            and (error is None or isinstance(error, ssl.SSLEOFError))
            and self.sent_bytes == self._terms.length
        ):
            # The server has all of it, and was faster than the turn in which the producer looks
            # whether that is what it should be.
            self._is_cut = True
            self._wire.want_read(False)
        elif self._phase in (Phase.HOLDING, Phase.HELD) and response is not None:
            self._fail(EarlySuccess(self._terms.url, self.sent_bytes, response.code))
        elif response is not None:
            self._fail(self._error(ConnectionLost, "the connection ended within the response"))
        else:
            said = f" ({error.strerror})" if error is not None and error.strerror else ""
            reason = "the server closed the connection before it had everything"
            if self._body_is_out:
                reason = "the server closed the connection without an answer"
            self._fail(self._error(ConnectionLost, f"{reason}{said}"))

    def _broken(self, error: h11.RemoteProtocolError, *, is_end: bool) -> None:
        if is_end:
            self._lost(None)
        else:
            self._fail(self._error(ProtocolError, f"what answered is not HTTP/1.1: {error}"))

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
        if not self._running.called:
            self._running.errback(failure)
        if self._response is not None and self._fired:
            self._response.finished(failure)
        told = error if isinstance(error, Exception) else None
        self._terms.tell("ended", error=told)

    def _leave(self, *, is_reusable: bool, orderly: bool) -> None:
        """Let go of the wire."""
        if self._response is None or not self._body_is_out:
            self._report(at_once=True)
        reporting, self._reporting = self._reporting, None
        if reporting is not None:
            reporting.cancel()
        self._patience.stop()
        self._writer.close()
        wire = self._wire
        wire.want_write(False)
        if not is_reusable:
            if orderly:
                wire.close()
            else:
                wire.abort()
        self._terms.finished(is_reusable)

    def _move(self, event: Event) -> None:
        self._phase = TABLE[self._phase, event]

    def _error(self, kind: type[Any], reason: str) -> Exception:
        error: Exception = kind(self._terms.url, self.sent_bytes, reason)
        return error

    # Time.

    def _wait(self) -> None:
        """Say how long the phase that it is in now may last without an event."""
        timeouts = self._terms.options.timeouts
        if self._phase is Phase.AWAITING:
            self._patience.set(timeouts.response_seconds)
        elif self._phase in SENDS:
            self._patience.set(timeouts.stall_seconds, looks=_STALL_LOOKS)
        elif self._phase in (Phase.DELIVERING, Phase.REFUSED):
            paused = self._response is not None and self._response.is_paused
            self._patience.set(None if paused else timeouts.stall_seconds)

    def _expired(self) -> bool:
        """The time is over; whether to look again after the same time."""
        timeouts = self._terms.options.timeouts
        if self._phase is Phase.EXPECTING:
            self._move(Event.GO)
            self._engine.turns.take(self._send_body)
        elif self._phase is Phase.AWAITING:
            reason = f"no answer within {timeouts.response_seconds:g} s of the last byte"
            self._fail(self._error(ResponseTimeout, reason))
        elif self._phase in SENDS:
            return self._look(timeouts.stall_seconds or 0.0)
        elif self._phase in OPEN:
            reason = f"the response stood still for {timeouts.stall_seconds:g} s"
            self._fail(self._error(StallTimeout, reason))
        return False

    def _look(self, seconds: float) -> bool:
        """Whether the peer has acknowledged anything since the last look."""
        queued = self._wire.queued_bytes()
        acknowledged = self._writer.outbox.wire_bytes - queued
        now = self._engine.reactor.seconds()
        is_waiting_for_source = self._writer.is_dry and not queued
        if acknowledged > self._acknowledged or is_waiting_for_source:
            self._acknowledged = acknowledged
            self._moved = now
        elif now - self._moved >= seconds * (1 - 1 / _STALL_LOOKS):
            self._fail(self._error(StallTimeout, f"the server took nothing for {seconds:g} s"))
            return False
        return True

    def _report(self, *, at_once: bool = False) -> None:
        on_progress = self._terms.options.on_progress
        if on_progress is None or self._terms.producer is None:
            return
        now = time.monotonic()
        if not at_once and now - self._reported < _PROGRESS_SECONDS:
            self._report_later()
            return
        self._reported = now
        length = self._terms.producer.length
        total = None if length is UNKNOWN_LENGTH else int(length)
        sent = self.sent_bytes
        acknowledged = max(0, sent - self._wire.queued_bytes())
        try:
            on_progress(Progress(sent, total, now - self._begun, acknowledged))
        except Exception:  # noqa: BLE001 - the user's mistake must not damage the upload
            _log.failure("on_progress of {url} failed", url=self._terms.url)
        if acknowledged < sent:
            self._report_later()

    def _report_later(self) -> None:
        """What the peer acknowledges makes no event, and the kernel may hold it for long."""
        if self._reporting is None and self._phase in OPEN and self._response is None:
            self._reporting = self._engine.reactor.callLater(_PROGRESS_SECONDS, self._report_now)

    def _report_now(self) -> None:
        self._reporting = None
        self._report(at_once=True)


def _source_of(producer: Producer | None) -> str:
    body = getattr(producer, "body", None)
    return str(getattr(body, "source", None) or type(producer).__name__)


def _length_of(event: h11.Response, method: bytes) -> int | None:
    if method == b"HEAD" or event.status_code in (204, 304):
        return 0
    for name, value in event.headers:
        if name == b"content-length":
            return int(value)
    return None


def _quietly(call: Callable[[], object]) -> None:
    """Call what belongs to the user; what it raises is logged and changes nothing."""
    try:
        call()
    except Exception:  # noqa: BLE001
        _log.failure("a callback of an upload failed")
