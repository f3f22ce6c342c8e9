"""Driving readers the way the producer does, and making files whose changes can be seen."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from filebody import Body, Reader, WaitBy

SIZE = 1 << 16


def read_when_ready(reader: Reader, size: int = SIZE) -> bytes:
    """One read, after as many waits as it takes."""
    while True:
        piece = reader.read(size)
        if piece is None:
            match reader.wait_by:
                case WaitBy.THREAD:
                    piece = reader.read_blocking(size)
                case WaitBy.DESCRIPTOR:
                    assert is_readable(reader.fileno(), 10_000)
                case WaitBy.RETRY:
                    pass
        if piece is not None:
            return piece


def rest_of(reader: Reader, size: int = SIZE) -> bytes:
    """Everything up to the end."""
    return b"".join(iter(lambda: read_when_ready(reader, size), b""))


def content_of(body: Body, offset: int = 0, stop: int | None = None, size: int = SIZE) -> bytes:
    """What one pass gives."""
    with closing(body.open(offset, stop)) as reader:
        return rest_of(reader, size)


def is_readable(descriptor: int, milliseconds: int = 0) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(milliseconds))


def let_the_clock_tick(path: Path) -> None:
    """Go on when a change of `path` would get a later time: file systems' clocks are coarse."""
    probe = path.with_name(path.name + ".probe")
    probe.touch()
    while probe.stat().st_ctime_ns <= path.stat().st_ctime_ns:
        os.utime(probe)
    probe.unlink()


def old_file(path: Path, content: bytes) -> Path:
    """Write a file that was last modified long ago, so that every later change shows."""
    path.write_bytes(content)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    let_the_clock_tick(path)
    return path


def pipe_with(content: bytes) -> tuple[int, int]:
    """A pipe into which `content` (which must fit) was written, and its open far end."""
    near, far = os.pipe()
    os.write(far, content)
    return near, far


def in_threads(calls: Iterator[threading.Thread]) -> None:
    threads = list(calls)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
