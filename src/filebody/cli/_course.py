"""Whether a file is sent as a resumable upload, and how: the server's offer decides."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence

import attrs

from filebody.agent import Options, Retries, UploadAgent
from filebody.body import Body, PathBody
from filebody.cli._job import Job
from filebody.cli._targets import Target, headers_of
from filebody.errors import (
    ConnectError,
    ConnectTimeout,
    FilebodyError,
    ProxyError,
    TLSError,
    TLSTimeout,
    TotalTimeout,
    UsageError,
)
from filebody.resumable import Checkpoint, Checkpoints, Offer, Protocol

__all__ = [
    "Asking",
    "Course",
    "Resumption",
    "begun_course",
    "check_unfinished",
    "course_of",
    "offered_course",
    "regular_path",
]

SMALLEST_BYTES = 1 << 20
"""What is shorter is sent again sooner than the server is asked."""
# A server that does not know what to say to OPTIONS does not hold up what worked without it.
_PATIENCE_SECONDS = 10.0
_NOT_REACHED = (ConnectError, ConnectTimeout, TLSError, TLSTimeout, ProxyError)


@attrs.frozen(kw_only=True)
class Resumption:
    """What was asked for.

    Attributes:
        wish: Whether uploads are to be resumable; None for where the server offers it.
        parallel: In how many parts.
        give_up_after_seconds: For how long to go on trying without progress.
        verify_prefix: Whether to hash what the server has before going on with it.
    """

    wish: bool | None
    parallel: int
    give_up_after_seconds: float
    verify_prefix: bool

    def is_for(self, body: Body) -> bool:
        """Whether the server is to be asked for a body that it knows nothing of."""
        if self.wish is not None:
            return self.wish
        if regular_path(body) is None:
            return body.length is None  # a pipe may pause for longer than a server waits
        return (body.length or 0) >= SMALLEST_BYTES


@attrs.frozen(kw_only=True)
class Course:
    """How one body is sent.

    Attributes:
        url: Where to; for tus it may be that of the directory.
        protocol: Which protocol, as far as it is known.
        offer: What the server offers, if it was asked.
        filename: What it is called in the metadata (tus), or None for the file's name.
        is_kept: Whether another process can resume it.
        upload_id: Of the checkpoint, if one has begun it.
        method: Of the request that creates it, if another one than the user says.
    """

    url: str
    protocol: Protocol = Protocol.AUTO
    offer: Offer | None = None
    filename: bytes | None = None
    is_kept: bool = True
    upload_id: str | None = None
    method: str | None = None


def regular_path(body: Body) -> str | None:
    """Where another process can find it again, if it is such a file; else None."""
    return body.path if isinstance(body, PathBody) and body.replayable else None


def begun_course(body: Body, target: Target, name: str, store: Checkpoints) -> Course | None:
    """How it was begun before, if it was; reads a file."""
    path = regular_path(body)
    if path is None:
        return None
    urls = [target.of(name).url]
    if _own_name(body) == name:  # else what goes to the directory would get the file's own name
        urls.append(target.url)
    with contextlib.suppress(OSError):  # what cannot be written there, either, is told later
        for url in urls:
            checkpoint = store.find(path, url)
            if checkpoint is not None:
                return course_of(checkpoint)
    return None


def course_of(checkpoint: Checkpoint) -> Course:
    """The course of an upload that was begun."""
    return Course(
        url=checkpoint.url,
        protocol=checkpoint.protocol or Protocol.AUTO,
        upload_id=checkpoint.id,
        method=checkpoint.method,
    )


def check_unfinished(store: Checkpoints, upload_id: str) -> None:
    """See to it that what was finished by another process is not begun once more, or deleted.

    Raises:
        UsageError: It was finished, or cancelled, since it was chosen.
    """
    with contextlib.suppress(OSError):  # what is to be done with it will tell
        if store.load(upload_id) is None:
            raise UsageError(f"{upload_id} is not unfinished any more: another process was at it")


def offered_course(offer: Offer, body: Body, target: Target, name: str) -> Course | None:
    """How it is sent because of what a server offers; None if it offers nothing."""
    if offer.ietf:
        return Course(url=target.of(name).url, offer=offer)
    if not offer.tus or "creation" not in offer.extensions:
        return None
    if body.length is None and "creation-defer-length" not in offer.extensions:
        return None
    # Most tus servers create uploads at one URL, and take the names from the metadata.
    course = Course(url=target.url, protocol=Protocol.TUS, offer=offer)
    if not target.is_directory:
        return course
    # Under the same URL two names of one file could not be told from each other later.
    return attrs.evolve(course, filename=os.fsencode(name), is_kept=_own_name(body) == name)


def _own_name(body: Body) -> str:
    """What a file is called where it lies, whatever links lead there."""
    return os.path.basename(os.path.realpath(body.path)) if isinstance(body, PathBody) else ""


class Asking(Job):
    """Asks a server what it offers; no answer that makes sense is no offer.

    It fails with a `TransferError` if the server cannot be reached and nothing is retried.

    Args:
        agent: By which.
        options: The agent's.
        target: Where the file goes.
        directory: The URL that its name was appended to, which a tus server may have for all
            uploads; None if nothing was appended.
        fields: Header fields of the user's, as names and values.

    Attributes:
        offer: What it offers.
        is_silent: Whether it has not said so in time, and is not to be asked again.
    """

    def __init__(
        self,
        agent: UploadAgent,
        options: Options,
        target: Target,
        directory: Target | None,
        fields: Sequence[tuple[str, str]],
    ) -> None:
        super().__init__(agent.reactor)
        self.offer = Offer()
        self.is_silent = False
        self._agent = agent
        self._is_patient = options.retries.limit > 0
        total = options.timeouts.total_seconds
        self._is_last = total is not None and total <= _PATIENCE_SECONDS
        # Of everything: an answer can begin in time and never come to its end.
        self._patience = min(total or _PATIENCE_SECONDS, _PATIENCE_SECONDS)
        self._options = attrs.evolve(
            options,
            retries=Retries(limit=0),
            timeouts=attrs.evolve(options.timeouts, total_seconds=self._patience),
        )
        self._target = target
        self._directory = directory
        self._headers = headers_of(fields)

    async def _do(self) -> None:
        began = time.monotonic()
        try:
            self.offer = await self._discover(self._target)
            is_slow = time.monotonic() - began > self._patience / 2
            if not (self.offer.ietf or self.offer.tus or is_slow) and self._directory is not None:
                # What else is offered there is not for what lies below it.
                there = await self._discover(self._directory)
                self.offer = attrs.evolve(there, ietf=False)
        except _NOT_REACHED:
            if not self._is_patient:
                raise
        except TotalTimeout:
            if self._is_last:
                raise
        except FilebodyError:  # whatever it is, the request that counts will tell
            return
        # Even if the beginning of the answer came: its end may never do.
        self.is_silent = time.monotonic() - began >= self._patience

    async def _discover(self, target: Target) -> Offer:
        from filebody.resumable import discover  # noqa: PLC0415 - small files do not need it

        return await discover(self._agent, target.url, headers=self._headers, options=self._options)

    def _look(self) -> None:
        """See `Job`; there is nothing to be seen."""
