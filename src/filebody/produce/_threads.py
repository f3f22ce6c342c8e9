"""Blocking reads in the reactor's thread pool, so that no device takes all of its threads."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from filebody.body import Reader

__all__ = ["read_in_thread"]

_log = Logger()


def read_in_thread(reader: Reader, size: int, reactor: Any) -> Deferred[bytes | None]:
    """Call `reader.read_blocking(size)` in a thread when it is this reader's turn.

    Args:
        reader: Its `device` decides in which line it waits.
        size: How many bytes to read, at most.
        reactor: Whose thread pool to use.

    Returns:
        Fires with what the read gave or raised. Cancelled before its turn, it leaves the line;
        cancelled later, the read goes on and its outcome is dropped.
    """
    queue = _queues.get(reactor)
    if queue is None:
        queue = _queues[reactor] = _ReadQueue(reactor)
    return queue.submit(reader, size)


@attrs.define(eq=False)
class _Job:
    reader: Reader
    size: int
    deferred: Deferred[bytes | None]


class _ReadQueue:
    """The reads that wait for threads: a line for each device, and turns among the devices.

    One device gets at most half of the threads, and all devices together leave one in five, so
    that a slow device stops neither the others nor what else needs threads (name resolution
    does). Within a line nobody can starve: each reader asks again only after it was served.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._lines: dict[int | None, deque[_Job]] = {}
        self._running: Counter[int | None] = Counter()

    def submit(self, reader: Reader, size: int) -> Deferred[bytes | None]:
        line = self._lines.setdefault(reader.device, deque())

        def leave(_: object) -> None:
            if job in line:
                line.remove(job)

        job = _Job(reader, size, Deferred(leave))
        line.append(job)
        self._serve()
        return job.deferred

    def _serve(self) -> None:
        threads = self._reactor.getThreadPool().max
        of_a_device = max(1, threads // 2)
        in_all = max(1, threads - max(1, threads // 5))
        for device, line in list(self._lines.items()):
            while line and self._running[device] < of_a_device and self._running.total() < in_all:
                self._start(device, line.popleft())
            if not line and not self._running[device]:
                self._lines.pop(device, None)
                self._running.pop(device, None)

    def _start(self, device: int | None, job: _Job) -> None:
        self._running[device] += 1
        pool = self._reactor.getThreadPool()
        read = deferToThreadPool(self._reactor, pool, job.reader.read_blocking, job.size)
        read.addBoth(self._finished, device, job)

    def _finished(self, outcome: bytes | Failure | None, device: int | None, job: _Job) -> None:
        self._running[device] -= 1
        self._lines[device] = self._lines.pop(device)  # to the end: now the others come first
        self._serve()
        if job.deferred.called:  # it was cancelled meanwhile
            if isinstance(outcome, Failure):
                _log.warn("an abandoned read or its close failed: {e}", e=outcome.value)
        elif isinstance(outcome, Failure):
            job.deferred.errback(outcome)
        else:
            job.deferred.callback(outcome)


_queues: dict[Any, _ReadQueue] = {}  # one for each reactor, of which there is one
