"""Programs that others wrote: started with a configuration of our own, stopped, and gone."""

import os
import select
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.peers.ports import free_ports
from tests.programs import require_program

START_SECONDS = 30
STOP_SECONDS = 20


class Program(ABC):
    """Runs in the foreground while in use, as one process.

    Args:
        directory: Where everything goes that it writes; it must be empty.
    """

    name: ClassVar[str]
    # How many; all of them are known to `prepare`.
    port_count: ClassVar[int]

    def __init__(self, directory: Path) -> None:
        self._program = require_program(self.name)
        self._root = directory
        self.log = directory / f"{self.name}.log"
        self.ports: list[int] = []

    @abstractmethod
    def prepare(self) -> None:
        """Write the configuration."""

    @abstractmethod
    def arguments(self) -> Sequence[str | Path]:
        """What to call it with."""

    def environment(self) -> Mapping[str, str]:
        """What to add to the environment."""
        return {}

    def clean_up(self) -> None:
        """Remove what is not in the directory; called once, when the program has ended."""
        return

    def __enter__(self) -> Self:
        self.ports = free_ports(self.port_count)
        self.prepare()
        self.start()
        return self

    def start(self) -> None:
        """Start it, for the first time or again: on the same ports, with the same files."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, *self.arguments()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._root,
                env=os.environ | self.environment(),
            )
        self.pid = self._process.pid
        try:
            self._wait_until_it_answers()
        except BaseException:
            self._stop()
            raise

    def kill(self) -> None:
        """End it as a machine that loses its power would."""
        self._process.kill()
        self._process.wait()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop()

    def _wait_until_it_answers(self) -> None:
        # None of them tells that it listens; a connection refused on loopback costs nothing, and
        # the pidfd wakes us early if it dies.
        deadline = time.monotonic() + START_SECONDS
        ended = os.pidfd_open(self.pid)
        waiting = list(self.ports)
        try:
            while waiting and time.monotonic() < deadline:
                try:
                    socket.create_connection(("127.0.0.1", waiting[-1]), 1).close()
                except OSError:
                    if select.select([ended], [], [], 0.01)[0]:
                        break
                else:
                    waiting.pop()
        finally:
            os.close(ended)
        if waiting:
            raise RuntimeError(f"{self.name} did not start: {self.log.read_text()}")

    def _stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.clean_up()


class WebServer(Program):
    """A program that serves HTTP, plain and over TLS."""

    port_count = 2

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def tls_port(self) -> int:
        return self.ports[1]

    def url(self, *, tls: bool) -> str:
        return f"https://localhost:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"
