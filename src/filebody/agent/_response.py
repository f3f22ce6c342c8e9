"""What the server answered, as Twisted, treq and `readBody` take it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import attrs
from twisted.internet.defer import CancelledError
from twisted.internet.interfaces import IProtocol, IPushProducer, ITransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IClientRequest, IResponse
from zope.interface import implementer

from filebody._redaction import redact_identifiers
from filebody.agent._parser import Head
from filebody.agent._redirect import Request
from filebody.agent._response_failed import response_failed

__all__ = ["BodySource", "ClientRequest", "Response", "until_close", "whole"]

_log = Logger()


@implementer(IClientRequest)
@attrs.frozen
class ClientRequest:
    """What was asked.

    Attributes:
        method: The method.
        absoluteURI: Where, without credentials.
        headers: The fields as they were sent.
    """

    method: bytes
    absoluteURI: bytes  # noqa: N815 - the interface's
    headers: Headers


class BodySource(Protocol):
    """Where the bytes of a response come from: the exchange, as the response sees it."""

    def flow(self) -> None:
        """Whether bytes are wanted may have changed."""

    def abort(self, error: BaseException) -> None:
        """No more are wanted, ever, because of `error`."""

    @property
    def later(self) -> Callable[[Callable[[], None]], None]:
        """Calls what it is given in a later turn of the reactor; it does not hold the source."""


@implementer(IPushProducer)
class _BodyTransport:
    """What the protocol that receives a response's body has as its transport."""

    disconnecting = False

    def __init__(self, response: Response) -> None:
        self._response = response

    def pauseProducing(self) -> None:
        """Let nothing come until `resumeProducing`."""
        self._response._flow(wanted=False)  # noqa: SLF001 - its other half

    def resumeProducing(self) -> None:
        """Let it come again."""
        self._response._flow(wanted=True)  # noqa: SLF001

    def stopProducing(self) -> None:
        """End the connection: no more of it is wanted.

        The protocol's `connectionLost` is called after this returned, in a later turn of the
        reactor, as by every transport of Twisted.
        """
        self._response._leave()  # noqa: SLF001

    def loseConnection(self) -> None:
        """As `stopProducing`."""
        self._response._leave()  # noqa: SLF001

    def abortConnection(self) -> None:
        """End the connection; `connectionLost` is called before this returns.

        Only out of `dataReceived` it is called after that. `twisted.web.client.readBody` relies on
        this when it is cancelled: its Deferred would fire twice otherwise.
        """
        self._response.abort()

    def write(self, data: bytes) -> None:
        """Nothing can be written: the request is out."""

    def writeSequence(self, data: object) -> None:
        """Nothing can be written."""

    def getPeer(self) -> object:
        """Not known here."""
        return None

    def getHost(self) -> object:
        """Not known here."""
        return None


