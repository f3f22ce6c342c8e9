"""Ends unfinished uploads for good: the server deletes what it has, and nothing is kept here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from filebody.agent import UploadAgent
from filebody.cli._course import check_unfinished
from filebody.cli._exit import ExitCode, Interrupted, exit_code_of
from filebody.cli._facts import cancelled
from filebody.cli._job import Job, Series
from filebody.cli._options import SendOptions
from filebody.cli._screen import Screen
from filebody.cli._secrets import url_without_secrets
from filebody.cli._show import Show
from filebody.cli._targets import headers_of
from filebody.cli._uploads import chosen
from filebody.cli._verbose import Trace
from filebody.cli._words import one_line
from filebody.errors import FilebodyError, UploadLocked, UsageError
from filebody.resumable import Checkpoint, Checkpoints, cancel

__all__ = ["Cancelling", "cancelling"]

_SHORT_SECONDS = 3.0


def cancelling(given: Mapping[str, Any], screen: Screen) -> Cancelling | None:
    """What cancels uploads that are named on the command line; None if there are none at all.

    Raises:
        UsageError: That cannot be done; the message says what can.
    """
    store = Checkpoints()
    found = chosen(given, store, screen)
    if found is None:
        return None
    checkpoints, options = found
    if given["forget"]:
        options = _less_patient(options)
    return Cancelling(options, screen, store, checkpoints, forgets=given["forget"])


def _less_patient(options: SendOptions) -> SendOptions:
    """Forgetting does not depend on the server: it is asked once, for a short time."""
    timeouts = options.exchange.timeouts
    seconds = min(timeouts.connect_seconds or _SHORT_SECONDS, _SHORT_SECONDS)
    timeouts = attrs.evolve(timeouts, connect_seconds=seconds)
    return attrs.evolve(
        options,
        exchange=attrs.evolve(options.exchange, timeouts=timeouts),
        resumption=attrs.evolve(options.resumption, give_up_after_seconds=0.0),
    )


class Cancelling(Series):
    """Cancels uploads, one after the other.

    Args:
        options: How.
        screen: Where to tell of it.
        store: Where checkpoints are.
        checkpoints: Which.
        forgets: Whether to forget those, too, of which the server cannot be told.
    """

    def __init__(
        self,
        options: SendOptions,
        screen: Screen,
        store: Checkpoints,
        checkpoints: Sequence[Checkpoint],
        *,
        forgets: bool,
    ) -> None:
        super().__init__()
        self._options = options
        self._screen = screen
        self._show = Show(screen, quiet=options.quiet, as_json=options.as_json)
        self._store = store
        self._checkpoints = checkpoints
        self._forgets = forgets

    async def run(self, reactor: Any) -> int:
        """Cancel them; returns the exit code."""
        agent = UploadAgent(reactor, tls=self._options.tls, proxy=self._options.proxy)
        codes = []
        for checkpoint in self._checkpoints:
            if self._stop is not None:
                codes.append(exit_code_of(self._stop))
                break
            codes.append(await self._cancel(agent, checkpoint))
        agent.close()
        return next((code for code in codes if code), ExitCode.OK)

    async def _cancel(self, agent: UploadAgent, checkpoint: Checkpoint) -> int:
        job = _Cancel(agent, self._options, self._store, checkpoint, self._show)
        url = url_without_secrets(checkpoint.url)
        what = f"{checkpoint.id}, {checkpoint.source} to {url}"
        error: FilebodyError | Interrupted | None = None
        try:
            check_unfinished(self._store, checkpoint.id)
            await self._do(job)
        except UsageError as failure:
            error = failure
        except (FilebodyError, Interrupted) as failure:
            if self._forgets and not isinstance(failure, Interrupted):
                self._store.remove(checkpoint.id)
                self._show.tell(one_line(f"filebody: the server was not told: {failure}"))
            else:
                error = failure
        except OSError as failure:
            error = UsageError(f"cannot write to {self._store.directory}: {failure.strerror}")
        if error is not None:
            self._screen.error(f"cannot cancel {what}: {_reason(error)}")
        code = ExitCode.OK if error is None else exit_code_of(error)
        if self._options.as_json:
            said = None if error is None else _reason(error)
            self._screen.out_json(cancelled(checkpoint.id, url, said, code))
        elif error is None and not self._options.quiet:
            self._screen.out(one_line(f"cancelled {what}"))
        return code


class _Cancel(Job):
    """Cancels one."""

    def __init__(
        self,
        agent: UploadAgent,
        options: SendOptions,
        store: Checkpoints,
        checkpoint: Checkpoint,
        show: Show,
    ) -> None:
        super().__init__(agent.reactor)
        self._agent = agent
        self._asked = options
        self._store = store
        self._checkpoint = checkpoint
        self._trace = Trace(show.say, has_identifiers=True) if options.verbose else None

    async def _do(self) -> None:
        await cancel(
            self._agent,
            self._checkpoint,
            self._store,
            headers=headers_of(self._asked.fields),
            options=attrs.evolve(self._asked.exchange, listener=self._trace),
            give_up_after_seconds=self._asked.resumption.give_up_after_seconds,
        )

    def _look(self) -> None:
        """See `Job`; there is nothing to be seen."""


def _reason(error: FilebodyError | Interrupted) -> str:
    match error:
        case Interrupted():
            return "interrupted; it can still be resumed, or cancelled again"
        case UploadLocked():
            return "another process is sending it: end that first"
        case UsageError():
            return str(error)
        case _:
            return f"{error}; try again, or add --forget to forget it here alone"
