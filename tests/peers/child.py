"""A peer in a process of its own that says when it is ready and dies with us."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[2]

# Far more than any of them needs: what takes longer hangs.
START_SECONDS = 60
STOP_SECONDS = 20


class Child:
    """Runs `python -m module JSON`, which answers with one line of JSON once it serves.

    Its standard input is a pipe that we hold. The child ends when that is closed, so it ends with
    this process however that ends.
    """

    def __init__(self, module: str, config: object, log: Path) -> None:
        self._module = module
        self._config = config
        self._log = log
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, json.dumps(self._config)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                # Where `tests` is importable; nothing is written there.
                cwd=ROOT,
            )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        late = threading.Timer(START_SECONDS, self._process.kill)
        late.start()
        try:
            line = self._process.stdout.readline()
        finally:
            late.cancel()
        if not line:
            self.stop()
            raise RuntimeError(f"{self._module} did not start: {self._log.read_text()}")
        self.ready = json.loads(line)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the child's input, wait for its end, and kill it if it does not come."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def say_ready(**facts: object) -> None:
    """In the child: serve from now on."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def call_when_parent_is_gone(stop: Callable[[], object]) -> None:
    """In the child: call `stop` in a thread when the input is at its end."""

    def wait() -> None:
        # Past the buffered reader: a thread that is inside of that at the end of the interpreter
        # is a fatal error.
        while os.read(0, 1024):
            pass
        stop()

    threading.Thread(target=wait, name="parent watch", daemon=True).start()
