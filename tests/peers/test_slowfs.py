import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.peers import content
from tests.peers.child import ROOT
from tests.peers.slowfs import (
    DELAY_SECONDS,
    SlowFile,
    SlowFileSystem,
    require_slow_file_systems,
)

pytestmark = pytest.mark.peer

PIECE = 1 << 16


def seconds(action: Callable[[], object]) -> float:
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def read_piece(path: Path, offset: int) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert os.pread(descriptor, PIECE, offset) == content.generated(1, offset, PIECE)
    finally:
        os.close(descriptor)


def test_every_read_is_slow_and_true(tmp_path: Path) -> None:
    with SlowFileSystem(tmp_path, {"a": SlowFile(size=3 * PIECE)}) as slow:
        path = slow.path / "a"
        assert path.stat().st_size == 3 * PIECE
        # The same piece again, too: nothing of it is in the page cache.
        for offset in (0, PIECE, 0):
            assert seconds(partial(read_piece, path, offset)) >= DELAY_SECONDS


def test_reads_run_beside_each_other(tmp_path: Path) -> None:
    files = {"a": SlowFile(size=PIECE * 20), "b": SlowFile(size=PIECE)}
    with SlowFileSystem(tmp_path, files) as slow:
        readers = [
            threading.Thread(target=read_piece, args=(slow.path / "a", PIECE * n))
            for n in range(20)
        ]
        readers.append(threading.Thread(target=read_piece, args=(slow.path / "b", 0)))

        def all_of_them() -> None:
            for reader in readers:
                reader.start()
            for reader in readers:
                reader.join()

        # One after the other they would take 21 delays.
        assert DELAY_SECONDS <= seconds(all_of_them) < 8 * DELAY_SECONDS


def test_real_files_show_through(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    content.write_file(real / "c", seed=5, size=PIECE + 1)
    with SlowFileSystem(tmp_path, {"a": SlowFile(size=1)}, real_files=real) as slow:
        assert sorted(os.listdir(slow.path)) == ["a", "c"]
        assert (slow.path / "c").read_bytes() == content.generated(5, 0, PIECE + 1)


def test_without_direct_io_the_page_cache_answers(tmp_path: Path) -> None:
    # The kernel drops the pages of a file when it is opened again, so it stays open.
    with (
        SlowFileSystem(tmp_path, {"a": SlowFile(size=PIECE)}, direct_io=False) as slow,
        (slow.path / "a").open("rb") as file,
    ):
        assert seconds(lambda: os.pread(file.fileno(), PIECE, 0)) >= DELAY_SECONDS
        assert seconds(lambda: os.pread(file.fileno(), PIECE, 0)) < DELAY_SECONDS


@pytest.mark.parametrize("by", ["leaving", "killing"])
def test_no_mount_stays(tmp_path: Path, by: str) -> None:
    with SlowFileSystem(tmp_path, {"a": SlowFile(size=1)}) as slow:
        assert slow.path.is_mount()
        if by == "killing":
            os.kill(slow.pid, signal.SIGKILL)
    assert not slow.path.is_mount()
    assert list(slow.path.iterdir()) == []


KILLED_WHILE_READING = """
import os, signal, sys
from pathlib import Path
from tests.peers.slowfs import SlowFile, SlowFileSystem

with SlowFileSystem(Path(sys.argv[1]), {"a": SlowFile(size=1)}) as slow:
    print(slow.pid, flush=True)
    sys.stdin.read()
"""


def test_no_mount_stays_when_the_test_is_killed(tmp_path: Path) -> None:
    require_slow_file_systems()  # pytest is not there where it would be missing
    with subprocess.Popen(
        [sys.executable, "-c", KILLED_WHILE_READING, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as test:
        assert test.stdout is not None
        daemon = os.pidfd_open(int(test.stdout.readline()))
        try:
            assert (tmp_path / "slow").is_mount()
            test.kill()
            ended, _, _ = select.select([daemon], [], [], 30)
        finally:
            os.close(daemon)
    assert ended
    assert not (tmp_path / "slow").is_mount()
