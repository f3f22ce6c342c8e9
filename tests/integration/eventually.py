"""Waiting for what others do in their own time: closing a socket, above all."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater

LIMIT_SECONDS = 30
_TURN_SECONDS = 0.005


async def until(condition: Callable[[], object]) -> None:
    """Let the reactor run until the condition holds; fail when it takes unreasonably long."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        await deferLater(reactor, _TURN_SECONDS, lambda: None)


def held_open(directory: Path) -> list[str]:
    """Return this process's descriptors that are sockets, or files below a test's directory.

    What the reactor and pytest keep for themselves is neither.
    """
    held = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except FileNotFoundError:
            continue  # the one that lists them
        if target.startswith(("socket:", str(directory))):
            held.append(f"{descriptor} {target}")
    return held
