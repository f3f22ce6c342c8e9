"""One source to one URL as a resumable upload."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from filebody.agent import Options, UploadAgent
from filebody.cli._answer import beginning_of, digest_of
from filebody.cli._course import Course, Resumption, regular_path
from filebody.cli._follow import FollowingHash
from filebody.cli._job import Job
from filebody.cli._load import Load, Reached
from filebody.cli._notices import Notices, Waiting
from filebody.cli._secrets import url_without_secrets
from filebody.cli._show import Show
from filebody.cli._targets import headers_of
from filebody.cli._verbose import Trace
from filebody.errors import BodyChanged, DigestMismatch, FilebodyError, TotalTimeout
from filebody.progress import Progress
from filebody.resumable import Checkpoints

if TYPE_CHECKING:
    from filebody.resumable import Outcome

__all__ = ["Resumable"]


class Resumable(Job):
    """Sends one load by `filebody.resumable.upload`; one object for each.

    It fails with

    - what `upload` fails with; `DigestMismatch`: the server has something else,
    - `TotalTimeout`: it took longer than the options say, all tries together,
    - what was given to `abort`.

    Args:
        agent: By which.
        options: What the agent is asked for.
        method: Of the request that creates it, where that can be chosen.
        course: How.
        resumption: What was asked for.
        fields: Header fields of the user's, as names and values.
        load: What to send; not compressed, and no form.
        show: Where to show how far it is.
        notices: What to tell besides.
        store: Where checkpoints are.
        is_verbose: Whether to show the stages.

    Attributes:
        status: What was answered, if it was a success.
        is_verified: Whether the server has said that it has what was sent.
    """

    def __init__(
        self,
        *,
        agent: UploadAgent,
        options: Options,
        method: str,
        course: Course,
        resumption: Resumption,
        fields: Sequence[tuple[str, str]],
        load: Load,
        show: Show,
        notices: Notices,
        store: Checkpoints,
        is_verbose: bool,
    ) -> None:
        super().__init__(agent.reactor)
        self.status: int | None = None
        self.is_verified = False
        self._agent = agent
        self._trace = Trace(show.say if is_verbose else None, has_identifiers=True)
        self._total_seconds = options.timeouts.total_seconds
        self._options = attrs.evolve(options, listener=self._trace)
        self._method = method
        self._course = course
        self._resumption = resumption
        self._headers = headers_of(fields)
        self._load = load
        self._show = show
        self._notices = notices
        self._store = store
        self._path = regular_path(load.content)
        self._following = None if self._path is None else FollowingHash(self._reactor, self._path)
        self._waiting = Waiting(load, show)
        self._began = time.monotonic()
        self._progress = Progress(0, load.total_bytes, 0.0)
        self._outcome: Outcome | None = None
        self._sha256: bytes | None = None

    @property
    def reached(self) -> Reached:
        """How far it is."""
        progress, outcome = self._progress, self._outcome
        if outcome is None:
            return Reached(
                sent_bytes=progress.reached_bytes,
                total_bytes=self._load.total_bytes,
                resumed_bytes=progress.resumed_bytes,
                protocol=self._notices.protocol,
                upload_id=self._kept_id(),
            )
        return Reached(
            sent_bytes=outcome.length,
            total_bytes=outcome.length,
            is_out=True,
            sha256=self._sha256,
            resumed_bytes=outcome.resumed_bytes,
            protocol=outcome.protocol.value,
        )

    async def _do(self) -> None:
        timer = None
        if self._total_seconds is not None:
            timer = self._reactor.callLater(self._total_seconds, self._took_too_long)
        try:
            await self._send()
        finally:
            if self._following is not None:
                self._following.stop()
            if timer is not None and timer.active():
                timer.cancel()

    async def _send(self) -> None:
        from filebody.resumable import upload  # noqa: PLC0415 - small files do not need it

        course, asked = self._course, self._resumption
        metadata = None if course.filename is None else {"filename": course.filename}
        outcome = await upload(
            self._agent,
            course.url,
            # Of what can be read only once the digest is taken while it is read.
            self._load.body if self._path is None else self._load.content,
            protocol=course.protocol,
            method=self._method,
            parallel=asked.parallel,
            offer=course.offer,
            headers=self._headers,
            metadata=metadata,
            # Of a stream it is noted for those who cancel it.
            checkpoints=self._store if course.is_kept or self._path is None else None,
            verify_prefix=asked.verify_prefix,
            give_up_after_seconds=asked.give_up_after_seconds,
            options=self._options,
            on_progress=self._progressed,
            on_notice=self._notices.hear,
        )
        self._look()
        self._sha256 = await self._digest(outcome)
        self._outcome = outcome
        await self._verify(outcome)

    async def _digest(self, outcome: Outcome) -> bytes | None:
        if self._following is None:
            return self._load.digest()
        digest = await self._following.finish(outcome.length)
        content = self._load.content
        if digest is not None and content.is_touched:
            now = await self._following.finish_again(outcome.length)
            if now != digest:
                raise BodyChanged(content.source, outcome.length, "its content")
        return digest

    async def _verify(self, outcome: Outcome) -> None:
        """Compare the server's digest, if there is one, with that of what was sent."""
        response = outcome.response
        if response is None:
            return
        self.status = response.code
        digest = digest_of(response)
        with contextlib.suppress(FilebodyError):  # it has said that it has everything
            self._trace.answered(response, await beginning_of(response))
        if digest is None or self._sha256 is None:
            return
        self.is_verified = digest == self._sha256
        if not self.is_verified:
            raise DigestMismatch(response.url, response.code, self._sha256, digest)

    def _took_too_long(self) -> None:
        url = url_without_secrets(self._course.url)
        reason = f"not done within {self._total_seconds:g} s"
        self.abort(TotalTimeout(url, self._progress.reached_bytes, reason))

    def _kept_id(self) -> str | None:
        """The name of the checkpoint, if there is one."""
        if self._path is None or not self._course.is_kept:
            return None
        with contextlib.suppress(OSError):
            checkpoint = self._store.find(self._path, self._course.url)
            return None if checkpoint is None else checkpoint.id
        return None

    def _progressed(self, progress: Progress) -> None:
        self._progress = progress
        if progress.sent_bytes > progress.resumed_bytes:
            self._notices.moving(progress.elapsed_seconds)
        if self._following is not None:
            self._following.follow(progress.sent_bytes)

    def _look(self) -> None:
        elapsed = time.monotonic() - self._began
        self._waiting.look(elapsed)
        self._show.look(attrs.evolve(self._progress, elapsed_seconds=elapsed))