@implementer(IResponse)
class Response:
    """An `IResponse`. Its body waits until `deliverBody`, up to a bound, and then in the network.

    A body that nobody asks for within the stall timeout is given up, with its connection.

    Attributes:
        version: Such as `(b"HTTP", 1, 1)`.
        code: The status code.
        phrase: The reason phrase.
        length: Of the body in bytes, or `UNKNOWN_LENGTH`.
        previousResponse: The redirection that led here, or None.
        url: Where this came from, after redirections.
        attempts: How many attempts were made, this one included.

    Source: `twisted.web.iweb.IResponse`.
    """

    __slots__ = (
        "__provides__",
        "_asked",
        "_buffer",
        "_fields",
        "_headers",
        "_is_handing",
        "_is_leaving",
        "_is_over",
        "_is_paused",
        "_later",
        "_protocol",
        "_reason",
        "_source",
        "_trailers",
        "attempts",
        "code",
        "length",
        "phrase",
        "previousResponse",
        "url",
        "version",
    )

    def __init__(self, head: Head, asked: Request, source: BodySource) -> None:
        self.version = head.version
        self.code = head.status
        self.phrase = head.phrase
        self.length = UNKNOWN_LENGTH if head.length is None else head.length
        self.previousResponse: IResponse | None = None
        self.url = asked.target.url
        self.attempts = 1
        self._trailers: Headers | None = None
        self._asked = asked
        self._fields = head.fields
        self._headers: Headers | None = None
        self._source: BodySource | None = source
        self._later = source.later
        self._buffer: list[bytes] = []
        self._protocol: Any = None
        self._reason: Callable[[], Failure] | None = None
        self._is_over = False
        self._is_paused = False
        self._is_leaving = self._is_handing = False

    def __repr__(self) -> str:
        return f"<Response {self.code} from {self.url}>"

    @property
    def headers(self) -> Headers:
        """The header fields."""
        if self._headers is None:  # many look at the status and at nothing else
            self._headers = Headers()
            for name, value in self._fields:
                self._headers.addRawHeader(name, value)
        return self._headers

    @property
    def request(self) -> ClientRequest:
        """What was asked."""
        asked = self._asked
        return ClientRequest(asked.method, asked.target.url.encode(), asked.headers)

    @property
    def trailers(self) -> Headers:
        """The fields behind a chunked body; empty before its end."""
        if self._trailers is None:
            self._trailers = Headers()
        return self._trailers

    def setPreviousResponse(self, response: IResponse) -> None:
        """See `IResponse.setPreviousResponse`."""
        self.previousResponse = response

    def deliverBody(self, protocol: IProtocol) -> None:
        """Hand the body to `protocol`, from its first byte.

        Its `connectionLost` says how it ended: with `ResponseDone`; with `PotentialDataLoss` if
        only the end of the connection marks the body's end. If the body is not whole, it ends with
        an error that is a `ResponseFailed` and, where the error is ours or `CancelledError`, of
        that type too. Its transport can pause, resume and abort.

        What the protocol raises is logged. Out of `dataReceived` it ends the connection, and the
        protocol is told; out of `connectionLost` it changes nothing.

        The first two are Twisted's, of a module whose import takes 40 ms at the first answer of a
        process. A protocol to which every good end is the same says so by an attribute,
        `takes_any_end = True`, and is told `ConnectionDone` for both.

        Raises:
            RuntimeError: It was handed to somebody already.
        """
        if self._protocol is not None:
            raise RuntimeError("the body of this response was delivered already")
        self._protocol = protocol
        try:
            protocol.makeConnection(cast("ITransport", _BodyTransport(self)))
        except BaseException:
            self._is_over = True
            self.abort()
            raise
        self._flow(wanted=not self._is_paused)

    def abort(self, error: BaseException | None = None) -> None:
        """End the connection if the body has not ended: what did not come is not wanted.

        Args:
            error: What whoever takes the body is told; `CancelledError` by default.
        """
        self._buffer.clear()
        source, self._source = self._source, None
        if source is not None:
            source.abort(error or CancelledError())

    # What the exchange says.

    @property
    def is_wanted(self) -> bool:
        """Whether somebody takes the body, and has not paused it."""
        is_taken = self._protocol is not None and not self._is_leaving
        return is_taken and not (self._is_paused or self._is_over)

    @property
    def is_paused(self) -> bool:
        """Whether who takes the body has paused it."""
        return self._protocol is not None and self._is_paused

    @property
    def buffered_bytes(self) -> int:
        """How much waits here."""
        return sum(map(len, self._buffer))

    @property
    def is_complete(self) -> bool:
        """Whether all of the body came, so that its connection is not needed any more."""
        return self._reason is not None and self._source is None

    def trailers_came(self, fields: Sequence[tuple[bytes, bytes]]) -> None:
        """The body is complete, and these followed it."""
        for name, value in fields:
            self.trailers.addRawHeader(name, value)

    def received(self, data: bytes) -> None:
        """A piece came."""
        self._buffer.append(data)
        self._hand_over()

    def finished(self, reason: Callable[[], Failure]) -> None:
        """There is no more, because of `reason`: `whole`, `until_close`, or what gives another."""
        if self._reason is None:
            self._reason = reason
            self._source = None
            self._hand_over()

    def _flow(self, *, wanted: bool) -> None:
        self._is_paused = not wanted
        self._hand_over()
        if self._source is not None:
            self._source.flow()

    def _leave(self) -> None:
        """The protocol wants no more; it is told of the end later."""
        if self._is_leaving or self._is_over:
            return
        self._is_leaving = True
        self.abort()
        self._later(self._left)

    def _left(self) -> None:
        self._is_leaving = self._is_paused = False
        self._hand_over()

    def _hand_over(self) -> None:
        """Hand over what waits, as long as it is wanted."""
        if self._is_handing:  # the protocol does something from within: go on after that
            return
        self._is_handing = True
        try:
            while self._buffer and self.is_wanted:
                self._deliver(self._buffer.pop(0))
        finally:
            self._is_handing = False
        if self._reason is not None and self.is_wanted and not self._buffer:
            self._is_over = True
            protocol, self._protocol = self._protocol, _Nobody()
            try:
                protocol.connectionLost(self._told(protocol, self._reason))
            except Exception:  # noqa: BLE001 - it is the caller's, and the exchange is over
                url = redact_identifiers(self.url)
                _log.failure("connectionLost of the protocol that took {url} failed", url=url)

    def _deliver(self, data: bytes) -> None:
        try:
            self._protocol.dataReceived(data)
        except Exception as error:  # noqa: BLE001 - it is the caller's
            url = redact_identifiers(self.url)
            _log.failure("dataReceived of the protocol that takes {url} failed", url=url)
            self.abort(error)

    def _told(self, protocol: Any, reason: Callable[[], Failure]) -> Failure:
        takes_any_end = getattr(protocol, "takes_any_end", False)
        if reason in (whole, until_close):
            return connectionDone if takes_any_end else reason()
        return reason() if takes_any_end else response_failed(reason(), self)


class _Nobody:
    """Who the body is delivered to after its end."""


def whole() -> Failure:
    """The reason that says that a body is whole; one for all, like Twisted's `connectionDone`."""
    done = _response_done()
    if done.value is not None:
        done.value.__traceback__ = None  # of who raised it last: it would hold that one's frames
    return done


@functools.cache
def _response_done() -> Failure:
    # Where pyOpenSSL is installed and service_identity is not, this module cannot be imported; and
    # it takes a while: see `Response.deliverBody`.
    from twisted.web.client import ResponseDone  # noqa: PLC0415

    return Failure(ResponseDone())


def until_close() -> Failure:
    """The reason that says that a body ended with its connection, and that it may lack its end."""
    # With it come Twisted's HTTP/2 and server, which take a while.
    from twisted.web.http import PotentialDataLoss  # noqa: PLC0415

    return Failure(PotentialDataLoss())
