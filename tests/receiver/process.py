"""A receiver in a process of its own, with a disk that can be made to stand still.

Its events go to a file, one line of JSON each. Lines on its standard input are commands:

    open       let writes to the disk go on (with `is_disk_stuck` they wait from the start)
    jump N     set the wall clock forward by N seconds
    stop N     stop the receiver with a grace of N seconds, and end

and at the end of the input it stops at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from tests.peers.child import Child, say_ready

if TYPE_CHECKING:
    from collections.abc import Sequence


class ReceiverProcess(Child):
    """Starts `filebody.receiver.Receiver` on a directory.

    Args:
        home: Where the log and the events go.
        is_disk_stuck: Whether writes wait for `open_disk`.
        max_file_bytes: A limit that the kernel sets to the size of files, in bytes.
        spare_descriptors: How many files and sockets it may open once it serves.
        settings: What `ReceiverConfig` takes besides the directory.
    """

    module = "tests.receiver.process"

    def __init__(
        self,
        home: Path,
        *,
        is_disk_stuck: bool = False,
        max_file_bytes: int | None = None,
        spare_descriptors: int | None = None,
        **settings: Any,
    ) -> None:
        self.directory = home / "received"
        self._events = home / "events"
        self._log = home / "log"
        config = {
            "settings": {"directory": str(self.directory), **settings},
            "events": str(self._events),
            "is_disk_stuck": is_disk_stuck,
            "max_file_bytes": max_file_bytes,
            "spare_descriptors": spare_descriptors,
        }
        super().__init__(self.module, config, self._log)

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.ready["port"])

    @property
    def events(self) -> list[dict[str, Any]]:
        """What has been told so far, each with its class name as `kind`."""
        return [json.loads(line) for line in self._events.read_text().splitlines()]

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def files(self) -> dict[str, int]:
        """Every file below the directory, hidden ones too, with its size; locks left out.

        What vanishes while it is looked at is left out too: the receiver is at work.
        """
        found = {}
        for directory, _, names in os.walk(self.directory):
            for name in names:
                path = Path(directory, name)
                with contextlib.suppress(FileNotFoundError):
                    found[str(path.relative_to(self.directory))] = path.stat().st_size
        return {name: size for name, size in found.items() if Path(name).name != "lock"}

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def memory_bytes(self, which: str = "VmRSS") -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(which):
                return int(line.split()[1]) * 1024
        raise LookupError(which)

    def tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        return self._process.wait(30)


def main() -> None:
    # Before Twisted, whose clock it is.
    now, shift = time.time, [0.0]
    time.time = lambda: now() + shift[0]

    from twisted.internet import reactor as installed_reactor
    from twisted.logger import globalLogBeginner, textFileLogObserver

    from filebody.receiver import Receiver, ReceiverConfig, ReceiverEvent, _store

    reactor: Any = installed_reactor
    config = json.loads(sys.argv[1])
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    gate = threading.Event()
    write = _store.Incoming.write

    def slow_write(self: _store.Incoming, pieces: Sequence[bytes]) -> None:
        gate.wait()
        write(self, pieces)

    if config["is_disk_stuck"]:
        _store.Incoming.write = slow_write  # type: ignore[method-assign,assignment]
    if config["max_file_bytes"] is not None:
        limit = config["max_file_bytes"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with Path(config["events"]).open("w") as events:

        def report(event: ReceiverEvent) -> None:
            facts = {"kind": type(event).__name__, **attrs.asdict(event)}
            events.write(json.dumps(facts, default=str) + "\n")
            events.flush()

        receiver = Receiver(ReceiverConfig(**config["settings"]), on_event=report)

        def serve(_: None) -> None:
            if config["spare_descriptors"] is not None:
                limit = len(os.listdir("/proc/self/fd")) + config["spare_descriptors"]
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            say_ready(url=receiver.url, port=receiver.port)

        receiver.start().addCallback(serve).addErrback(
            lambda failure: (sys.stderr.write(failure.getErrorMessage()), reactor.stop())
        )

        def obey() -> None:
            rest = b""
            while data := os.read(0, 1024):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    if line == b"open":
                        gate.set()
                    elif line.startswith(b"jump"):
                        shift[0] += float(line.split()[1])
                    else:
                        grace = float(line.split()[1])
                        reactor.callFromThread(
                            lambda grace=grace: receiver.stop(grace).addCallback(
                                lambda _: reactor.stop()
                            )
                        )
            gate.set()
            reactor.callFromThread(lambda: reactor.running and reactor.stop())

        threading.Thread(target=obey, name="commands", daemon=True).start()
        reactor.run()


if __name__ == "__main__":
    main()
