"""curl, the program."""

from __future__ import annotations

import json
import resource
import subprocess

from benchmarks.clients.job import Figures, Job, Stopwatch, check, warm

# The head of its standard output is one such line for each upload.
_REPORT = '{"status": %{response_code}, "seconds": %{time_total}}\\n'


def _configuration(job: Job) -> str:
    """What `curl --config` reads: quoted as C strings are."""
    lines = ["silent", "show-error", 'noproxy = "*"']
    if job.at_once > 1:
        lines += ["parallel", f"parallel-max = {job.at_once}"]
    for number, path in enumerate(job.files):
        if number:
            lines.append("next")
        lines += [
            f"url = {json.dumps(job.url)}",
            f"upload-file = {json.dumps(path)}",
            'output = "/dev/null"',
            f"write-out = {json.dumps(_REPORT)}",
        ]
        if job.authority is not None:
            lines.append(f"cacert = {json.dumps(job.authority)}")
    return "\n".join(lines)


def run(job: Job) -> Figures:
    """Do the job.

    One upload's time is what curl says itself, without the program's start.

    Raises:
        RuntimeError: An upload did not end as it must.
        NotImplementedError: The job has something to watch besides the time.
    """
    if job.watch != "time" or job.beside or job.verify:
        raise NotImplementedError(f"{job.watch} by curl")
    warm(job)
    subprocess.run(["curl", "--version"], stdout=subprocess.DEVNULL, check=True)  # and the program
    configuration = _configuration(job)
    stopwatch = Stopwatch(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        ["curl", "-q", "--config", "-"],
        input=configuration,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    figures = stopwatch.figures(job)
    reports = [json.loads(line) for line in done.stdout.splitlines()]
    if len(reports) != len(job.files):
        raise RuntimeError(f"{len(reports)} of {len(job.files)} uploads were answered")
    for report, path in zip(reports, job.files, strict=True):
        check(job, path, report["status"], b"")
    if len(job.files) > 1:
        return figures
    return stopwatch.figures(job, reports[0]["seconds"])
