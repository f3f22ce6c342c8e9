"""Sends files one after the other, and says what became of each."""

from __future__ import annotations

import sys
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from filebody.agent import Options, UploadAgent
from filebody.body import Body
from filebody.cli._advice import may_take_tus_only
from filebody.cli._course import (
    Asking,
    Course,
    begun_course,
    check_unfinished,
    offered_course,
    regular_path,
)
from filebody.cli._exchange import Exchange
from filebody.cli._exit import ExitCode, Interrupted, exit_code_of
from filebody.cli._facts import command_failed
from filebody.cli._job import Series
from filebody.cli._load import Load, Reached
from filebody.cli._messages import failure_line
from filebody.cli._notices import Notices
from filebody.cli._options import SendOptions
from filebody.cli._resumable import Resumable
from filebody.cli._screen import Screen
from filebody.cli._show import Result, Show
from filebody.cli._sources import Source
from filebody.cli._stdin import Gathering, is_piped
from filebody.cli._targets import Target
from filebody.cli._verbose import Trace
from filebody.errors import FilebodyError, RemoteError, TotalTimeout
from filebody.resumable import Checkpoints

__all__ = ["Item", "Sending"]

_PRIVATE_DIRECTORY = "received"


@attrs.frozen
class Item:
    """One file of those that are sent.

    Attributes:
        source: What.
        target: Where to: its own URL, or that of a directory.
        course: How, if that is known; else the server is asked.
    """

    source: Source
    target: Target
    course: Course | None = None


