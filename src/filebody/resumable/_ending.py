"""The end of uploads that cannot be resumed: the server is told to delete what it has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from twisted.internet import defer
from twisted.logger import Logger

from filebody.body import BytesBody
from filebody.errors import FilebodyError, RemoteError, UploadTooLarge
from filebody.resumable import _machine as machine
from filebody.resumable._runner import Observer, Runner
from filebody.resumable._source import RangeSource
from filebody.resumable._state import Held, Plan, State
from filebody.resumable._way import Way

__all__ = ["end_uploads", "is_final", "is_incomplete", "try_to_end"]

_log = Logger()

# Of refusals that last: another request would be answered in the same way.
_FINAL_STATUSES = frozenset({409, 412, 413, 415, 422})
# What cannot be told to the server in this time expires there.
_PATIENCE_SECONDS = 3.0


def is_final(error: Exception) -> bool:
    """Whether the same upload can never succeed, whoever tries again and whenever."""
    if isinstance(error, UploadTooLarge):
        return True
    return isinstance(error, RemoteError) and error.status in _FINAL_STATUSES


def is_incomplete(state: State) -> bool:
    """Whether the server cannot have everything: to end a complete upload could delete a file."""
    is_alone = not state.plan.is_part  # a part is no file, also where it is complete
    return not is_alone or state.length is None or state.sent < state.length


async def end_uploads(way: Way, uploads: Iterable[Held], *, url: str, seconds: float) -> None:
    """Have the server delete unfinished uploads; for so long each is tried.

    Raises:
        FilebodyError: The server was not reached, or refuses.
    """
    plan = Plan(url=url, length=None, give_up_after_seconds=seconds)
    for held in uploads:
        runner = Runner(way, RangeSource(BytesBody(b"")), Observer())
        await runner.run(machine.cancel(plan, held))
        await runner.drop()


async def try_to_end(way: Way, uploads: Iterable[Held], *, url: str) -> bool:
    """Have the server delete unfinished uploads if it answers within some seconds.

    Returns:
        Whether it has.
    """
    reactor: Any = way.agent.reactor
    ending = defer.Deferred.fromCoroutine(end_uploads(way, uploads, url=url, seconds=0.0))
    ending.addTimeout(_PATIENCE_SECONDS, reactor)
    with contextlib.suppress(defer.TimeoutError):
        try:
            await ending
        except FilebodyError as error:
            _log.debug("an upload to {url} stays at the server: {error}", url=url, error=error)
        else:
            return True
    return False
