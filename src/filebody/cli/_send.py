"""Sends files one after the other, and says what became of each."""

from __future__ import annotations

import sys
import time
from collections.abc import Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from filebody.agent import UploadAgent
from filebody.cli._exchange import Exchange
from filebody.cli._exit import ExitCode, Interrupted, exit_code_of
from filebody.cli._load import Reached
from filebody.cli._messages import failure_line
from filebody.cli._options import SendOptions
from filebody.cli._show import Result, Screen, Show
from filebody.cli._sources import Source
from filebody.cli._targets import Target
from filebody.errors import FilebodyError, RemoteError

__all__ = ["Sending"]

_PRIVATE_DIRECTORY = "received"


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
        return self._send_all(reactor, self._options.target, self._options.fields)

    async def _send_here(self, reactor: Any) -> int:
        from filebody.cli._here import receiving_here  # noqa: PLC0415 - few need a server

        async with receiving_here(reactor, _PRIVATE_DIRECTORY) as (url, token):
            fields = [*self._options.fields, ("Authorization", f"Bearer {token}")]
            return await self._send_all(reactor, Target.parse(url), fields)

    async def _send_all(
        self, reactor: Any, target: Target, fields: Sequence[tuple[str, str]]
    ) -> int:
        options = self._options
        results: list[Result] = []
        started = time.monotonic()
        agent = UploadAgent(  # one for all: files to the same host share connections
            reactor, tls=options.tls, proxy=options.proxy, rate_limit=options.rate_limit
        )
        for source in options.sources:
            if self._stop is not None:
                break
            if source.reads_stdin and sys.stdin is not None and sys.stdin.isatty():
                self._screen.err("filebody: reading from the terminal; Ctrl-D ends the file")
            results.append(
                await self._send_one(reactor, agent, source, target.of(source.name), fields)
            )
            if results[-1].code and options.fail_early:
                break
        agent.close()
        self._show.summarize(
            results, planned=len(options.sources), seconds=time.monotonic() - started
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
        """Send one file; if it is not sent, the result says why."""
        options = self._options
        is_ours = options.target is None
        place = f"{_PRIVATE_DIRECTORY}/{source.name}" if is_ours else target.shown
        began = time.monotonic()
        exchange: Exchange | None = None
        error: FilebodyError | Interrupted | None = None
        try:
            load = source.load(coding=options.coding, allow_changes=options.allow_changes)
            self._exchange = exchange = Exchange(
                reactor,
                agent=agent,
                options=options.exchange,
                method=options.method,
                target=target,
                fields=fields,
                load=load,
                show=self._show,
                is_verbose=options.verbose,
            )
            self._show.begin(source.shown, load.total_bytes)
            await exchange.run()
        except (FilebodyError, Interrupted) as failure:
            error = failure
        finally:
            self._exchange = None
            self._show.leave()
        reached = Reached() if exchange is None else exchange.reached
        status = None if exchange is None else exchange.status
        result = Result(
            source=source.argument,
            shown=source.shown,
            url=target.url,
            place=place,
            status=error.status if isinstance(error, RemoteError) else status,
            reached=reached,
            seconds=time.monotonic() - began,
            verified=exchange is not None and exchange.is_verified,
            error=None if error is None else failure_line(error, source.shown, place, reached),
            code=ExitCode.OK if error is None else exit_code_of(error),
        )
        self._show.end(result)
        return result
