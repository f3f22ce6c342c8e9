"""Does what the machine says, on an agent: sends requests, waits, and tells it what came of it."""

from __future__ import annotations

import hashlib
import math
import random
import time
from collections.abc import Callable
from typing import Any, cast

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.web.iweb import IResponse

from filebody.agent import Digest, Informational, Options, Response, Retries, Timeouts
from filebody.errors import EarlySuccess, NoProgress, RemoteError, TransferError
from filebody.progress import Progress
from filebody.resumable import _machine as machine
from filebody.resumable._answer import drain, read_detail
from filebody.resumable._counted import CountedBody
from filebody.resumable._deadline import Began, Deadline
from filebody.resumable._notice import Notice, NoticeKind
from filebody.resumable._replies import lookup_in, read_interim, read_reply
from filebody.resumable._source import Source
from filebody.resumable._state import State
from filebody.resumable._threads import in_thread
from filebody.resumable._values import (
    Done,
    Fail,
    Feed,
    Given,
    Kind,
    Lost,
    NextStep,
    Send,
    Stay,
    Wait,
    Waited,
)
from filebody.resumable._way import Way
from filebody.wire import (
    CHECKSUM_ALGORITHMS,
    RESUMPTION_SUPPORTED,
    Checksum,
    Field,
    format_checksum,
)

__all__ = ["Observer", "Runner"]

# Of a request that creates an upload, if the caller does not say how many.
_REDIRECTS = 10


class Observer:
    """Hears what becomes of an upload; to be overridden."""

    def changed(self, state: State) -> None:
        """The machine knows more than before."""

    async def before(self, state: State, send: Send) -> None:
        """A request with content goes out when this is done."""

    def progressed(self, sent: int, acknowledged: int) -> None:
        """So many bytes, from the upload's first, are with the wire, and with the peer's system."""

    def notice(self, notice: Notice) -> None:
        """Something the user wants to know."""


