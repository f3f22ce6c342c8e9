"""One source to one URL by the agent: what was sent, and what the answer means."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import attrs

from filebody.agent import Attempt, Moment, Options, Response, UploadAgent
from filebody.cli._answer import beginning_of, detail_of, digest_of
from filebody.cli._job import Job
from filebody.cli._load import Load, Reached
from filebody.cli._messages import retry_line
from filebody.cli._notices import Waiting, touched_words
from filebody.cli._show import Show
from filebody.cli._targets import Target, headers_of
from filebody.cli._verbose import Trace
from filebody.cli._words import one_line
from filebody.errors import ChunkedNotSupported, DigestMismatch, NotReplayable, RemoteError
from filebody.progress import Progress

__all__ = ["Exchange"]


class Exchange(Job):
    """Sends one load, as often as the options say; one object for each.

    It fails with

    - `BodyError` (or what a file object raised): the source cannot be read as promised,
    - `RemoteError`: the answer is not a success, or `DigestMismatch`: of something else,
    - `TransferError`: the way there failed, or took too long,
    - what was given to `abort`.

    Args:
        reactor: The reactor.
        agent: By which.
        options: What the agent is asked for; what is to be heard is added.
        method: The request's method.
        target: Where to.
        fields: Header fields of the user's, as names and values.
        load: What to send.
        show: Where to show how far it is.
        is_verbose: Whether to show the stages.

    Attributes:
        status: What was answered, if it was a success.
        is_verified: Whether the server has said that it has what was sent.
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
        load: Load,
        show: Show,
        is_verbose: bool,
    ) -> None:
        super().__init__(reactor)
        self.status: int | None = None
        self.is_verified = False
        self._agent = agent
        self._stages = _Stages(method, show.say if is_verbose else None)
        self._options = attrs.evolve(
            options,
            on_progress=self._progressed,
            on_retry=self._retried,
            listener=self._stages,
        )
        self._method = method.encode()
        self._target = target
        self._headers = headers_of((*load.fields, *fields))
        self._load = load
        self._show = show
        self._waiting = Waiting(load, show)
        self._began = time.monotonic()
        self._progress = Progress(0, load.body.length, 0.0)

    @property
    def reached(self) -> Reached:
        """How far it came, in the last attempt."""
        sent = self._stages.sent_bytes
        if not self._stages.has_begun:
            return self._load.reached(Progress(0, None, 0.0), is_out=False)
        if sent is None:
            return self._load.reached(self._progress, is_out=False)
        return self._load.reached(attrs.evolve(self._progress, sent_bytes=sent), is_out=True)

    async def _do(self) -> None:
        url = self._target.url.encode()
        try:
            asked = self._agent.request(
                self._method, url, self._headers, self._load.body, options=self._options
            )
            response = cast("Response", await asked)
        except NotReplayable as error:
            raise _redirected_once(error) from error
        except ChunkedNotSupported as error:
            raise self._framing_refused(error) from error
        content = await beginning_of(response)
        self._stages.answered(response, content)
        self._look()
        if response.code >= 300:
            detail = detail_of(response, content)
            raise RemoteError(response.url, response.code, detail, response=response)
        self._check_that_it_was_sent(response)
        self.status = response.code
        if self._load.content.is_touched:
            self._show.tell(f"filebody: {one_line(touched_words(self._load.content.source))}")
        # What answers instead of the server that took the file describes itself, not the file.
        if response.request.method == self._method:
            self._verify(response, content)

    def _check_that_it_was_sent(self, response: Response) -> None:
        """See to it that no page that was fetched is taken for an upload.

        After 303 (See Other) it may be fetched, if the server has taken the body and says where to
        read about it. By 301 and 302 the place has moved, and what came instead was asked for
        without the body.
        """
        later, earlier = response, cast("Response | None", response.previousResponse)
        while earlier is not None:
            is_fetched = earlier.request.method != later.request.method
            if is_fetched and (earlier.code != 303 or self._stages.sent_bytes is None):
                detail = detail_of(earlier, b"")
                raise RemoteError(earlier.url, earlier.code, detail, response=earlier)
            later, earlier = earlier, cast("Response | None", earlier.previousResponse)

    def _framing_refused(self, error: ChunkedNotSupported) -> RemoteError:
        """Return what a user of the command can do about it."""
        what = "it answers by HTTP/1.0, and may have stored the framing of chunks as data"
        instead = "a file, not a pipe" if self._load.coding is None else "it without --compress"
        detail = f"{what}: look there, and send {instead}"
        return RemoteError(error.url, error.status, detail, response=error.response)

    def _verify(self, response: Response, content: bytes) -> None:
        """Compare the server's digest, if there is one, with that of what was sent."""
        digest = digest_of(response)
        if digest is None:
            return
        self.is_verified = self._load.is_digest(digest)
        # Some servers mean the answer's own body by this field, as RFC 9530 section 3.1 allows;
        # and of a form it may be any part.
        is_of_another = self._load.is_form or digest == hashlib.sha256(content).digest()
        if not self.is_verified and not is_of_another:
            raise DigestMismatch(response.url, response.code, self._load.digest(), digest)

    def _progressed(self, progress: Progress) -> None:
        self._progress = progress

    def _retried(self, attempt: Attempt) -> None:
        line = retry_line(attempt.number, attempt.status, attempt.error, attempt.delay_seconds)
        self._show.tell(f"filebody: {line}")

    def _look(self) -> None:
        elapsed = time.monotonic() - self._began
        progress = attrs.evolve(self._progress, elapsed_seconds=elapsed)
        if self._stages.has_begun:
            self._waiting.look(elapsed)
        self._show.look(self._load.in_content(progress))


class _Stages(Trace):
    """Hears, too, that the body is out: the progress that was reported last may be older.

    Attributes:
        has_begun: Whether the last attempt to send the body came as far as to have a head sent.
        sent_bytes: How long the body was, if all of it is out.
    """

    def __init__(self, method: str, say: Callable[[str], None] | None) -> None:
        super().__init__(say)
        self.has_begun = False
        self.sent_bytes: int | None = None
        self._method = method
        self._begun_attempt = 0

    def request_sent(self, moment: Moment, head: bytes) -> None:
        if moment.method == self._method:  # a page that is fetched afterwards has no body
            self.has_begun = True
            self.sent_bytes = None
            self._begun_attempt = moment.attempt
        super().request_sent(moment, head)

    def body_sent(self, moment: Moment, sent_bytes: int) -> None:
        self.sent_bytes = sent_bytes
        super().body_sent(moment, sent_bytes)

    def ended(self, moment: Moment, error: Exception | None) -> None:
        if moment.method == self._method and moment.attempt != self._begun_attempt:
            self.has_begun = False
            self.sent_bytes = None
        super().ended(moment, error)


def _redirected_once(error: NotReplayable) -> Exception:
    """What came of a redirection of what can be read only once."""
    response = error.response
    if not isinstance(response, Response):
        return error
    detail = f"{detail_of(response, b'')}, as what was begun can be read only once"
    return RemoteError(response.url, response.code, detail, response=response)
