"""UploadAgent: sends requests, again where that is right, and hands over what comes back."""

from __future__ import annotations

import random
import ssl
import time
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IResponse
from zope.interface import implementer

from filebody.agent._connect import Route, connect
from filebody.agent._content import Content
from filebody.agent._digest import DigestField, digest_field
from filebody.agent._engine import Engine
from filebody.agent._exchange import Exchange, Terms
from filebody.agent._fields import make_head
from filebody.agent._listener import Moment
from filebody.agent._options import Attempt, Expect, Options
from filebody.agent._origin import Target, parse_target
from filebody.agent._pool import Pool, PoolLimits
from filebody.agent._proxy import Proxies, Proxy
from filebody.agent._rate import RateLimit
from filebody.agent._redirect import Request, redirected
from filebody.agent._response import ClientRequest, Response
from filebody.agent._retry import Failed, delay_seconds, may_replace
from filebody.agent._tls import default_context
from filebody.agent._wire import Wire
from filebody.errors import ConnectionLost, NotReplayable, RedirectError, TotalTimeout

__all__ = ["UploadAgent"]

_log = Logger()

# Smaller bodies are on their way before a server could say no.
_LARGE_BYTES = 1 << 20


@implementer(IAgent)
class UploadAgent:
    """An `IAgent` made for uploads: its connections read bodies into their sockets themselves.

    Takes any `IBodyProducer` as a body, and a `Body`. For treq: `HTTPClient(UploadAgent(reactor))`.

    Args:
        reactor: Any with sockets (epoll, poll, select, asyncio); the installed one by default.
        options: What holds for requests that say nothing else.
        tls: For https; by default the system's authorities are trusted, and names are verified.
        pool: How many connections are kept, and how long.
        proxy: To go through, or which one for which server; none by default.
        unix_socket: The path of a Unix socket to connect to, whatever the URL's host is.
        rate_limit: How fast all uploads may be together; None for no limit.
        bind_address: The local address to connect from.

    Source: `twisted.web.iweb.IAgent`.
    """

    def __init__(
        self,
        reactor: Any = None,
        *,
        options: Options = Options(),  # noqa: B008 - it is a frozen value
        tls: ssl.SSLContext | None = None,
        pool: PoolLimits = PoolLimits(),  # noqa: B008
        proxy: Proxy | Proxies | str | None = None,
        unix_socket: str | None = None,
        rate_limit: RateLimit | None = None,
        bind_address: str | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one
        self._options = options
        self._tls = tls
        self._proxy = Proxy.parse(proxy) if isinstance(proxy, str) else proxy
        self._unix_socket = unix_socket
        self._bind_address = bind_address
        self.engine = Engine(reactor, rate_limit)
        self.pool = Pool(reactor, pool)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: object = None,
        *,
        options: Options | None = None,
    ) -> Deferred[IResponse]:
        """Send a request.

        Args:
            method: Such as `b"PUT"`.
            uri: An http or https URL.
            headers: Fields to send; those about length and framing are written by the agent.
            bodyProducer: An `IBodyProducer` or a `Body`; None for no body.
            options: Instead of the agent's.

        Returns:
            Fires with a `Response` when its head came, whatever its status. Cancelled at any
            moment, the connection is aborted and the body closed. Fails with

            - `UsageError`: this can never be sent,
            - `BodyError`, or what a file object raised: the body cannot be read as promised, and
              the server has not seen a complete request,
            - `TransferError`: the way there failed; its subclasses say how,
            - `NotReplayable`, `RedirectError`: a redirection cannot be followed.
        """
        job = _Job(self, options or self._options)
        return job.start(method, uri, headers or Headers(), bodyProducer)

    def close(self) -> None:
        """Close the connections that are not in use; those that are close when they are done."""
        self.pool.close()

    def route_to(self, target: Target) -> Route:
        """The way to a target."""
        proxy = self._proxy
        if isinstance(proxy, Proxies):
            proxy = proxy.for_origin(target.origin)
        return Route(target.origin, proxy, self._unix_socket, self._bind_address)

    def tls_for(self, route: Route) -> ssl.SSLContext | None:
        """The TLS settings for a way, if it needs them."""
        if route.origin.scheme != "https":
            return None
        if self._tls is None:
            self._tls = default_context()
        return self._tls


