"""Ours, to a receiver that keeps the file: by one ordinary request or so that it can go on.

Options: `protocol` (`plain`, `tus`, `ietf`) and `parallel`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from twisted.web.client import readBody

from benchmarks.clients import reactor
from benchmarks.clients.events import Answer, Upload
from benchmarks.clients.job import Figures, Job
from filebody import PathBody
from filebody.agent import UploadAgent
from filebody.resumable import Checkpoints
from filebody.resumable import upload as send

_DONE = (200, b"")


def _make(twisted_reactor: Any, job: Job) -> Upload:
    agent = UploadAgent(twisted_reactor)
    protocol = job.options["protocol"]

    async def put(path: str) -> Answer:
        url = f"{job.url}{Path(path).name}".encode()
        response = await agent.request(b"PUT", url, None, PathBody(path))
        body = await readBody(response)
        return _DONE if response.code == 201 else (response.code, body)

    async def upload(path: str) -> Answer:
        # Checkpoints are part of what it costs. They go to the disk that the file is on.
        with tempfile.TemporaryDirectory(dir=Path(path).parent) as state:
            await send(
                agent,
                f"{job.url}{Path(path).name}",
                Path(path),
                protocol=protocol,
                parallel=int(job.options.get("parallel", "1")),
                checkpoints=Checkpoints(state),
            )
        return _DONE

    return put if protocol == "plain" else upload


def run(job: Job) -> Figures:
    """Do the job."""
    return reactor.run(job, _make)
