"""aiohttp, in asyncio's own loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp

from benchmarks.clients.events import Answer, perform
from benchmarks.clients.job import Figures, Job


class _Asyncio:
    """See `events.Loop`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> Awaitable[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        return task

    def sleep(self, seconds: float) -> Awaitable[None]:
        return asyncio.sleep(seconds)

    def tick(self, seconds: float, call: Callable[[], object]) -> Callable[[], object]:
        timer = self._loop.call_soon(lambda: None)

        def turn() -> None:
            nonlocal timer
            call()
            timer = self._loop.call_later(seconds, turn)

        turn()
        return lambda: timer.cancel()  # noqa: PLW0108 - it is another timer by then


async def _work(job: Job) -> Figures:
    tls = True if job.authority is None else ssl.create_default_context(cafile=job.authority)
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    timeout = aiohttp.ClientTimeout(total=None)
    session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def upload(path: str) -> Answer:
        async with session.put(job.url, data=open(path, "rb")) as response:
            return response.status, await response.read()

    return await perform(_Asyncio(), job, upload)


def run(job: Job) -> Figures:
    """Do the job, and leave everything open: uploads that stand still cannot be closed in order."""
    return asyncio.new_event_loop().run_until_complete(_work(job))
