"""Ours, killed half way with SIGKILL and started again: the sender is a process of this one.

Options: `protocol`. As a program, `killed.py URL FILE STATE PROTOCOL [OFFSET]`, it is the sender,
which is killed once so many bytes are sent.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from benchmarks.clients.job import Figures, Job, Stopwatch, warm
from filebody import Progress, UploadAgent
from filebody.resumable import Checkpoints, upload


def run(job: Job) -> Figures:
    """Do the job.

    Raises:
        RuntimeError: It was not killed, or it did not end well when started again.
    """
    warm(job)
    [path] = job.files
    stopwatch = Stopwatch(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as state:
        url = f"{job.url}{Path(path).name}"
        command = [sys.executable, "-m", __name__, url, path, state, job.options["protocol"]]
        half = str(os.path.getsize(path) // 2)
        if (status := subprocess.run([*command, half], check=False).returncode) != -signal.SIGKILL:
            raise RuntimeError(f"not killed, but ended with {status}")
        if status := subprocess.run(command, check=False).returncode:
            raise RuntimeError(f"started again, it ended with {status}")
    return stopwatch.figures(job)


def main(
    reactor: Any, url: str, path: str, state: str, protocol: str, offset: str | None = None
) -> Deferred[Any]:
    """Send the file, up to `offset`."""

    def watch(progress: Progress) -> None:
        if offset is not None and progress.sent_bytes >= int(offset):
            os.kill(os.getpid(), signal.SIGKILL)

    return upload(
        UploadAgent(reactor),
        url,
        Path(path),
        protocol=protocol,
        checkpoints=Checkpoints(state),
        on_progress=watch,
    )


if __name__ == "__main__":
    react(main, sys.argv[1:])
