"""Every command that a page shows in a `console` block is typed, and prints what the page shows.

`filebody receive` is kept running, as in a terminal of its own; it takes a free port, which is
put into the commands after it. Numbers and digests may differ, and `...` stands for anything.
Commands in `sh` blocks are not typed: they install something.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.cli.command import Running, dispositions, environment, no_traceback
from tests.docs.pages import DOCS, EXAMPLES, ROOT, TIMEOUT_SECONDS, blocks
from tests.programs import require_program

PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


@attrs.frozen
class Typed:
    """A command, and the lines that the page shows after it."""

    command: str
    shown: list[str]

    @property
    def keeps_running(self) -> bool:
        return "filebody receive" in self.command


def typed(page: Path) -> list[Typed]:
    found: list[Typed] = []
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                found.append(Typed(line.removeprefix("$ "), []))
            else:
                found[-1].shown.append(line)
    return [each for each in found if not each.command.startswith(("make ", "pip "))]


def pattern(shown: str) -> str:
    """What a line may look like when it is printed again."""
    text = re.escape(shown).replace(r"\.\.\.", ".*")
    text = re.sub(
        r"(?<![0-9A-Za-z])[0-9]+(\\\.[0-9]+)?(?![0-9A-Za-z])", r"[0-9]+([.][0-9]+)?", text
    )
    text = re.sub(r"\b[KMG]iB\b", "([KMG]i)?B", text)
    text = re.sub(r"(\\ ){2,}", " +", text)  # columns
    text = re.sub(r"\b[0-9a-f]{16}\b", "[0-9a-f]{16}", text)
    return re.sub(r"(?<=sha256\\ )[0-9a-f]+", "[0-9a-f]+", text)


class Terminals:
    """One for the receivers, which are stopped in turn, and one for all else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = "8080"
        self.received = ""  # what the latest receiver has printed, once it was stopped
        self._receiver = contextlib.ExitStack()
        # The programs that the reader has, beside those of the environment in which we run.
        path = f"{Path(sys.executable).parent}:{ROOT / '.venv' / 'bin'}"
        self._environment = environment(home=directory)
        self._environment["PATH"] = f"{path}:{self._environment['PATH']}"

    def close(self) -> None:
        self._receiver.close()

    def type(self, each: Typed) -> None:
        # Nothing of a test is to be reached from other machines.
        command = each.command.replace("0.0.0.0", "127.0.0.1")
        if each.keeps_running:
            self._receiver.close()
            shutil.rmtree(self._directory / "inbox", ignore_errors=True)  # a recipe of its own
            self._receiver.enter_context(self._receiving(f"{command} --port 0", each.shown))
            return
        done = subprocess.run(
            ["bash", "-c", command.replace(":8080", f":{self._port}")],
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
        )
        no_traceback(done.stdout.decode())
        printed = done.stdout.decode().replace(f":{self._port}", ":8080")
        # What is overwritten on a terminal, as by a carriage return, is not to be seen there.
        lines = [line.rpartition("\r")[2] for line in printed.split("\n")]
        if each.shown:
            assert len(lines) >= len(each.shown), printed
            for line, shown in zip(lines, each.shown, strict=False):
                assert re.fullmatch(pattern(shown), line), f"{line!r} is not {shown!r}"
        is_meant_to_fail = each.shown and each.shown[-1].startswith("filebody: ")
        assert bool(done.returncode) == bool(is_meant_to_fail), f"{command}: {printed}"

    @contextlib.contextmanager
    def _receiving(self, command: str, shown: list[str]) -> Iterator[None]:
        with dispositions():
            process = subprocess.Popen(
                ["bash", "-c", command.replace("filebody receive", "exec filebody receive")],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        running = Running(process)
        try:
            stream = "out" if "--json" in command else "err"
            first = running.line(stream)
            match = re.search(r":(\d+)/", first)
            assert match, first
            self._port = match[1]
            for line in shown:
                assert re.fullmatch(pattern(line), first), f"{first!r} is not {line!r}"
                if line is not shown[-1]:
                    first = running.line(stream)
            yield
            running.interrupt(signal.SIGINT)
            outcome = running.end()
            assert outcome.code == 0, outcome
            self.received = outcome.out
        finally:
            running.close()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A folder with what the pages' commands want to send."""
    (tmp_path / "movie.mp4").write_bytes(bytes(1_000_000))
    (tmp_path / "backup.tar").write_bytes(bytes(20_000_000))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(bytes(1000))
    for example in EXAMPLES.glob("*.py"):
        shutil.copy(example, tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", [page for page in PAGES if typed(page)], ids=lambda p: p.stem)
def test_commands(page: Path, directory: Path) -> None:
    commands = typed(page)
    for program in ("bash", "openssl", "curl"):
        if program == "bash" or any(program in each.command for each in commands):
            require_program(program)
    terminals = Terminals(directory)
    with contextlib.closing(terminals):
        if not commands[0].keeps_running:  # the page takes one for granted
            terminals.type(Typed("filebody receive inbox", []))
        for each in commands:
            terminals.type(each)
    # What a page shows in a `text` block is what the receiver says in its terminal.
    for block in blocks(page, "text") if page.stem == "tutorial" else ():
        for line in block.splitlines():
            assert re.search(f"^{pattern(line)}$", terminals.received, re.MULTILINE), line
