"""Stores what is sent: filebody's own receiver."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.internet.threads import deferToThread

from filebody.receiver import Receiver, ReceiverConfig

__all__ = ["serve"]

_MEMORY = Path("/dev/shm")


def serve() -> None:
    """Print the port, store until standard input ends, print the CPU time.

    Files go into memory where that can be had: no disk shall be measured.
    """
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as directory:
        try:
            react(lambda reactor: Deferred.fromCoroutine(_serve(reactor, directory)))
        except SystemExit as ended:  # `react` ends the process, after success too
            if ended.code:
                raise


async def _serve(reactor: Any, directory: str) -> None:
    config = ReceiverConfig(directory=directory, overwrite=True, grace_seconds=0)
    receiver = Receiver(config, reactor=reactor)
    await receiver.start()
    print(receiver.url.rstrip("/").rpartition(":")[2], flush=True)
    before = time.process_time()
    await deferToThread(sys.stdin.read)
    print(time.process_time() - before, flush=True)
    await receiver.stop()
