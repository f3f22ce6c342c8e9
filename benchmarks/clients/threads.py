"""Jobs of clients that block: each connection has a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.clients.job import Figures, Job, Stopwatch, check, warm

__all__ = ["Send", "run"]

Send = Callable[[str], tuple[int, bytes]]
"""Sends the file of that path; gives the status and the body of the response."""


def run(job: Job, make: Callable[[Job], Send]) -> Figures:
    """Do the job with what `make` makes, once for each thread.

    Raises:
        RuntimeError: An upload did not end as it must.
        NotImplementedError: The job has something to watch besides the time.
    """
    if job.watch != "time" or job.beside:
        raise NotImplementedError(f"{job.watch} without an event loop")
    warm(job)
    waiting = iter(job.files)
    sends = [make(job) for _ in range(job.at_once)]

    def work(send: Send) -> None:
        for path in waiting:
            check(job, path, *send(path))

    stopwatch = Stopwatch()
    if len(sends) == 1:
        work(sends[0])
    else:
        with ThreadPoolExecutor(len(sends)) as pool:
            list(pool.map(work, sends))
    return stopwatch.figures(job)