class Runner:
    """Takes one upload to its end.

    Args:
        way: How requests go.
        source: What is sent.
        observer: Is told of it.

    Attributes:
        state: How far it is.
        response: The last one, if its body was left to the user.
        sent_bytes: How many bytes of the body the wire has taken, all requests together.
        requests: How many there were.
    """

    def __init__(self, way: Way, source: Source, observer: Observer) -> None:
        self._way = way
        self._source = source
        self._observer = observer
        self._reactor: Any = way.agent.reactor
        self._under_way: Deferred[IResponse] | None = None
        self._refused: Exception | None = None
        self._deadline: Deadline
        self._step: NextStep = Stay()
        self.state: State
        self.response: Response | None = None
        self._is_read = False
        self._is_chosen = False
        self._body: CountedBody | None = None
        self.sent_bytes = 0
        self.requests = 0

    @property
    def has_begun(self) -> bool:
        """Whether there is a `state`."""
        return hasattr(self, "state")

    async def run(
        self, first: tuple[State, NextStep], until: Callable[[State], bool] | None = None
    ) -> State:
        """Go on from a first state of the machine.

        Args:
            first: What `begin` and the like gave.
            until: Where to stop before a request is sent; at the end only, if None.

        Returns:
            The state at which it stopped.

        Raises:
            Exception: Why the upload failed; see `upload`.
        """
        self.state, self._step = first
        seconds = self.state.plan.give_up_after_seconds
        self._deadline = Deadline(self._reactor, seconds, self._stop_late)
        return await self._go_on(until)

    async def go_on(self) -> State:
        """Go on where `run` stopped."""
        return await self._go_on(None)

    async def drop(self) -> None:
        """Let go of the last response: nobody wants it."""
        response, self.response = self.response, None
        if response is not None and not self._is_read:
            await drain(response, self._reactor)

    async def _go_on(self, until: Callable[[State], bool] | None) -> State:
        while True:
            step = self._step
            self._source.confirmed(self.state.confirmed)
            self._observer.changed(self.state)
            if until is not None and until(self.state):
                return self.state
            match step:
                case Send():
                    given = await self._send(step)
                case Wait():
                    given = await self._wait(step)
                case Feed():
                    given = await self._source.more(self.state.available)
                case Done():
                    return self.state
                case Fail():
                    raise self._with_response(step.error)
                case Stay():
                    raise RuntimeError(f"nothing to do in {self.state.phase}")
            before = self.state
            self.state, self._step = machine.step(before, given, time.monotonic())
            self._tell(before, self._step)
            if not isinstance(self._step, Done | Fail):
                await self.drop()  # so that its connection is free

    # Requests.

    async def _send(self, send: Send) -> Given:
        self.requests += 1
        fields = send.fields
        if send.has_content:
            await self._observer.before(self.state, send)
            if send.checksum is not None:
                fields = (*fields, await self._checksum(send))
        url, is_same = self._way.url_of(send.url)
        headers = self._way.headers_of(attrs.evolve(send, fields=fields), is_same=is_same)
        body = None
        if send.has_content:
            body = CountedBody(self._source.body(send.start, send.stop))
        self._body = body
        self._refused = None
        request = self._way.agent.request(
            send.method.encode("ascii"), url, headers, body, options=self._options(send)
        )
        self._under_way = request
        try:
            answered = await request
        except CancelledError:
            if self._refused is not None:
                raise self._refused from self._refused.__cause__
            raise
        except TransferError as error:
            return Lost(
                error=error,
                sent_bytes=self._taken_bytes,
                is_passing=error.may_pass or isinstance(error, EarlySuccess),
            )
        finally:
            self._deadline.end()
            self._under_way = None
            if send.has_content:
                self.sent_bytes += self._taken_bytes
        return await self._reply(send, answered)

    async def _reply(self, send: Send, answered: IResponse) -> Given:
        response = answered
        if not isinstance(response, Response):
            raise TypeError("an agent of another kind")
        self.response = response
        self._is_read = False
        detail = ""
        if response.code >= 300 and send.kind is not Kind.DISCOVER:
            self._is_read = True
            detail = await read_detail(response, self._reactor)
        reply = read_reply(
            _status_of(response),
            lookup_in(response.headers),
            kind=send.kind,
            protocol=self.state.protocol,
            url=response.url,
            detail=detail,
            date_seconds=time.time(),
        )
        return attrs.evolve(reply, sent_bytes=self._taken_bytes)

    @property
    def _taken_bytes(self) -> int:
        """How much of the content under way the wire has taken at most."""
        return 0 if self._body is None else self._body.taken_bytes

    def _options(self, send: Send) -> Options:
        mine = self._way.options
        return attrs.evolve(
            mine,
            timeouts=self._timeouts(mine.timeouts),
            retries=Retries(limit=0),
            digest=Digest.NONE,  # of the whole it could be, not of a range
            redirects=_redirects(mine) if send.kind in {Kind.CREATE, Kind.DISCOVER} else 0,
            on_progress=self._progressed(send) if send.has_content else None,
            on_informational=self._informational(send),
            listener=Began(self._head_sent, self._deadline.body_sent, mine.listener),
        )

    def _timeouts(self, mine: Timeouts) -> Timeouts:
        most = self.state.plan.give_up_after_seconds or math.inf
        return attrs.evolve(
            mine,
            connect_seconds=_least(mine.connect_seconds, most),
            tls_seconds=_least(mine.tls_seconds, most),
            total_seconds=None,
        )

    def _head_sent(self) -> None:
        self._deadline.begin(self.state.failing_since, has_body=self._body is not None)

    def _stop_late(self) -> None:
        """Give up: nothing more has arrived for too long, and a request is under way."""
        if self._under_way is None or self._refused is not None:
            return
        state = self.state
        seconds = state.plan.give_up_after_seconds
        last = "no answer" if state.last_error is None else str(state.last_error)
        self._refused = NoProgress(state.plan.url, state.confirmed, seconds, last)
        self._refused.__cause__ = state.last_error
        self._under_way.cancel()

    def _progressed(self, send: Send) -> Callable[[Progress], object]:
        def progressed(progress: Progress) -> None:
            acknowledged = progress.acknowledged_bytes
            known = progress.sent_bytes if acknowledged is None else acknowledged
            self._deadline.progressed(progress.sent_bytes, known)
            self._observer.progressed(
                send.start + progress.sent_bytes,
                send.start + (progress.sent_bytes if acknowledged is None else acknowledged),
            )

        return progressed

    def _informational(self, send: Send) -> Callable[[Informational], object]:
        users = self._way.options.on_informational

        def informed(informational: Informational) -> None:
            if users is not None:
                users(informational)
            if informational.status == RESUMPTION_SUPPORTED and send.has_content:
                self._interim(informational, send.url)

        return informed

    def _interim(self, informational: Informational, url: str) -> None:
        if self._under_way is None or self._refused is not None:
            return
        before = self.state
        given = attrs.evolve(read_interim(informational, url), sent_bytes=self._taken_bytes)
        self.state, step = machine.step(before, given, time.monotonic())
        if isinstance(step, Fail):
            self._refused = step.error
            self._under_way.cancel()
        elif self.state != before:
            if self.state.confirmed > before.confirmed:
                self._deadline.touch()
            self._tell(before, step)
            self._source.confirmed(self.state.confirmed)
            self._observer.changed(self.state)

    async def _checksum(self, send: Send) -> tuple[str, str]:
        algorithm = send.checksum or ""
        digest = hashlib.new(CHECKSUM_ALGORITHMS[algorithm])
        await in_thread(self._reactor, self._source.hash, digest, send.start, send.stop)
        value = format_checksum(Checksum(algorithm, digest.digest()))
        return Field.UPLOAD_CHECKSUM, value

    # What is between them.

    async def _wait(self, wait: Wait) -> Given:
        seconds = random.uniform(wait.shortest_seconds, wait.longest_seconds)  # noqa: S311
        await deferLater(self._reactor, seconds)
        return Waited()

    def _tell(self, before: State, step: NextStep) -> None:
        state = self.state
        if not self._is_chosen and state.chosen is not None:
            self._is_chosen = True
            self._notice(NoticeKind.CHOSEN, state.chosen.value)
        if state.restarts > before.restarts:
            self._notice(NoticeKind.ANEW, "the server has forgotten the upload")
        if isinstance(step, Wait):
            last = state.last_error
            self._notice(
                NoticeKind.RETRYING,
                "" if last is None else str(last),
                delay_seconds=step.shortest_seconds,
                error=last,
            )

    def _notice(self, kind: NoticeKind, text: str, **more: Any) -> None:
        notice = Notice(kind=kind, text=text, offset=self.state.confirmed, **more)
        self._observer.notice(notice)

    def _with_response(self, error: Exception) -> Exception:
        if isinstance(error, RemoteError) and error.response is None:
            error.response = self.response
        return error


def _status_of(response: Response) -> int:
    """The status; that of the redirection if a page was fetched instead of what was asked for.

    By 301 and 302 POST becomes GET (RFC 9110 section 15.4): nothing was created, and nothing sent.
    """
    later, earlier = response, cast("Response | None", response.previousResponse)
    while earlier is not None:
        if earlier.request.method != later.request.method and earlier.code != 303:
            return earlier.code
        later, earlier = earlier, cast("Response | None", earlier.previousResponse)
    return response.code


def _least(seconds: float | None, most: float) -> float | None:
    least = most if seconds is None else min(seconds, most)
    return None if math.isinf(least) else least


def _redirects(options: Options) -> int:
    return _REDIRECTS if options.redirects is None else options.redirects
