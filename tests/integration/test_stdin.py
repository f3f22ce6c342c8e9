"""Standard input of every kind, in a process of its own."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.pipes import write_slowly
from tests.peers import content
from tests.peers.child import ROOT
from tests.peers.twisted_web import TwistedWeb

pytestmark = pytest.mark.peer

SIZE = 300_001
TIMEOUT_SECONDS = 60


def send(twisted_web: TwistedWeb, stdin: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.send_stdin", twisted_web.url(tls=False)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        timeout=TIMEOUT_SECONDS,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def is_whole(answer: dict[str, Any]) -> bool:
    return (answer["length"], answer["sha256"]) == (SIZE, content.sha256_of(4, SIZE))


def test_a_pipe(twisted_web: TwistedWeb) -> None:
    reading, writing = os.pipe()
    writer = threading.Thread(target=write_slowly, args=(writing, 4, SIZE))
    writer.start()
    try:
        answer = send(twisted_web, reading)
    finally:
        os.close(reading)
        writer.join(TIMEOUT_SECONDS)
    assert is_whole(answer)
    assert answer["declared"] is None


def test_a_fifo(twisted_web: TwistedWeb, tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def write() -> None:
        # Waits for the reader, like `cat >fifo` in another terminal.
        write_slowly(os.open(path, os.O_WRONLY), 4, SIZE)

    writer = threading.Thread(target=write)
    writer.start()
    reading = os.open(path, os.O_RDONLY)
    try:
        answer = send(twisted_web, reading)
    finally:
        os.close(reading)
        writer.join(TIMEOUT_SECONDS)
    assert is_whole(answer)
    assert answer["declared"] is None


def test_the_null_device(twisted_web: TwistedWeb) -> None:
    assert send(twisted_web, subprocess.DEVNULL)["length"] == 0


def test_a_file_has_a_length(twisted_web: TwistedWeb, tmp_path: Path) -> None:
    with content.write_file(tmp_path / "source", 4, SIZE).open("rb") as file:
        answer = send(twisted_web, file.fileno())
    assert is_whole(answer)
    assert answer["declared"] == SIZE


def test_a_file_from_where_the_shell_left_it(twisted_web: TwistedWeb, tmp_path: Path) -> None:
    with content.write_file(tmp_path / "source", 4, SIZE).open("rb") as file:
        os.lseek(file.fileno(), 100_001, os.SEEK_SET)
        answer = send(twisted_web, file.fileno())
    assert (answer["declared"], answer["length"]) == (200_000, 200_000)
