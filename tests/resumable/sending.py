"""A process that sends a file so that it can be resumed: `python -m tests.resumable.sending JSON`.

It says how far it is, a line each time, and at the end what became of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.peers.child import ROOT


def start(settings: dict[str, Any], log: Path) -> subprocess.Popen[bytes]:
    """Start it; what it says comes from its `stdout`."""
    with log.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.resumable.sending", json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
        )


def wait_for_progress(process: subprocess.Popen[bytes], times: int) -> bool:
    """Wait until it has said so often that more was sent; False if it ended before."""
    assert process.stdout is not None
    sent = 0
    while times and (line := process.stdout.readline()):
        said = json.loads(line).get("sent", 0)
        times -= 0 < said != sent
        sent = said
    return not times


def say(**facts: object) -> None:
    """A line for who has started this."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Send what the argument says."""
    from twisted.internet.defer import Deferred
    from twisted.internet.task import react

    from filebody.agent import Options, RateLimit, UploadAgent
    from filebody.progress import Progress
    from filebody.resumable import Checkpoints, Outcome, _machine, upload

    settings = json.loads(sys.argv[1])
    _machine.FIRST_DELAY_SECONDS = settings.get("first_delay_seconds", 1.0)
    rate = settings["rate_bytes_per_second"]
    limit = None if rate is None else RateLimit(bytes_per_second=rate)

    def progressed(progress: Progress) -> None:
        say(sent=progress.sent_bytes, confirmed=progress.confirmed_bytes)

    def send(reactor: Any) -> Deferred[None]:
        agent = UploadAgent(reactor, options=Options(rate_limit=limit))
        sending = upload(
            agent,
            settings["url"],
            Path(settings["path"]),
            checkpoints=Checkpoints(settings["state"]),
            on_progress=None if settings.get("is_quiet") else progressed,
            parallel=settings.get("parallel", 1),
            protocol=settings["protocol"],
            verify_prefix=settings.get("verify_prefix", False),
        )

        def sent(outcome: Outcome) -> None:
            say(done=outcome.upload_url, resumed=outcome.resumed_bytes)
            agent.close()

        return sending.addCallback(sent)

    react(send)


if __name__ == "__main__":
    main()
