"""What a client is asked for, and what it answers."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import attrs

__all__ = ["Figures", "Job", "Stopwatch", "check", "warm"]

Figures = dict[str, float]
"""Names of figures, with their units, to values."""

_PIECE_BYTES = 1 << 20


@attrs.frozen(kw_only=True)
class Job:
    """Uploads to be made and measured in one process.

    Attributes:
        url: Where each file goes, by PUT.
        files: What to send, each entry once and in this order.
        at_once: How many uploads, and so connections, there are at a time.
        watch: `time`, `gaps` (the time, and how long the event loop does nothing else) or `memory`
            (`files` all stand still; what each of them holds).
        verify: Whether answers are digests, which the names of the files are too.
        authority: A file with the certificate authority for https.
        beside: Files whose upload is under way all the while and is not measured.
        is_warm: Whether `files` are brought into the page cache first.
        collects: Whether the interpreter looks for cyclic garbage meanwhile, as it always does.
        options: What only this client knows.
    """

    url: str
    files: tuple[str, ...]
    at_once: int = 1
    watch: str = "time"
    verify: bool = False
    authority: str | None = None
    beside: tuple[str, ...] = ()
    is_warm: bool = True
    collects: bool = True
    options: Mapping[str, str] = attrs.field(factory=dict)

    def to_json(self) -> str:
        """For the process that does it."""
        return json.dumps(attrs.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` gave."""
        fields = json.loads(text)
        for name in ("files", "beside"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


def warm(job: Job) -> None:
    """Bring its files into the page cache: machines that lend their memory drop pages any time."""
    buffer = bytearray(_PIECE_BYTES)
    for path in set(job.files) if job.is_warm else ():
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def check(job: Job, path: str, status: int, answer: bytes) -> None:
    """Raise if the sink's answer is not as it must be."""
    if status != 200:
        raise RuntimeError(f"the sink answered {status}")
    if job.verify and answer.decode() != Path(path).name:
        raise RuntimeError(f"the sink received something else than {path}")


class Stopwatch:
    """Wall and CPU time from its making to `figures`.

    Args:
        who: Whose CPU time: that of this process, or of the children that have ended.
    """

    def __init__(self, who: int = resource.RUSAGE_SELF) -> None:
        self._who = who
        self._before = resource.getrusage(who)
        self._begun = time.perf_counter()

    def figures(self, job: Job, seconds: float | None = None) -> Figures:
        """What it took to do the job.

        Args:
            job: Its files have been sent.
            seconds: How long it took, if that is known better.
        """
        if seconds is None:
            seconds = time.perf_counter() - self._begun
        after, before = resource.getrusage(self._who), self._before
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        sizes = {path: os.path.getsize(path) for path in set(job.files)}
        gigabytes = sum(sizes[path] for path in job.files) / 1e9
        return {
            "s": seconds,
            "GB/s": gigabytes / seconds,
            "uploads/s": len(job.files) / seconds,
            "CPU s/GB": cpu / gigabytes,
            "CPU ms each": 1000 * cpu / len(job.files),
            # Of 512 bytes, from the disk: then the page cache had lost them.
            "cold blocks": after.ru_inblock - before.ru_inblock,
        }
