"""The digest that is taken behind the sending, when something happens to the file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from filebody.cli._follow import FollowingHash

CONTENT = bytes(range(256)) * 16


class Threads:
    """A reactor's, that do what they are given when they are told to."""

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def getThreadPool(self) -> Threads:
        return self

    def callFromThread(self, function: Callable[..., None], *arguments: Any) -> None:
        function(*arguments)

    def callInThreadWithCallback(
        self, done: Callable[[bool, Any], None], function: Callable[..., Any], *arguments: Any
    ) -> None:
        def work() -> None:
            try:
                result = function(*arguments)
            except Exception:
                done(False, Failure())
            else:
                done(True, result)

        self.waiting.append(work)

    def go_on(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


def digest_after(path: Path, happening: Callable[[Path], object]) -> bytes | None:
    """What is told of a file to which something happens when half of it was hashed."""
    threads = Threads()
    following = FollowingHash(threads, str(path))
    following.follow(len(CONTENT) // 2)
    threads.go_on()
    happening(path)
    told: list[bytes | None] = []
    Deferred.fromCoroutine(following.finish(len(CONTENT))).addCallback(told.append)
    threads.go_on()
    following.stop()
    [digest] = told
    return digest


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(CONTENT[::-1])
    other.rename(path)


def touch(path: Path) -> None:
    os.utime(path, ns=(0, 0))


def test_nothing_happens(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert digest_after(path, lambda _: None) == hashlib.sha256(CONTENT).digest()


@pytest.mark.parametrize(
    "happening",
    [touch, lambda path: path.write_bytes(b"")],
    ids=["touched", "emptied"],
)
def test_it_says_nothing_of_another_content(
    happening: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert digest_after(path, happening) is None


@pytest.mark.parametrize(
    "happening",
    [replace, Path.unlink, lambda path: path.rename(path.with_name("moved"))],
    ids=["replaced", "removed", "moved"],
)
def test_it_keeps_to_the_file_that_it_has_opened(
    happening: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    assert digest_after(path, happening) == hashlib.sha256(CONTENT).digest()


def test_a_named_pipe_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    os.mkfifo(path)
    threads = Threads()
    following = FollowingHash(threads, str(path))
    told: list[bytes | None] = []
    Deferred.fromCoroutine(following.finish(len(CONTENT))).addCallback(told.append)
    threads.go_on()
    following.stop()
    assert told == [None]
