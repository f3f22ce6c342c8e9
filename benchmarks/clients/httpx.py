"""httpx, its blocking client: the other one cannot send files."""

from __future__ import annotations

import ssl

import httpx

from benchmarks.clients import threads
from benchmarks.clients.job import Figures, Job
from benchmarks.clients.threads import Send


def _make(job: Job) -> Send:
    tls = True if job.authority is None else ssl.create_default_context(cafile=job.authority)
    client = httpx.Client(verify=tls, trust_env=False, timeout=None)

    def send(path: str) -> tuple[int, bytes]:
        with open(path, "rb") as file:
            response = client.put(job.url, content=file)
        return response.status_code, response.content

    return send


def run(job: Job) -> Figures:
    """Do the job."""
    return threads.run(job, _make)
