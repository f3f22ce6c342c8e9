"""One file to one URL by the agent: what was sent, and what the answer means."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.web.http_headers import Headers

from filebody.agent import Moment, Options, Response, UploadAgent
from filebody.body import Body
from filebody.cli._answer import Answer, beginning_of, detail_of, digest_of
from filebody.cli._targets import Target
from filebody.cli._verbose import Trace
from filebody.errors import NotReplayable, RemoteError
from filebody.progress import Progress

__all__ = ["Exchange"]

_LOOK_SECONDS = 0.1


class Exchange:
    """Sends one body, as often as the options say; one object for each.

    Args:
        reactor: The reactor.
        agent: By which.
        options: What the agent is asked for; what is to be heard is added.
        method: The request's method.
        target: Where to.
        fields: Header fields of the user's, as names and values.
        body: What to send.
        on_look: Called several times a second, and at the end, with how far it is.
        say: Takes lines about the stages, or None.

    Attributes:
        sent_bytes: How many bytes of the body the connection took, in the last attempt.
        is_out: Whether that was all of it.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        agent: UploadAgent,
        options: Options,
        method: str,
        target: Target,
        fields: Sequence[tuple[str, str]],
        body: Body,
        on_look: Callable[[Progress], None],
        say: Callable[[str], None] | None,
    ) -> None:
        self.sent_bytes = 0
        self.is_out = False
        self._reactor = reactor
        self._agent = agent
        self._stages = _Stages(self, method, say)
        self._options = attrs.evolve(options, on_progress=self._progressed, listener=self._stages)
        self._method = method.encode()
        self._target = target
        self._headers = Headers()
        for name, value in fields:
            self._headers.addRawHeader(name, value)
        self._body = body
        self._on_look = on_look
        self._began = time.monotonic()
        self._progress = Progress(0, body.length, 0.0)
        self._running: Deferred[Answer] | None = None
        self._verdict: Exception | None = None

    def run(self) -> Deferred[Answer]:
        """Do it.

        Returns:
            Fires with the answer. It fails with

            - `BodyError` (or what a file object raised): the source cannot be read as promised,
            - `RemoteError`: the answer is not a success,
            - `TransferError`: the way there failed, or took too long,
            - what was given to `abort`.
        """
        self._running = Deferred.fromCoroutine(self._run())
        return self._running

    def abort(self, error: Exception) -> None:
        """End it now, with `error`; nothing happens after its end."""
        if self._verdict is None and self._running is not None and not self._running.called:
            self._verdict = error
            self._running.cancel()

    async def _run(self) -> Answer:
        # Also while nothing moves: the time goes on, and the rate goes down.
        looking = LoopingCall(self._look)
        looking.clock = self._reactor
        shown = looking.start(_LOOK_SECONDS, now=False)
        shown.addErrback(lambda failure: self.abort(cast("Exception", failure.value)))
        try:
            return await self._talk()
        except Exception as error:
            if self._verdict is not None:
                raise self._verdict from error
            raise
        finally:
            if looking.running:
                looking.stop()

    async def _talk(self) -> Answer:
        url = self._target.url.encode()
        try:
            asked = self._agent.request(
                self._method, url, self._headers, self._body, options=self._options
            )
            response = cast("Response", await asked)
        except NotReplayable as error:
            raise _redirected_once(error) from error
        content = await beginning_of(response)
        self._stages.answered(response)
        self._look()
        if response.code >= 300:
            detail = detail_of(response, content)
            raise RemoteError(response.url, response.code, detail, response=response)
        self._check_that_it_was_sent(response)
        # What answers instead of the server that took the file describes itself, not the file.
        is_about_it = response.request.method == self._method
        return Answer(response.code, digest_of(response) if is_about_it else None, content)

    def _check_that_it_was_sent(self, response: Response) -> None:
        """See to it that no page that was fetched is taken for an upload.

        After 303 (See Other) it may be fetched, if the server has taken the body and says where to
        read about it. By 301 and 302 the place has moved, and what came instead was asked for
        without the body.
        """
        later, earlier = response, cast("Response | None", response.previousResponse)
        while earlier is not None:
            is_fetched = earlier.request.method != later.request.method
            if is_fetched and (earlier.code != 303 or not self.is_out):
                detail = detail_of(earlier, b"")
                raise RemoteError(earlier.url, earlier.code, detail, response=earlier)
            later, earlier = earlier, cast("Response | None", earlier.previousResponse)

    def _progressed(self, progress: Progress) -> None:
        self._progress = progress
        self.sent_bytes = progress.sent_bytes

    def _look(self) -> None:
        elapsed = time.monotonic() - self._began
        self._on_look(attrs.evolve(self._progress, elapsed_seconds=elapsed))


class _Stages(Trace):
    """Hears, too, that a body is out and how long it was: what was reported last may be older."""

    def __init__(self, exchange: Exchange, method: str, say: Callable[[str], None] | None) -> None:
        super().__init__(say)
        self._exchange = exchange
        self._method = method

    def request_sent(self, moment: Moment, head: bytes) -> None:
        if moment.method == self._method:  # a page that is fetched afterwards has no body
            self._exchange.is_out = False
        super().request_sent(moment, head)

    def body_sent(self, moment: Moment, sent_bytes: int) -> None:
        self._exchange.sent_bytes = sent_bytes
        self._exchange.is_out = True
        super().body_sent(moment, sent_bytes)


def _redirected_once(error: NotReplayable) -> Exception:
    """What came of a redirection of what can be read only once."""
    response = error.response
    if not isinstance(response, Response):
        return error
    detail = f"{detail_of(response, b'')}, as what was begun can be read only once"
    return RemoteError(response.url, response.code, detail, response=response)
