"""One upload over HTTP: connect, send, hear the answer, within limits. By Twisted's Agent."""

from __future__ import annotations

import fcntl
import struct
import termios
from collections.abc import Callable, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IConsumer, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import LoopingCall, deferLater
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from filebody.body import Body
from filebody.cli._answer import Answer, beginning_of, detail_of, digest_of
from filebody.cli._faults import translate
from filebody.cli._targets import Target
from filebody.cli._trust import Trust
from filebody.cli._watch import Limits, Phase, Sight, Watch
from filebody.errors import RemoteError, TransferError, TransferTimeout
from filebody.produce import FileBodyProducer
from filebody.progress import Progress

__all__ = ["Exchange"]

_READ_BYTES = 1 << 17


class Exchange:
    """Sends one body once; one object for each.

    Args:
        reactor: The reactor.
        method: The request's method.
        target: Where to.
        fields: Header fields of the user's, as names and values.
        body: What to send.
        trust: Whose certificates count.
        limits: How long what may take.
        on_look: Called several times a second, and at the end, with how far it is.

    Attributes:
        sent_bytes: How many bytes of the body the connection was given.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        method: str,
        target: Target,
        fields: Sequence[tuple[str, str]],
        body: Body,
        trust: Trust,
        limits: Limits,
        on_look: Callable[[Progress], None],
    ) -> None:
        self.sent_bytes = 0
        self._reactor = reactor
        self._method = method
        self._target = target
        self._headers = _headers(target, fields)
        self._producer = _Watched(
            FileBodyProducer(body, readSize=_READ_BYTES, on_progress=self._progressed)
        )
        self._total_bytes = body.length
        self._trust = trust
        self._limits = limits
        self._on_look = on_look
        self._transport: Any = None
        self._started = reactor.seconds()
        self._watch = Watch(limits, self._started)
        self._running: Deferred[Answer] | None = None
        self._verdict: Exception | None = None
        self._is_over = False

    def run(self) -> Deferred[Answer]:
        """Do it.

        Returns:
            Fires with the answer. When it has fired nothing is left: the source is closed and so
            is the connection. It fails with

            - `BodyError` (or what a file object raised): the source cannot be read as promised,
            - `RemoteError`: the answer is not a success,
            - `TransferTimeout`: a limit has passed,
            - `TransferError`: the connection failed or was lost,
            - what was given to `abort`.
        """
        self._running = Deferred.fromCoroutine(self._run())
        return self._running

    def abort(self, error: Exception) -> None:
        """End it now, with `error`; nothing happens after its end."""
        if self._verdict is None and not self._is_over:
            self._verdict = error
            if self._running is not None:
                self._running.cancel()

    async def _run(self) -> Answer:
        looking = LoopingCall(self._look)
        looking.clock = self._reactor
        looking.start(self._limits.look_seconds, now=False).addErrback(self._abort_by)
        try:
            return await self._talk()
        except Exception as error:
            if self._verdict is not None:
                raise self._verdict from error
            is_sent = self._producer.is_done
            raised = translate(error, self._target, self.sent_bytes, is_sent=is_sent)
            if raised is error:
                raise
            raise raised from error
        finally:
            self._is_over = True  # what follows must not be cancelled
            if looking.running:
                looking.stop()
            self._producer.stopProducing()
            if self._transport is not None:
                self._transport.abortConnection()
                await deferLater(self._reactor, 0)  # that is when it is closed

    async def _talk(self) -> Answer:
        agent = Agent.usingEndpointFactory(self._reactor, _Endpoints(self))
        response = await agent.request(
            self._method.encode(), self._target.url.encode(), self._headers, self._producer
        )
        is_early = not self._is_all_sent
        self._producer.stopProducing()
        content = await beginning_of(response)
        self._on_look(self._sight())
        if response.code >= 300:
            raise RemoteError(self._target.url, response.code, detail_of(response, content))
        if is_early:
            raise TransferError(
                self._target.url,
                self.sent_bytes,
                f"the server answered {response.code} before it had everything: what it has is "
                "not the whole; its log says more",
            )
        return Answer(response.code, digest_of(response), content)

    @property
    def _is_all_sent(self) -> bool:
        # The answer can be faster than the producer's turn in which it sees its end.
        return self._producer.is_done or self.sent_bytes == self._total_bytes

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        """Connect; the agent calls this by `_Endpoints`."""
        endpoint: Any = _Tapped(
            HostnameEndpoint(self._reactor, self._target.host, self._target.port, timeout=3600),
            self._connected,
        )
        if self._target.scheme == "https":
            endpoint = wrapClientTLS(self._trust.creator(self._target.host), endpoint)
        return cast("Deferred[Any]", endpoint.connect(factory))

    def _connected(self, transport: Any) -> None:
        self._transport = transport

    def _progressed(self, progress: Progress) -> None:
        self.sent_bytes = progress.sent_bytes

    def _look(self) -> None:
        self._on_look(self._sight())
        queued = self._queued_bytes()
        if self._transport is None:
            phase = Phase.CONNECTING
        elif self._producer.is_done and not queued:
            phase = Phase.WAITING
        else:
            phase = Phase.SENDING
        is_held = self._producer.is_held or queued > 0
        sight = Sight(phase, self.sent_bytes - queued, is_held)
        reason = self._watch.look(self._reactor.seconds(), sight)
        if reason is not None:
            self.abort(TransferTimeout(self._target.url, self.sent_bytes, reason))

    def _sight(self) -> Progress:
        """How much was received: what the kernel still has is not there yet."""
        received = max(0, self.sent_bytes - self._queued_bytes())
        return Progress(received, self._total_bytes, self._reactor.seconds() - self._started)

    def _queued_bytes(self) -> int:
        """How many bytes the other end has not acknowledged yet."""
        if self._transport is None:
            return 0
        try:
            answer = fcntl.ioctl(self._transport.getHandle(), termios.TIOCOUTQ, b"\0" * 4)
        except (OSError, ValueError, TypeError, AttributeError):
            return 0  # closed already, or a system that does not tell
        return int(struct.unpack("i", answer)[0])

    def _abort_by(self, failure: Failure) -> None:
        error = failure.value
        self.abort(error if isinstance(error, Exception) else RuntimeError(str(error)))


@implementer(IBodyProducer)
class _Watched:
    """A producer of which can be seen whether the connection holds it back, or it is done."""

    def __init__(self, producer: FileBodyProducer) -> None:
        self._producer = producer
        self.length = producer.length
        self.is_held = False
        self.is_done = False

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        return self._producer.startProducing(consumer).addCallback(self._done)

    def _done(self, _: None) -> None:
        self.is_done = True

    def pauseProducing(self) -> None:
        self.is_held = True
        self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        self.is_held = False
        self._producer.resumeProducing()

    def stopProducing(self) -> None:
        self._producer.stopProducing()


@implementer(IAgentEndpointFactory)
class _Endpoints:
    """There is one request and so one endpoint, whatever the URL is by then."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def endpointForURI(self, uri: object) -> Any:  # noqa: ARG002 - the interface's
        return self._exchange


@implementer(IStreamClientEndpoint)
class _Tapped:
    """Shows the transport of TCP, which is below TLS."""

    def __init__(self, endpoint: Any, tap: Callable[[Any], None]) -> None:
        self._endpoint = endpoint
        self._tap = tap

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        def connected(protocol: Any) -> Any:
            self._tap(protocol.transport)
            return protocol

        connecting: Deferred[Any] = self._endpoint.connect(protocolFactory)
        return connecting.addCallback(connected)


def _headers(target: Target, fields: Sequence[tuple[str, str]]) -> Headers:
    headers = Headers()
    for name, value in fields:
        headers.addRawHeader(name, value)
    if not headers.hasHeader("Host"):
        headers.addRawHeader("Host", target.authority)
    return headers
