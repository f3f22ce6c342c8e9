"""Programs that are started for each measurement: the command and curl."""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks.clients.job import Figures, Job, Stopwatch, warm


def _command(job: Job) -> list[str]:
    program = job.options["program"]
    if program == "curl":
        uploads = [word for path in job.files for word in ("-T", path, job.url)]
        return ["curl", "-q", "-sS", "--fail", "--noproxy", "*", *uploads]
    filebody = [sys.executable, "-m", "filebody"]
    if program == "version":
        return [*filebody, "--version"]
    return [*filebody, "send", "-q", "--proxy", "", *job.files, job.url]


def run(job: Job) -> Figures:
    """Do the job, the program's start included.

    Raises:
        CalledProcessError: The program failed.
    """
    warm(job)
    command = _command(job)
    subprocess.run([*command[:3], "--version"], stdout=subprocess.DEVNULL, check=True)
    stopwatch = Stopwatch(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return stopwatch.figures(job)
