"""One request of a caller: sent, again where that is right, and what comes back handed over."""

from __future__ import annotations

import random
import time
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IResponse

from filebody._redaction import redact_identifiers
from filebody.agent._connect import Route, connect
from filebody.agent._content import Content
from filebody.agent._digest import DigestField, digest_field
from filebody.agent._engine import Engine
from filebody.agent._exchange import Exchange
from filebody.agent._fields import make_head
from filebody.agent._listener import Moment
from filebody.agent._options import Attempt, Digest, Expect, Options
from filebody.agent._pool import Pool
from filebody.agent._redirect import CHANGES, Request, redirected
from filebody.agent._response import Response
from filebody.agent._retry import Failed, delay_seconds, may_replace
from filebody.agent._terms import Terms
from filebody.agent._ways import Ways
from filebody.agent._wire import Wire
from filebody.errors import ConnectionLost, NotReplayable, RedirectError, TotalTimeout
from filebody.wire import parse_http_date, parse_target

__all__ = ["Job"]

_log = Logger()

# Smaller bodies are on their way before a server could say no.
_LARGE_BYTES = 1 << 20


class Job:
    """One request of a caller, with all of its attempts; `start` begins it.

    Args:
        engine: What the connections of an agent share.
        pool: Where they are kept.
        ways: How to get to whom.
        options: What the caller asks for.
    """

    def __init__(self, engine: Engine, pool: Pool, ways: Ways, options: Options) -> None:
        self._engine = engine
        self._pool = pool
        self._ways = ways
        self._options = options
        self._begun = time.monotonic()
        self._attempts = 0
        self._content: Content | None = None
        self._exchange: Exchange | None = None
        self._route: Route | None = None
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
            self._timer = self._engine.reactor.callLater(seconds, self._late)
        return self._done

    async def _run(self, method: bytes, uri: bytes, headers: Headers, body: object) -> IResponse:
        try:
            if body is not None:
                self._content = Content(body)
            request = Request(method, parse_target(uri), headers)
            response = await self._insist(request)
            if self._options.redirects and response.code in CHANGES:
                response = await self._follow(request, response)
            self._response = response
        except BaseException as error:
            late = self._total_timeout() if self._is_late else None
            self._ended()
            if late is not None and isinstance(error, CancelledError):
                raise late from error
            raise
        finally:
            if self._content is not None:
                self._content.close()
        self._response.attempts = self._attempts
        if self._response.is_complete:
            self._ended()
        return self._response

    async def _follow(self, request: Request, response: Response) -> Response:
        """Return the response at the end of all redirections, of which `response` is the first."""
        followed = 0
        most = self._options.redirects or 0
        while response.code in CHANGES:
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
                break
            followed += 1
            url = request.target.url
            if followed > most:
                raise RedirectError(
                    url,
                    response.code,
                    f"more than {most} redirections",
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
            response = await self._insist(request)
            response.setPreviousResponse(previous)
        return response

    async def _insist(self, request: Request) -> Response:
        """The response to a request, tried again as the options say."""
        retries = 0
        begun = time.monotonic() if self._options.retries.limit else 0.0
        without_expect = False
        while True:
            response: Response | None = None
            fault: Exception | None = None
            try:
                response = await self._send(request, without_expect=without_expect)
            except Exception as error:  # noqa: BLE001 - looked at below, and raised
                fault = error
                if self._exchange is None:  # which would have told it
                    self.tell("ended", error=error)
            is_replayable = self._content is None or self._content.is_replayable
            if response is not None and self._is_expectation_refused(response) and is_replayable:
                without_expect = True
                response.abort()
                continue
            delay = None
            if retries < self._options.retries.limit and not isinstance(fault, CancelledError):
                failed = Failed(
                    method=request.method,
                    is_replayable=is_replayable,
                    retries=retries,
                    outcome=_outcome(response, fault),
                    elapsed_seconds=time.monotonic() - begun,
                    retry_after=_value(response, b"retry-after"),
                )
                delay = delay_seconds(
                    self._options.retries,
                    failed,
                    date_seconds=_date_seconds(response),
                    random=random.random,
                )
            if delay is None:
                if response is not None:
                    return response
                try:
                    raise fault or RuntimeError("an attempt without an outcome")
                finally:
                    fault = None  # its traceback holds this frame
            retries += 1
            self._tell_retry(request, response, fault, delay)
            if response is not None:
                response.abort()
            await deferLater(self._engine.reactor, delay)

    async def _send(self, request: Request, *, without_expect: bool) -> Response:
        """One attempt; a pooled connection that turns out to be dead is replaced."""
        pool = self._pool
        route = self._route = self._ways.to(request.target)
        self._attempts += 1
        self._request = request
        self._exchange = None  # what that of the last attempt has sent is not of this one
        while True:
            content = self._content
            length: int | None = 0
            digest = None
            if content is not None:
                content.next()
                said = content.producer.length
                length = None if said is UNKNOWN_LENGTH else int(said)
                if self._options.digest is not Digest.NONE:
                    digest = await digest_field(self._options.digest, content, length)
                    if digest is not None and digest.is_trailer:
                        length = None
            terms = self._terms(request, length, digest, without_expect=without_expect)
            place = pool.enter(route)
            if place is not None:
                await place
            wire = pool.take(route)
            is_reused = wire is not None
            if wire is None:
                try:
                    wire = await self._connect(route, request)
                except BaseException:
                    pool.leave(route)
                    raise
            elif self._options.listener is not None:
                self.tell("connected", peer=wire.peer, reused=True)
            exchange = self._exchange = Exchange(self._engine, wire, terms, self)
            try:
                response = await exchange.start()
                if self._options.cookies is not None:
                    self._options.cookies.take(request.target, response.headers)
                return response
            except ConnectionLost:
                if not is_reused or exchange.has_heard:
                    raise
                if not self._may_replace(request, is_unsent=exchange.is_unsent):
                    raise

    def _may_replace(self, request: Request, *, is_unsent: bool) -> bool:
        content = self._content
        return may_replace(
            request.method,
            is_replayable=content is None or content.is_replayable,
            any_method=is_unsent or self._options.retries.any_method,
        )

    async def _connect(self, route: Route, request: Request) -> Wire:
        turns = self._engine.turns
        peers: list[str] = []

        def connected(peer: str) -> None:
            peers.append(peer)
            self.tell("connected", peer=peer, reused=False)

        ready = await connect(
            self._engine.reactor,
            route,
            tls=self._ways.tls_for(route),
            timeouts=self._options.timeouts,
            url=request.target.url,
            connected=connected,
            secured=lambda version, cipher: self.tell("secured", version=version, cipher=cipher),
            turns=turns,
        )
        wire = Wire(self._engine.reactor, turns, ready, peers[0] if peers else "")
        if not turns.has_time:
            # Thousands of connections may have been made in the same moment.
            try:
                await turns.come()
            except BaseException:
                wire.close()
                raise
        return wire

    def _terms(
        self,
        request: Request,
        length: int | None,
        digest: DigestField | None,
        *,
        without_expect: bool,
    ) -> Terms:
        content = self._content
        headers, cookies = request.headers, self._options.cookies
        if cookies is not None:
            headers = cookies.added_to(headers, request.target)
        head = make_head(
            request.method,
            request.target,
            headers,
            has_body=content is not None,
            length=length,
            expects=content is not None and not without_expect and self._expects(length),
            extra=() if digest is None else digest.in_front,
        )
        return Terms(
            head=head,
            request=request,
            producer=None if content is None else content.producer,
            source="" if content is None else content.source,
            length=length,
            begun=None if content is None else content.begun,
            options=self._options,
            digest=digest,
        )

    def ended(self, wire: Wire, *, is_reusable: bool) -> None:
        """See `ExchangeOwner`."""
        pool, route = self._pool, self._route
        if route is None:
            raise RuntimeError("an exchange without a route")
        if is_reusable:
            pool.keep(route, wire)
        pool.leave(route)
        if self._response is not None:
            self._ended()

    def _expects(self, length: int | None) -> bool:
        if self._options.expect is Expect.LARGE:
            return length is None or length > _LARGE_BYTES
        return self._options.expect is Expect.ALWAYS and length != 0

    def _is_expectation_refused(self, response: Response) -> bool:
        """RFC 9110 section 15.5.18: the same request is right without it."""
        return response.code == 417 and self._exchange is not None and self._exchange.expects

    def _sent_bytes(self) -> int:
        return self._exchange.sent_bytes if self._exchange is not None else 0

    def tell(self, name: str, **facts: Any) -> None:
        """See `ExchangeOwner`."""
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
            _log.failure("the listener of {url} failed", url=redact_identifiers(request.target.url))

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
            _log.failure("on_retry of {url} failed", url=redact_identifiers(request.target.url))

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
        """Nothing more is waited for; and what is left does not hold itself."""
        self._has_ended = True
        self._exchange = self._done = None
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


def _outcome(response: Response | None, fault: Exception | None) -> int | Exception:
    if response is not None:
        return response.code
    if fault is None:
        raise RuntimeError("an attempt without an outcome")
    return fault


def _date_seconds(response: Response | None) -> float:
    """The date by the server's clock where it says so: what it asks for is counted from that."""
    date = _value(response, b"date")
    said = None if date is None else parse_http_date(date.decode("latin-1"))
    return time.time() if said is None else said


def _value(response: Response | None, name: bytes) -> bytes | None:
    if response is None:
        return None
    return next(iter(response.headers.getRawHeaders(name, [])), None)
