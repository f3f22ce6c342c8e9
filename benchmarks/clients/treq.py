"""treq, on Twisted's Agent."""

from __future__ import annotations

from typing import Any

import treq.client

from benchmarks.clients import reactor
from benchmarks.clients.events import Answer, Upload
from benchmarks.clients.job import Figures, Job
from benchmarks.clients.twisted import make_agent


def _make(twisted_reactor: Any, job: Job) -> Upload:
    client = treq.client.HTTPClient(make_agent(twisted_reactor, job))

    async def upload(path: str) -> Answer:
        response = await client.put(job.url, data=open(path, "rb"))
        return response.code, await response.content()

    return upload


def run(job: Job) -> Figures:
    """Do the job."""
    return reactor.run(job, _make)
