"""Ports for servers that cannot choose one themselves, and ports that nothing listens on.

They are below those that the kernel gives to connections and to listeners on port 0. One of those,
bound and closed again, may be that of another test at the next moment.
"""

import contextlib
import random
import socket
from pathlib import Path

_LOWEST = 10_240
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

# Not the generator that tests seed: workers would choose the same ports.
_chance = random.SystemRandom()


def free_port() -> int:
    """Return a port that nothing listens on."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different ports that nothing listens on."""
    highest = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 32_768
    found: set[int] = set()
    while len(found) < count:
        port = _chance.randrange(_LOWEST, highest)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.add(port)
    return sorted(found)