class _Job:
    """One request of a caller, with all of its attempts."""

    def __init__(self, agent: UploadAgent, options: Options) -> None:
        self._agent = agent
        self._options = options
        self._reactor = agent.engine.reactor
        self._begun = time.monotonic()
        self._attempts = 0
        self._content: Content | None = None
        self._digest: DigestField | None = None
        self._exchange: Exchange | None = None
        self._request: Request | None = None
        self._timer: Any = None
        self._is_late = False
        self._done: Deferred[IResponse] | None = None
        self._response: Response | None = None
        self._has_ended = False

    def start(
        self, method: bytes, uri: bytes, headers: Headers, body: object
    ) -> Deferred[IResponse]:
        """Begin; see `UploadAgent.request`."""
        self._done = Deferred.fromCoroutine(self._run(method, uri, headers, body))
        seconds = self._options.timeouts.total_seconds
        if seconds is not None and not self._has_ended:
            self._timer = self._reactor.callLater(seconds, self._late)
        return self._done

    async def _run(self, method: bytes, uri: bytes, headers: Headers, body: object) -> IResponse:
        try:
            if body is not None:
                self._content = Content(body)
            request = Request(method, parse_target(uri), headers)
            self._response = await self._follow(request)
        except BaseException as error:
            self._ended()
            if self._is_late and isinstance(error, CancelledError):
                raise self._total_timeout() from error
            raise
        finally:
            if self._content is not None:
                self._content.close()
        self._response.attempts = self._attempts
        if self._response.is_complete:
            self._ended()
        return self._response

    async def _follow(self, request: Request) -> Response:
        """The response at the end of all redirections."""
        previous: Response | None = None
        followed = 0
        while True:
            response = await self._insist(request)
            if previous is not None:
                response.setPreviousResponse(previous)
            if not self._options.redirects:
                return response
            try:
                next_request = redirected(
                    request,
                    status=response.code,
                    location=_value(response, b"location"),
                    has_body=self._content is not None,
                )
            except RedirectError as error:
                error.response = response
                raise
            if next_request is None:
                return response
            followed += 1
            url = request.target.url
            if followed > self._options.redirects:
                raise RedirectError(
                    url,
                    response.code,
                    f"more than {self._options.redirects} redirections",
                    response=response,
                )
            if self._content is not None:
                if not next_request.keeps_body:
                    self._content.close()
                    self._content = None
                elif not self._content.is_replayable:
                    raise NotReplayable(self._content.source, self._sent_bytes(), response=response)
            response.abort()
            previous, request = response, next_request

    async def _insist(self, request: Request) -> Response:
        """The response to a request, tried again as the options say."""
        retries = 0
        begun = time.monotonic()
        without_expect = False
        while True:
            response: Response | None = None
            fault: Exception | None = None
            try:
                response = await self._send(request, without_expect=without_expect)
            except Exception as error:  # noqa: BLE001 - looked at below, and raised
                fault = error
            is_replayable = self._content is None or self._content.is_replayable
            if response is not None and self._is_expectation_refused(response) and is_replayable:
                without_expect = True
                response.abort()
                continue
            if isinstance(fault, CancelledError):
                raise fault
            outcome = response.code if response is not None else fault
            delay = None
            if outcome is not None:
                failed = Failed(
                    method=request.method,
                    is_replayable=is_replayable,
                    retries=retries,
                    outcome=outcome,
                    elapsed_seconds=time.monotonic() - begun,
                    retry_after=_value(response, b"retry-after"),
                )
                delay = delay_seconds(
                    self._options.retries, failed, date_seconds=time.time(), random=random.random
                )
            if delay is None:
                if fault is not None:
                    raise fault
                if response is not None:
                    return response
                raise RuntimeError("an attempt without an outcome")
            retries += 1
            self._tell_retry(request, response, fault, delay)
            if response is not None:
                response.abort()
            await deferLater(self._reactor, delay)

    async def _send(self, request: Request, *, without_expect: bool) -> Response:
        """One attempt; a pooled connection that turns out to be dead is replaced."""
        agent = self._agent
        route = agent.route_to(request.target)
        self._attempts += 1
        self._request = request
        while True:
            await agent.pool.enter(route)
            try:
                wire = agent.pool.take(route)
                is_reused = wire is not None
                if wire is None:
                    wire = await self._connect(route, request)
                else:
                    self._tell("connected", peer=wire.peer, reused=True)
                exchange = await self._begin(request, route, wire, without_expect=without_expect)
            except BaseException:
                agent.pool.leave(route)
                raise
            self._exchange = exchange
            try:
                return await self._start(exchange)
            except ConnectionLost:
                content = self._content
                may = may_replace(
                    request.method,
                    is_replayable=content is None or content.is_replayable,
                    any_method=self._options.retries.any_method,
                )
                if not is_reused or exchange.has_heard or not may:
                    raise

    def _start(self, exchange: Exchange) -> Deferred[Response]:
        begun = time.monotonic()
        running = exchange.start()
        self._agent.engine.turns.spent(time.monotonic() - begun)
        return running

    async def _connect(self, route: Route, request: Request) -> Wire:
        agent = self._agent
        peers: list[str] = []

        def connected(peer: str) -> None:
            peers.append(peer)
            self._tell("connected", peer=peer, reused=False)

        ready = await connect(
            self._reactor,
            route,
            tls=agent.tls_for(route),
            timeouts=self._options.timeouts,
            url=request.target.url,
            connected=connected,
            secured=lambda version, cipher: self._tell("secured", version=version, cipher=cipher),
        )
        return Wire(self._reactor, agent.engine.turns, ready, peers[0] if peers else "")

    async def _begin(
        self, request: Request, route: Route, wire: Wire, *, without_expect: bool
    ) -> Exchange:
        content = self._content
        producer = None
        length: int | None = 0
        try:
            # Thousands of connections may have been made in the same moment.
            await self._agent.engine.turns.come()
            digest = None
            if content is not None:
                content.next()
                producer = content.producer
                length = None if producer.length is UNKNOWN_LENGTH else int(producer.length)
                digest = await digest_field(self._options.digest, content, length)
                if digest is not None and digest.is_trailer:
                    length = None
            head = make_head(
                request.method,
                request.target,
                request.headers,
                has_body=content is not None,
                length=length,
                expects=content is not None and not without_expect and self._expects(length),
                extra=() if digest is None else digest.in_front,
            )
        except BaseException:
            wire.close()
            raise

        def finished(is_reusable: bool) -> None:
            if is_reusable:
                self._agent.pool.keep(route, wire)
            self._agent.pool.leave(route)
            if self._response is not None:
                self._ended()

        return Exchange(
            self._agent.engine,
            wire,
            Terms(
                head=head,
                request=ClientRequest(request.method, request.target.url.encode(), request.headers),
                producer=producer,
                length=length,
                begun=None if content is None else content.begun,
                url=request.target.url,
                options=self._options,
                tell=self._tell,
                digest=digest,
                finished=finished,
            ),
        )

    def _expects(self, length: int | None) -> bool:
        if self._options.expect is Expect.LARGE:
            return length is None or length > _LARGE_BYTES
        return self._options.expect is Expect.ALWAYS and length != 0

    def _is_expectation_refused(self, response: Response) -> bool:
        """RFC 9110 section 15.5.18: the same request is right without it."""
        return response.code == 417 and self._exchange is not None and self._exchange.expects

    def _sent_bytes(self) -> int:
        return self._exchange.sent_bytes if self._exchange is not None else 0

    def _tell(self, name: str, **facts: Any) -> None:
        listener, request = self._options.listener, self._request
        if listener is None or request is None:
            return
        moment = Moment(
            self._attempts,
            request.method.decode("latin-1"),
            request.target.url,
            time.monotonic() - self._begun,
        )
        try:
            getattr(listener, name)(moment, **facts)
        except Exception:  # noqa: BLE001 - it only listens
            _log.failure("the listener of {url} failed", url=request.target.url)

    def _tell_retry(
        self,
        request: Request,
        response: Response | None,
        fault: Exception | None,
        delay: float,
    ) -> None:
        if self._options.on_retry is None:
            return
        attempt = Attempt(
            number=self._attempts,
            url=request.target.url,
            status=None if response is None else response.code,
            error=fault,
            delay_seconds=delay,
        )
        try:
            self._options.on_retry(attempt)
        except Exception:  # noqa: BLE001 - it is only told
            _log.failure("on_retry of {url} failed", url=request.target.url)

    def _late(self) -> None:
        self._timer = None
        self._is_late = True
        if self._response is not None:
            self._response.abort(self._total_timeout())
        elif self._done is not None:
            self._done.cancel()

    def _total_timeout(self) -> TotalTimeout:
        seconds = self._options.timeouts.total_seconds
        url = self._request.target.url if self._request is not None else ""
        return TotalTimeout(url, self._sent_bytes(), f"not done within {seconds:g} s")

    def _ended(self) -> None:
        """Nothing more is waited for."""
        self._has_ended = True
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


def _value(response: Response | None, name: bytes) -> bytes | None:
    if response is None:
        return None
    return next(iter(response.headers.getRawHeaders(name, [])), None)
