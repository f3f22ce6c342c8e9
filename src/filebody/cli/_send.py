"""Sends files one after the other, and says what became of each."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from filebody.body import Body, DigestBody, PathBody
from filebody.cli._answer import Answer
from filebody.cli._exchange import Exchange
from filebody.cli._exit import ExitCode, Interrupted, exit_code_of
from filebody.cli._messages import failure_line
from filebody.cli._show import Result, Screen, Show
from filebody.cli._targets import STDIN, Source, Target, plan
from filebody.cli._trust import Trust
from filebody.cli._watch import Limits
from filebody.errors import (
    BodyError,
    BodyReadError,
    DigestMismatch,
    FilebodyError,
    RemoteError,
    UsageError,
)
from filebody.receiver import Receiver, ReceiverConfig

__all__ = ["SendOptions", "Sending"]

_WEEK_SECONDS = 7 * 24 * 3600.0
_PRIVATE_DIRECTORY = "received"


@attrs.frozen(kw_only=True)
class SendOptions:
    """What `filebody send` is told.

    Attributes:
        sources: Paths, or `-`.
        target: Where to, or None for a receiver of our own.
        method: PUT, POST or PATCH.
        name: The last segment of the URL, or None for the file's name.
        fields: Header fields.
        trust: Whose certificates count.
        limits: How long what may take.
        allow_changes: Whether files may change while they are sent.
        fail_early: Whether to stop at the first failure.
        quiet: Errors only.
        as_json: Results as JSON.
    """

    sources: Sequence[str]
    target: Target | None
    method: str
    name: str | None
    fields: Sequence[tuple[str, str]]
    trust: Trust
    limits: Limits
    allow_changes: bool
    fail_early: bool
    quiet: bool
    as_json: bool


class Sending:
    """One run of `filebody send`.

    Args:
        options: What to do.
        screen: Where to tell of it.
    """

    def __init__(self, options: SendOptions, screen: Screen) -> None:
        self._options = options
        self._show = Show(screen, quiet=options.quiet, as_json=options.as_json)
        self._screen = screen
        self._exchange: Exchange | None = None
        self._stop: Interrupted | None = None
        # A wrong command line is told before anything begins.
        self._target = options.target or Target.parse("http://127.0.0.1/")
        self._planned = plan(options.sources, self._target, options.name)

    def on_signal(self, number: int) -> None:
        """Stop sending: this file is not finished, and no other is begun."""
        if self._stop is None:
            self._stop = Interrupted(number)
            if self._exchange is not None:
                self._exchange.abort(self._stop)

    def run(self, reactor: Any) -> Coroutine[Deferred[Any], Any, int]:
        """Send them all; returns the exit code."""
        if self._options.target is None:
            return self._send_here(reactor)
        return self._send_all(reactor, self._options.fields)

    async def _send_here(self, reactor: Any) -> int:
        """Send to a receiver of our own, which nobody else can use."""
        token = secrets.token_urlsafe()
        config = ReceiverConfig(
            directory=Path(_PRIVATE_DIRECTORY),
            overwrite=True,
            token=token,
            idle_timeout_seconds=_WEEK_SECONDS,  # somebody may be typing
        )
        receiver = Receiver(config, reactor=reactor)
        await receiver.start()
        try:
            self._target = Target.parse(receiver.url)
            self._planned = plan(self._options.sources, self._target, self._options.name)
            fields = [*self._options.fields, ("Authorization", f"Bearer {token}")]
            return await self._send_all(reactor, fields)
        finally:
            await receiver.stop(0)

    async def _send_all(self, reactor: Any, fields: Sequence[tuple[str, str]]) -> int:
        results: list[Result] = []
        started = time.monotonic()
        for source, target in self._planned:
            if self._stop is not None:
                break
            if source.argument == STDIN and sys.stdin is not None and sys.stdin.isatty():
                self._screen.err("filebody: reading from the terminal; Ctrl-D ends the file")
            results.append(await self._send_one(reactor, source, target, fields))
            if results[-1].code and self._options.fail_early:
                break
        self._show.summarize(
            results, planned=len(self._planned), seconds=time.monotonic() - started
        )
        if self._stop is not None:
            if not results or results[-1].code != exit_code_of(self._stop):
                self._screen.error("interrupted between two files; none was cut off")
            return exit_code_of(self._stop)
        return next((result.code for result in results if result.code), ExitCode.OK)

    async def _send_one(
        self, reactor: Any, source: Source, target: Target, fields: Sequence[tuple[str, str]]
    ) -> Result:
        attempt = _Attempt()
        began = time.monotonic()
        is_ours = self._options.target is None
        place = f"{_PRIVATE_DIRECTORY}/{source.name}" if is_ours else target.url
        error: str | None = None
        code: int = ExitCode.OK
        try:
            await self._try(reactor, source, target, fields, attempt)
        except (FilebodyError, Interrupted) as failure:
            code = exit_code_of(failure)
            if isinstance(failure, RemoteError):
                attempt.status = failure.status
            error = failure_line(
                failure,
                source=source.shown,
                url=place if isinstance(failure, (BodyError, Interrupted)) else target.url,
                sent_bytes=attempt.sent_bytes,
                total_bytes=attempt.total_bytes,
            )
        result = Result(
            source=source.argument,
            url=target.url,
            place=place,
            status=attempt.status,
            sent_bytes=attempt.sent_bytes,
            seconds=time.monotonic() - began,
            sha256=attempt.sha256,
            verified=attempt.verified,
            error=error,
            code=code,
        )
        self._show.end(result)
        return result

    async def _try(
        self,
        reactor: Any,
        source: Source,
        target: Target,
        fields: Sequence[tuple[str, str]],
        attempt: _Attempt,
    ) -> None:
        """Send one file, and keep what is known so far in `attempt`.

        Raises:
            FilebodyError: It was not sent.
            Interrupted: A signal came.
        """
        options = self._options
        body = DigestBody(_body(source, allow_changes=options.allow_changes))
        attempt.total_bytes = body.length
        self._exchange = exchange = Exchange(
            reactor,
            method=options.method,
            target=target,
            fields=fields,
            body=body,
            trust=options.trust,
            limits=options.limits,
            on_look=self._show.look,
        )
        self._show.begin(source.shown, body.length)
        try:
            answer = await exchange.run()
        finally:
            self._show.leave()
            self._exchange = None
            attempt.sent_bytes = exchange.sent_bytes
        attempt.status = answer.status
        attempt.sha256 = body.digest()
        attempt.verified = _verify(answer, target, attempt.sha256)


@attrs.define
class _Attempt:
    """What is known of a file that is being sent."""

    total_bytes: int | None = None
    sent_bytes: int = 0
    status: int | None = None
    sha256: bytes | None = None
    verified: bool = False


def _body(source: Source, *, allow_changes: bool) -> Body:
    """The body, after a look at whether it can be read: no server is to be bothered if not."""
    try:
        body = source.body(allow_changes=allow_changes)
        if isinstance(body, PathBody) and body.replayable:
            os.close(os.open(body.path, os.O_RDONLY | os.O_CLOEXEC))
    except UsageError as error:
        is_directory = os.path.isdir(source.argument)
        reason = "it is a directory" if is_directory else str(error)
        cause = OSError(errno.EISDIR if is_directory else errno.EINVAL, reason)
        raise BodyReadError(source.shown, 0, cause) from error
    except BodyReadError:
        raise
    except OSError as error:
        raise BodyReadError(source.shown, 0, error) from error
    return body


def _verify(answer: Answer, target: Target, sent: bytes) -> bool:
    """Whether the server has said that it has what was sent.

    Raises:
        DigestMismatch: It has something else.
    """
    # Some servers mean the answer's own body by this field, as RFC 9530 section 3.1 allows.
    if answer.digest in {None, hashlib.sha256(answer.content).digest()} - {sent}:
        return False
    if answer.digest is not None and answer.digest != sent:
        raise DigestMismatch(target.url, answer.status, sent, answer.digest)
    return True
