"""One measurement: a fresh sink and a fresh client, each on a core of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from benchmarks.cases import Case, Contestant
from benchmarks.clients.job import Figures, Job

__all__ = ["Cores", "MeasurementFailed", "measure"]

_TIMEOUT_SECONDS = 300
_ATTEMPTS = 4
# What may come from the disk (in blocks of 512 bytes) without a measurement being done again.
_COLD_SHARE, _COLD_BYTES = 0.01, 1 << 20


class MeasurementFailed(Exception):
    """A client did not do its job; the message is the last line that it said."""


@attrs.frozen
class Cores:
    """Which one has what; what measures stays off the client's."""

    client: int
    sink: int

    @classmethod
    def take(cls) -> Cores:
        """Move this process to the sink's core.

        Raises:
            SystemExit: There is only one core.
        """
        first, *others = sorted(os.sched_getaffinity(0))
        if not others:
            sys.exit("a core each for client and sink is needed: this machine gives one")
        os.sched_setaffinity(0, {others[-1]})
        return cls(first, others[-1])


class _Sink:
    """A running sink.

    Attributes:
        cpu_seconds: What it took in all, once it has ended.
        taken_bytes: How many bytes clients have sent, then; None if it did not count.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self._output = process.stdout
        self.port = int(self._output.readline())
        self.cpu_seconds = 0.0
        self.taken_bytes: int | None = None

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        *counted, seconds = self._output.read().split() or ["0"]
        self.cpu_seconds = float(seconds)
        if counted:
            self.taken_bytes = int(counted[0])
        self._process.wait()


@contextmanager
def _running_sink(case: Case, core: int) -> Iterator[_Sink]:
    command = [sys.executable, "-m", "benchmarks.sink", case.sink, str(core)]
    command += ["--hold", str(case.hold)]
    if case.tls is not None:
        command += ["--tls", str(case.tls)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        sink = _Sink(process)
        try:
            yield sink
        finally:
            sink.stop()


def _run(case: Case, contestant: Contestant, cores: Cores) -> Figures:
    with _running_sink(case, cores.sink) as sink:
        scheme = "http" if case.tls is None else "https"
        fields = {**case.job, **contestant.job}
        job = Job(url=f"{scheme}://127.0.0.1:{sink.port}/", **fields)
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.clients", contestant.client, str(cores.client)],
                input=job.to_json(),
                capture_output=True,
                check=False,  # the reason is in its standard error
                text=True,
                timeout=_TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise MeasurementFailed(f"not done after {_TIMEOUT_SECONDS} s") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise MeasurementFailed(lines[-1])
    figures: Figures = json.loads(done.stdout)
    if "s" in figures:
        figures["sink busy"] = sink.cpu_seconds / figures["s"]
    if sink.taken_bytes is not None:
        size = sum(os.path.getsize(path) for path in job.files)
        figures["sent again %"] = 100 * (sink.taken_bytes - size) / size
    return figures


def measure(case: Case, contestant: Contestant, cores: Cores) -> Figures:
    """Measure once; again, if the page cache had lost the files meanwhile.

    Raises:
        MeasurementFailed: The client failed, or the files never stayed in the page cache.
    """
    for _ in range(_ATTEMPTS):
        figures = _run(case, contestant, cores)
        sent = figures.get("GB/s", 0.0) * figures.get("s", 0.0) * 1e9
        if figures.get("cold blocks", 0) * 512 <= sent * _COLD_SHARE + _COLD_BYTES:
            return figures
    raise MeasurementFailed("the page cache does not keep the files")