class Sending(Series):
    """Sends all that was asked for, one after the other.

    Args:
        options: How.
        screen: Where to tell of it.
        items: What, and where to; None for what the options say.
    """

    def __init__(
        self, options: SendOptions, screen: Screen, items: Sequence[Item] | None = None
    ) -> None:
        super().__init__()
        self._options = options
        self._items = items
        self._show = Show(screen, quiet=options.quiet, as_json=options.as_json)
        self._screen = screen
        self._notices = Notices(self._show.tell)
        self._store = Checkpoints()
        self._asked: Asking | None = None  # once, for all files: they go to one place
        self._takes_no_other = False  # tus, also for small files

    def run(self, reactor: Any) -> Coroutine[Deferred[Any], Any, int]:
        """Send them all; returns the exit code."""
        options = self._options
        if self._items is not None:
            return self._send_all(reactor, self._items, options.fields)
        if options.target is None:
            return self._send_here(reactor)
        return self._send_all(reactor, self._items_to(options.target), options.fields)

    def _items_to(self, target: Target) -> list[Item]:
        return [Item(source, target) for source in self._options.sources]

    async def _send_here(self, reactor: Any) -> int:
        from filebody.cli._here import receiving_here  # noqa: PLC0415 - few need a server

        async with receiving_here(reactor, _PRIVATE_DIRECTORY) as (url, token):
            fields = [*self._options.fields, ("Authorization", f"Bearer {token}")]
            return await self._send_all(reactor, self._items_to(Target.parse(url)), fields)

    async def _send_all(
        self, reactor: Any, items: Sequence[Item], fields: Sequence[tuple[str, str]]
    ) -> int:
        options = self._options
        results: list[Result] = []
        started = time.monotonic()
        agent = UploadAgent(  # one for all: files to the same host share connections
            reactor, tls=options.tls, proxy=options.proxy, rate_limit=options.rate_limit
        )
        for item in items:
            if self._stop is not None:
                break
            if item.source.reads_stdin and sys.stdin is not None and sys.stdin.isatty():
                self._screen.err("filebody: reading from the terminal; Ctrl-D ends the file")
            results.append(await self._send_one(agent, item, fields))
            if results[-1].code and options.fail_early:
                break
        agent.close()
        self._show.summarize(results, planned=len(items), seconds=time.monotonic() - started)
        if self._stop is not None:
            if not results or results[-1].code != exit_code_of(self._stop):
                error = "interrupted between two files; none was cut off"
                self._screen.error(error)
                if options.as_json:
                    self._screen.out_json(command_failed(error, exit_code_of(self._stop)))
            return exit_code_of(self._stop)
        return next((result.code for result in results if result.code), ExitCode.OK)

    async def _send_one(
        self, agent: UploadAgent, item: Item, fields: Sequence[tuple[str, str]]
    ) -> Result:
        """Send one file; if it is not sent, the result says why."""
        options, source = self._options, item.source
        target = item.target.of(source.name)
        is_ours = options.target is None and self._items is None
        place = f"{_PRIVATE_DIRECTORY}/{source.name}" if is_ours else target.shown
        began = time.monotonic()
        reached = Reached()
        exchange: Exchange | Resumable | None = None
        error: FilebodyError | Interrupted | None = None
        try:
            stdin = await self._stdin(agent, source)
            load = source.load(
                coding=options.coding, allow_changes=options.allow_changes, stdin=stdin
            )
            reached = Reached(total_bytes=load.total_bytes)
            self._show.begin(source.shown, load.total_bytes)
            was_asked = self._asked is not None
            course = await self._course_of(agent, load, item, fields)
            asked = options.exchange
            if self._asked is not None and not was_asked:
                asked = _rest(asked, began)
            if course is None:
                exchange = self._plain(agent, asked, target, fields, load)
                course = await self._course_after(agent, exchange, load, item, fields)
            if course is not None:
                exchange = self._resumable(agent, asked, course, fields, load, source)
                await self._do(exchange)
        except TotalTimeout as failure:
            error = _of_all(failure, options.exchange)
        except (FilebodyError, Interrupted) as failure:
            error = failure
        finally:
            self._show.leave()
        reached = reached if exchange is None else exchange.reached
        status = None if exchange is None else exchange.status
        result = Result(
            source=source.argument,
            shown=source.shown,
            url=target.shown,
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

    async def _stdin(self, agent: UploadAgent, source: Source) -> Body | None:
        """Look into the standard input, if it is to be sent in one request."""
        if not source.reads_stdin or self._options.resumption.wish or not is_piped():
            return None
        gathering = Gathering(agent.reactor)
        await self._do(gathering)
        return gathering.body

    async def _course_of(
        self, agent: UploadAgent, load: Load, item: Item, fields: Sequence[tuple[str, str]]
    ) -> Course | None:
        """How to send it to be resumable; None for one request."""
        resumption, target, name = self._options.resumption, item.target, item.source.name
        if item.course is not None and item.course.upload_id is not None:
            check_unfinished(self._store, item.course.upload_id)
        if item.course is not None or resumption.wish is False:
            return item.course
        begun = begun_course(load.content, target, name, self._store)
        is_small = not resumption.is_for(load.content)
        if begun is not None or (is_small and not self._takes_no_other):
            return begun
        asked = await self._ask(agent, item, fields)
        course = offered_course(asked.offer, load.content, target, name)
        if course is None and resumption.wish:  # what the first request is answered with may tell
            return Course(url=target.of(name).url, offer=asked.offer if asked.is_silent else None)
        return course

    async def _course_after(
        self,
        agent: UploadAgent,
        exchange: Exchange,
        load: Load,
        item: Item,
        fields: Sequence[tuple[str, str]],
    ) -> Course | None:
        """Send it in one request; where only tus is taken, return how to send it by that."""
        try:
            await self._do(exchange)
        except RemoteError as refusal:
            is_file = not load.is_form and load.coding is None and regular_path(load.content)
            can_resume = self._options.resumption.wish is None and self._options.target is not None
            if not (is_file and can_resume and may_take_tus_only(refusal)):
                raise
            target, name = item.target, item.source.name
            offer = (await self._ask(agent, item, fields)).offer
            course = None if offer.ietf else offered_course(offer, load.content, target, name)
            if course is None:
                raise
            self._takes_no_other = True
            return course
        return None

    async def _ask(
        self, agent: UploadAgent, item: Item, fields: Sequence[tuple[str, str]]
    ) -> Asking:
        """Ask the server what it offers, once for all files."""
        if self._asked is None:
            trace = Trace(self._show.say) if self._options.verbose else None
            exchange = attrs.evolve(self._options.exchange, listener=trace)
            target, name = item.target, item.source.name
            directory = target if target.is_directory and name else None
            asking = Asking(agent, exchange, target.of(name), directory, fields)
            await self._do(asking)
            self._asked = asking
        return self._asked

    def _plain(
        self,
        agent: UploadAgent,
        asked: Options,
        target: Target,
        fields: Sequence[tuple[str, str]],
        load: Load,
    ) -> Exchange:
        options = self._options
        return Exchange(
            agent.reactor,
            agent=agent,
            options=asked,
            method=options.method,
            target=target,
            fields=fields,
            load=load,
            show=self._show,
            is_verbose=options.verbose,
        )

    def _resumable(
        self,
        agent: UploadAgent,
        asked: Options,
        course: Course,
        fields: Sequence[tuple[str, str]],
        load: Load,
        source: Source,
    ) -> Resumable:
        options = self._options
        is_kept = course.is_kept and regular_path(load.content) is not None
        self._notices.begin(
            source.shown, load.total_bytes, is_begun=course.upload_id is not None, is_kept=is_kept
        )
        return Resumable(
            agent=agent,
            options=asked,
            method=course.method or options.method,
            course=course,
            resumption=options.resumption,
            fields=fields,
            load=load,
            show=self._show,
            notices=self._notices,
            store=self._store,
            is_verbose=options.verbose,
        )


def _of_all(error: TotalTimeout, options: Options) -> TotalTimeout:
    """Name the time that was given for all requests of a file, not what was left for the last."""
    total = options.timeouts.total_seconds
    if total is None:
        return error
    return TotalTimeout(error.url, error.offset, f"not done within {total:g} s")


def _rest(options: Options, began: float) -> Options:
    """Take off the time that the server was asked what it offers."""
    timeouts = options.timeouts
    if timeouts.total_seconds is None:
        return options
    rest = max(0.001, timeouts.total_seconds - (time.monotonic() - began))
    return attrs.evolve(options, timeouts=attrs.evolve(timeouts, total_seconds=rest))
