"""Jobs in an event loop, Twisted's or another."""

from __future__ import annotations

import fcntl
import itertools
import os
import resource
import struct
import termios
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from benchmarks.clients.job import Figures, Job, Stopwatch, check, warm

__all__ = ["Answer", "Loop", "Upload", "perform"]

Answer = tuple[int, bytes]
"""The status and the body of a response."""

Upload = Callable[[str], Awaitable[Answer]]
"""Sends the file of that path."""

_TICK_SECONDS = 0.001
# So many uploads begin before the loop may do something else: beginning thousands is the caller's
# doing, and not what the loop's gaps shall show.
_BEGIN_TOGETHER = 10
# For the uploads beside the measured one to be under way.
_LEAD_SECONDS = 0.5
# Memory has settled when it has not changed for so long.
_SETTLED_SECONDS = 0.75
_LOOK_SECONDS = 0.25


class Loop(Protocol):
    """What the jobs need of an event loop."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> Awaitable[None]:
        """Begin `work` at once, or soon; the result waits for its end."""

    def sleep(self, seconds: float) -> Awaitable[None]:
        """Let the others go on."""

    def tick(self, seconds: float, call: Callable[[], object]) -> Callable[[], object]:
        """Call again and again; the result ends it."""


async def perform(loop: Loop, job: Job, upload: Upload) -> Figures:
    """Do the job.

    Raises:
        RuntimeError: An upload did not end as it must.
    """
    if job.watch == "memory":
        return await _memory(loop, job, upload)
    warm(job)
    ended: list[str] = []
    for path in job.beside:
        loop.spawn(_run_beside(upload, path, ended))
    if job.beside:
        await loop.sleep(_LEAD_SECONDS)
    times: list[float] = []
    stop: Callable[[], object] = list
    if job.watch == "gaps":
        stop = loop.tick(_TICK_SECONDS, lambda: times.append(time.perf_counter()))
    stopwatch = Stopwatch()
    await _send_all(loop, job, upload)
    figures = stopwatch.figures(job)
    stop()
    times.append(time.perf_counter())
    figures["ended beside"] = len(ended)
    return figures | _gaps(times) if job.watch == "gaps" else figures


async def _run_beside(upload: Upload, path: str, ended: list[str]) -> None:
    try:
        await upload(path)
    finally:
        ended.append(path)


async def _send_all(loop: Loop, job: Job, upload: Upload) -> None:
    waiting = iter(job.files)

    async def work() -> None:
        for path in waiting:
            check(job, path, *await upload(path))

    workers = []
    for number in range(job.at_once):
        workers.append(loop.spawn(work()))
        if number % _BEGIN_TOGETHER == _BEGIN_TOGETHER - 1:
            await loop.sleep(0)
    for worker in workers:
        await worker


def _gaps(times: list[float]) -> Figures:
    gaps = sorted(after - before for before, after in itertools.pairwise(times))
    return {
        "longest gap ms": 1000 * gaps[-1],
        "p99 gap ms": 1000 * gaps[int(0.99 * len(gaps))],
    }


async def _memory(loop: Loop, job: Job, upload: Upload) -> Figures:
    """Resident memory of each of many uploads that the receiver does not read."""
    ended: list[str] = []

    async def hold(path: str) -> None:
        try:
            ended.append(f"the sink answered: {await upload(path)}")
        except Exception as error:  # noqa: BLE001 - it is raised below
            ended.append(repr(error))

    async def settled(uploads: int) -> float:
        """Resident bytes once all uploads stand still."""
        seen: list[float] = []
        count = int(_SETTLED_SECONDS / _LOOK_SECONDS) + 1
        while _stuck_sockets() < uploads or len(seen) < count or len(set(seen[-count:])) > 1:
            await loop.sleep(_LOOK_SECONDS)
            if ended:
                raise RuntimeError(ended[0])
            with open("/proc/self/statm", encoding="ascii") as statm:
                seen.append(float(statm.read().split()[1]) * resource.getpagesize())
        return seen[-1]

    first, *others = job.files
    warm(job)
    loop.spawn(hold(first))
    before = await settled(1)
    for path in others:
        loop.spawn(hold(path))
    after = await settled(len(job.files))
    return {"KiB each": (after - before) / len(others) / 1024}


def _stuck_sockets() -> int:
    """How many of this process' sockets have something that the peer did not take yet."""
    stuck = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                queued = fcntl.ioctl(int(number), termios.TIOCOUTQ, bytes(4))
                stuck += struct.unpack("i", queued)[0] > 0
        except FileNotFoundError:  # the listing's own
            continue
    return stuck
