"""Ours."""

from __future__ import annotations

import ssl
from typing import Any

from twisted.web.client import readBody

from benchmarks.clients import reactor
from benchmarks.clients.events import Answer, Upload
from benchmarks.clients.job import Figures, Job
from filebody import PathBody
from filebody.agent import UploadAgent


def _make(twisted_reactor: Any, job: Job) -> Upload:
    tls = None if job.authority is None else ssl.create_default_context(cafile=job.authority)
    agent = UploadAgent(twisted_reactor, tls=tls)
    url = job.url.encode()

    async def upload(path: str) -> Answer:
        response = await agent.request(b"PUT", url, None, PathBody(path))
        return response.code, await readBody(response)

    return upload


def run(job: Job) -> Figures:
    """Do the job."""
    return reactor.run(job, _make)
