"""What a crash of the sender costs: bytes that are sent again, for each client.

    python -m benchmarks.crash

Each client sends 64 MiB to a server that takes 20 MB/s of each connection and keeps what it gets.
When it has half of it, the client is killed; then the client is started again as it was. tuspy and
tus-js-client are left out where they are not installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import attrs

from tests.peers.child import ROOT
from tests.peers.resumable import ResumableServer

SIZE = 1 << 26
RATE_BYTES_PER_SECOND = 20e6
ROUNDS = 3
FILEBODY = "benchmarks.clients.filebody_resumable"
NODE = ROOT / "tests" / "peers" / "node"


@attrs.frozen
class Client:
    """How to start one, and the words for it in the table."""

    name: str
    how: str
    protocol: str
    command: Sequence[str]
    goes_on: bool = False


def clients() -> list[Client]:
    """Those that are here."""
    python = sys.executable
    found = [
        Client("filebody", "`upload(...)` with checkpoints", "tus", [python, "-m", FILEBODY], True),
        Client("filebody", "the same", "ietf", [python, "-m", FILEBODY], True),
    ]
    if (NODE / "node_modules" / "tus-js-client").is_dir():
        command = ["node", str(NODE / "tus_resuming_client.js")]
        found.append(Client("tus-js-client", "as it comes", "tus", command))
        found.append(Client("tus-js-client", "with a FileUrlStorage", "tus", command, True))
    if importlib.util.find_spec("tusclient") is not None:
        command = [python, "-m", "benchmarks.clients.tuspy_resumable"]
        found.append(Client("tuspy", "as it comes", "tus", command))
        found.append(Client("tuspy", "with a FileStorage", "tus", command, True))
    found.append(Client("curl", "`curl -T`", "", ["curl", "-sS", "--fail", "-T"]))
    return found


def measure(client: Client, directory: Path, source: Path) -> int:
    """How many bytes were sent again."""
    protocols = [client.protocol] if client.protocol else []
    half = threading.Event()
    with ResumableServer(*protocols) as server:

        def slow(_: int) -> None:
            time.sleep(65536 / RATE_BYTES_PER_SECOND)
            if received(server) >= SIZE // 2:
                half.set()

        server.on_body = slow
        url = server.url + "/file"
        state = [str(directory / "state")] if client.goes_on else []
        arguments = [str(source), url] if client.name == "curl" else [url, str(source), *state]
        with subprocess.Popen([*client.command, *arguments], cwd=ROOT) as process:
            half.wait(60)
            process.kill()
        settled = -1
        while settled != received(server):  # what the kernel still had
            settled = received(server)
            time.sleep(0.3)
        subprocess.run([*client.command, *arguments], cwd=ROOT, check=True, stdout=2, timeout=60)
        content = source.read_bytes()
        assert content in server.targets.values(), "it arrived damaged"
        return received(server) - SIZE


def received(server: ResumableServer) -> int:
    """How many bytes of bodies came, of all requests."""
    return sum(request.body_bytes for request in list(server.requests))


def main() -> None:
    """Print the table."""
    print("| Client | How | Protocol | Sent again |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "source")
        source.write_bytes(os.urandom(SIZE))
        for client in clients():
            costs = []
            for number in range(ROUNDS):
                directory = Path(
                    scratch, f"{client.name}-{client.how[:3]}-{number}-{client.protocol}"
                )
                directory.mkdir(exist_ok=True)
                costs.append(measure(client, directory, source) / SIZE)
            low, high = min(costs), max(costs)
            cost = f"{low:.1%}" if low == high else f"{low:.1%} to {high:.1%}"
            print(f"| {client.name} | {client.how} | {client.protocol or 'PUT'} | {cost} |")


if __name__ == "__main__":
    main()
