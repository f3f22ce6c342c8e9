"""requests, on urllib3."""

from __future__ import annotations

import requests

from benchmarks.clients import threads
from benchmarks.clients.job import Figures, Job
from benchmarks.clients.threads import Send


def _make(job: Job) -> Send:
    session = requests.Session()
    session.trust_env = False
    if job.authority is not None:
        session.verify = job.authority

    def send(path: str) -> tuple[int, bytes]:
        with open(path, "rb") as file:
            response = session.put(job.url, data=file)
        return response.status_code, response.content

    return send


def run(job: Job) -> Figures:
    """Do the job."""
    return threads.run(job, _make)
