"""Twisted's Agent with Twisted's FileBodyProducer.

Options: `producer=filebody` takes our class instead; `source=path` gives that a `PathBody`, not an
open file; `read_size` is the size of pieces.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    FileBodyProducer,
    HTTPConnectionPool,
    readBody,
)

import filebody
from benchmarks.clients import reactor
from benchmarks.clients.events import Answer, Upload
from benchmarks.clients.job import Figures, Job

__all__ = ["make_agent", "run"]


def make_agent(twisted_reactor: Any, job: Job) -> Agent:
    """Twisted's Agent, keeping as many connections as the job has at once."""
    pool = HTTPConnectionPool(twisted_reactor)
    pool.maxPersistentPerHost = job.at_once
    if job.authority is None:
        return Agent(twisted_reactor, pool=pool)
    with open(job.authority, "rb") as file:
        authority = Certificate.loadPEM(file.read())
    policy = BrowserLikePolicyForHTTPS(trustRootFromCertificates([authority]))
    return Agent(twisted_reactor, policy, pool=pool)


def _make_producer(job: Job, path: str) -> Any:
    size = int(job.options.get("read_size", 1 << 16))
    if job.options.get("producer") != "filebody":
        return FileBodyProducer(open(path, "rb"), readSize=size)
    if job.options.get("source") == "path":
        return filebody.FileBodyProducer(filebody.PathBody(path), readSize=size)
    return filebody.FileBodyProducer(open(path, "rb"), readSize=size)


def _make(twisted_reactor: Any, job: Job) -> Upload:
    agent = make_agent(twisted_reactor, job)
    url = job.url.encode()

    async def upload(path: str) -> Answer:
        response = await agent.request(b"PUT", url, None, _make_producer(job, path))
        return response.code, await readBody(response)

    return upload


def run(job: Job) -> Figures:
    """Do the job."""
    return reactor.run(job, _make)
