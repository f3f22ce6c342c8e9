"""A receiver in a process of its own: `python serve.py '{"directory": ..., ...}'`.

Prints its URL when it listens, or why it does not, then a line for each event; stops when its
standard input ends.
"""

from __future__ import annotations

import json
import sys

from twisted.internet import reactor, stdio
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from filebody.receiver import Receiver, ReceiverConfig, ReceiverEvent


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def report(event: ReceiverEvent) -> None:
    say(str(event))


class Watch(Protocol):
    def connectionLost(self, reason: Failure | None = None) -> None:
        reactor.stop()


def main() -> None:
    receiver = Receiver(ReceiverConfig(**json.loads(sys.argv[1])), on_event=report)

    def started(_: None) -> None:
        say(receiver.url)
        stdio.StandardIO(Watch())

    def failed(failure: Failure) -> None:
        say(failure.getErrorMessage())
        reactor.stop()

    receiver.start().addCallbacks(started, failed)
    reactor.run()


main()
