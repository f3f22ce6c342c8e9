"""The real command, in a process of its own; every test of it looks for tracebacks."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from unittest import mock

import attrs
from twisted.internet import reactor

from filebody.cli import main

TIMEOUT_SECONDS = 60.0
PROGRAM = [sys.executable, "-m", "filebody"]
# Where the command keeps what it has to remember, in the directory that it runs in.
STATE = ".state"
# Twisted keeps one descriptor in reserve for as long as the process lives.
WARNINGS = "error,ignore:unclosed file <_io.TextIOWrapper name='/dev/null':ResourceWarning"


def environment(
    more: Mapping[str, str] | None = None, *, home: Path | None = None
) -> dict[str, str]:
    """This process's, without what would change the command's ways.

    What the command has to remember it keeps in a directory of `home`.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"FILEBODY_TOKEN", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM"}
        and not name.lower().endswith("_proxy")
    }
    if "PYTHONPATH" in kept:  # the command runs in other directories
        paths = kept["PYTHONPATH"].split(os.pathsep)
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, paths))
    state = {} if home is None else {"XDG_STATE_HOME": os.path.abspath(home / STATE)}
    return {**kept, **state, "TERM": "xterm", "PYTHONWARNINGS": WARNINGS, **(more or {})}


@attrs.frozen
class Outcome:
    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that says what went wrong."""
        [line] = self.err.splitlines()
        assert line.startswith("filebody: "), line
        return line

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def no_traceback(*texts: str) -> None:
    for text in texts:
        assert "Traceback" not in text, text
        assert "Exception ignored" not in text, text


def run(
    *arguments: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Outcome:
    done = subprocess.run(
        [*PROGRAM, *[os.fspath(argument) for argument in arguments]],
        cwd=cwd,
        env=environment(env, home=cwd),
        input=stdin,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
    )
    outcome = Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())
    no_traceback(outcome.out, outcome.err)
    return outcome


def run_here(*arguments: str, cwd: Path) -> Outcome:
    """The command in this process, for what ends before there is a reactor."""
    out, err = io.StringIO(), io.StringIO()
    with (
        # It can run once in a process; trial's tests would have none.
        mock.patch.object(reactor, "run", side_effect=AssertionError("the reactor is needed")),
        contextlib.chdir(cwd),
        mock.patch.dict(os.environ, environment(home=cwd), clear=True),
        dispositions(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main(arguments)
    return Outcome(code, out.getvalue(), err.getvalue())


def python(code: str, *arguments: str, cwd: Path) -> Outcome:
    """A program that uses the command in a way of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env=environment(home=cwd),
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        text=True,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


class Running:
    """The command while it runs; its lines can be waited for."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._lines: queue.Queue[tuple[str, str | None]] = queue.Queue()
        self._kept: dict[str, list[str]] = {"out": [], "err": []}
        assert process.stdout is not None
        assert process.stderr is not None
        self._threads = [
            threading.Thread(target=self._follow, args=pair)
            for pair in (("out", process.stdout), ("err", process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def _follow(self, name: str, stream: IO[bytes]) -> None:
        for line in stream:
            self._kept[name].append(line.decode())
            self._lines.put((name, line.decode().rstrip("\n")))
        self._lines.put((name, None))
        stream.close()

    def line(self, name: str) -> str:
        """The next line of `out` or `err`; the other's lines before it are skipped."""
        while True:
            where, line = self._lines.get(timeout=TIMEOUT_SECONDS)
            if where == name:
                assert line is not None, f"it ended without that line: {self._kept}"
                return line

    def write(self, content: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(content)
        self.process.stdin.flush()

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)

    def end(self) -> Outcome:
        """Wait for it to end by itself."""
        code = self.process.wait(TIMEOUT_SECONDS)
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)
        outcome = Outcome(code, "".join(self._kept["out"]), "".join(self._kept["err"]))
        no_traceback(outcome.out, outcome.err)
        return outcome

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(TIMEOUT_SECONDS)
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)


@contextlib.contextmanager
def dispositions(ignored: signal.Signals | None = None) -> Iterator[None]:
    """What a process that is started meanwhile does about signals.

    The ignored SIGINT of a background job would be inherited; one that is handled is not.
    """
    before = [(signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler))]
    if ignored is not None:
        before.append((ignored, signal.signal(ignored, signal.SIG_IGN)))
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextlib.contextmanager
def started(
    *arguments: str | os.PathLike[str],
    cwd: Path,
    env: Mapping[str, str] | None = None,
    ignored: signal.Signals | None = None,
) -> Iterator[Running]:
    with dispositions(ignored):
        process = subprocess.Popen(
            [*PROGRAM, *[os.fspath(argument) for argument in arguments]],
            cwd=cwd,
            env=environment(env, home=cwd),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    running = Running(process)
    try:
        yield running
    finally:
        running.close()


@contextlib.contextmanager
def receiving(
    directory: Path,
    *arguments: str | os.PathLike[str],
    env: Mapping[str, str] | None = None,
    ignored: signal.Signals | None = None,
) -> Iterator[tuple[Running, str]]:
    """`filebody receive` on a free port, and its URL."""
    command = ("receive", directory, "--port", "0", "--json", *arguments)
    with started(*command, cwd=directory.parent, env=env, ignored=ignored) as running:
        listening = json.loads(running.line("out"))
        assert listening["event"] == "listening"
        yield running, listening["url"]
