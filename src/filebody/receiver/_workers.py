"""Threads for the disk: calls that may block go there, results come back to the reactor."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.posixbase import PosixReactorBase

__all__ = ["Workers"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

# More do not make a disk faster, and as many stuck reads as this leave other uploads waiting.
_THREADS = 8
# What reads or copies whole files has threads of its own: nobody else waits for them.
_LONG_THREADS = 3


class Workers:
    """A pool of threads of our own, so that a stuck disk does not hold up the host program's.

    Threads are made when first needed.

    Args:
        reactor: The reactor on which results come back.
        threads: How many there are at most.
    """

    def __init__(self, reactor: PosixReactorBase, threads: int = _THREADS) -> None:
        self._reactor = reactor
        self._pool = ThreadPool(minthreads=0, maxthreads=threads, name="filebody-receiver")
        self._long_pool = ThreadPool(
            minthreads=0, maxthreads=_LONG_THREADS, name="filebody-receiver-long"
        )
        self._running = 0
        self._idle: list[Deferred[None]] = []

    def start(self) -> None:
        """Begin to take calls."""
        self._pool.start()
        self._long_pool.start()

    def run(self, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_R]:
        """Run `call` in a thread; the Deferred fires on the reactor and cannot be cancelled."""
        return self._run(self._pool, call, *args, **kwargs)

    def run_long(self, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Deferred[_R]:
        """Run a call that may take as long as reading a whole file; see `run`."""
        return self._run(self._long_pool, call, *args, **kwargs)

    def _run(
        self, pool: ThreadPool, call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
    ) -> Deferred[_R]:
        self._running += 1
        done: Deferred[_R] = deferToThreadPool(self._reactor, pool, call, *args, **kwargs)
        return done.addBoth(self._ended)

    def when_idle(self) -> Deferred[None]:
        """Fire when no call is running, nor any that follows from one that is."""
        idle: Deferred[None] = Deferred()
        self._idle.append(idle)
        self._tell()
        return idle

    def stop(self) -> None:
        """End the threads; call this when idle, or it waits for the disk."""
        for pool in (self._pool, self._long_pool):
            if pool.started:
                pool.stop()

    def _ended(self, result: _R) -> _R:
        # Not yet told: a callback that is still to come on this Deferred may start another call.
        self._running -= 1
        if self._running == 0 and self._idle:
            self._reactor.callLater(0, self._tell)
        return result

    def _tell(self) -> None:
        if self._running == 0:
            waiting, self._idle = self._idle, []
            for idle in waiting:
                idle.callback(None)
