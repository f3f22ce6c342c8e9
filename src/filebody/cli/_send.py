"""Sends files one after the other, and says what became of each."""

from __future__ import annotations

import hashlib
import secrets
import ssl
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from filebody.agent import Attempt, Options, Proxies, RateLimit, UploadAgent
from filebody.cli._answer import Answer
from filebody.cli._body import HashedBody, body_of
from filebody.cli._exchange import Exchange
from filebody.cli._exit import ExitCode, Interrupted, exit_code_of
from filebody.cli._messages import failure_line, retry_line
from filebody.cli._show import Result, Screen, Show
from filebody.cli._targets import STDIN, Source, Target, plan
from filebody.errors import (
    DigestMismatch,
    FilebodyError,
    RemoteError,
    TransferError,
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
        tls: Whose certificates count; None for those that the system's authorities signed.
        proxy: Which ones to go through.
        rate_limit: How fast all files may be together; None for no limit.
        exchange: What the agent is asked for with each file.
        allow_changes: Whether files may change while they are sent.
        fail_early: Whether to stop at the first failure.
        quiet: Errors only.
        verbose: Stages and heads on standard error.
        as_json: Results as JSON.
    """

    sources: Sequence[str]
    target: Target | None
    method: str
    name: str | None
    fields: Sequence[tuple[str, str]]
    tls: ssl.SSLContext | None
    proxy: Proxies
    rate_limit: RateLimit | None
    exchange: Options
    allow_changes: bool
    fail_early: bool
    quiet: bool
    verbose: bool
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

    def _retried(self, attempt: Attempt) -> None:
        if not self._options.quiet:
            line = retry_line(attempt.number, attempt.status, attempt.error, attempt.delay_seconds)
            self._show.say(f"filebody: {line}")

    async def _send_all(self, reactor: Any, fields: Sequence[tuple[str, str]]) -> int:
        results: list[Result] = []
        started = time.monotonic()
        agent = UploadAgent(  # one for all: files to the same host share connections
            reactor,
            tls=self._options.tls,
            proxy=None if self._options.target is None else self._options.proxy,
            rate_limit=self._options.rate_limit,
        )
        for source, target in self._planned:
            if self._stop is not None:
                break
            if source.argument == STDIN and sys.stdin is not None and sys.stdin.isatty():
                self._screen.err("filebody: reading from the terminal; Ctrl-D ends the file")
            results.append(await self._send_one(reactor, agent, source, target, fields))
            if results[-1].code and self._options.fail_early:
                break
        agent.close()
        self._show.summarize(
            results, planned=len(self._planned), seconds=time.monotonic() - started
        )
        if self._stop is not None:
            if not results or results[-1].code != exit_code_of(self._stop):
                self._screen.error("interrupted between two files; none was cut off")
            return exit_code_of(self._stop)
        return next((result.code for result in results if result.code), ExitCode.OK)

    async def _send_one(
        self,
        reactor: Any,
        agent: UploadAgent,
        source: Source,
        target: Target,
        fields: Sequence[tuple[str, str]],
    ) -> Result:
        known = _Known()
        began = time.monotonic()
        is_ours = self._options.target is None
        place = f"{_PRIVATE_DIRECTORY}/{source.name}" if is_ours else target.url
        error: str | None = None
        code: int = ExitCode.OK
        try:
            await self._try(reactor, agent, source, target, fields, known)
        except (FilebodyError, Interrupted) as failure:
            code = exit_code_of(failure)
            if isinstance(failure, RemoteError):
                known.status = failure.status
            error = failure_line(
                failure,
                source=source.shown,
                url=_url_of(failure, place),
                sent_bytes=known.sent_bytes,
                total_bytes=known.total_bytes,
            )
        result = Result(
            source=source.argument,
            url=target.url,
            place=place,
            status=known.status,
            sent_bytes=known.sent_bytes,
            seconds=time.monotonic() - began,
            sha256=known.sha256,
            verified=known.verified,
            error=error,
            code=code,
        )
        self._show.end(result)
        return result

    async def _try(
        self,
        reactor: Any,
        agent: UploadAgent,
        source: Source,
        target: Target,
        fields: Sequence[tuple[str, str]],
        known: _Known,
    ) -> None:
        """Send one file, and keep what is known so far in `known`.

        Raises:
            FilebodyError: It was not sent.
            Interrupted: A signal came.
        """
        options = self._options
        body = HashedBody(body_of(source, allow_changes=options.allow_changes))
        known.total_bytes = body.length
        self._exchange = exchange = Exchange(
            reactor,
            agent=agent,
            options=attrs.evolve(options.exchange, on_retry=self._retried),
            method=options.method,
            target=target,
            fields=fields,
            body=body,
            on_look=self._show.look,
            say=self._show.say if options.verbose else None,
        )
        self._show.begin(source.shown, body.length)
        try:
            answer = await exchange.run()
        finally:
            self._show.leave()
            self._exchange = None
            known.sent_bytes = exchange.sent_bytes
        known.status = answer.status
        known.sha256 = body.digest()
        known.verified = _verify(answer, target, known.sha256)


@attrs.define
class _Known:
    """What is known of a file that is being sent."""

    total_bytes: int | None = None
    sent_bytes: int = 0
    status: int | None = None
    sha256: bytes | None = None
    verified: bool = False


def _url_of(failure: Exception, place: str) -> str:
    """Who it was that said no, after redirections; else where the file was to go."""
    return failure.url if isinstance(failure, (RemoteError, TransferError)) else place


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
