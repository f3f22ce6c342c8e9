"""A receiver inside of a program: it says what has come, until Ctrl-C."""

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from filebody.receiver import Receiver, ReceiverConfig, ReceiverEvent, Stored


def heard(event: ReceiverEvent) -> None:
    match event:
        case Stored():
            print(f"{event.name}: {event.size_bytes} bytes at {event.path}", flush=True)
        case _:
            print(event, file=sys.stderr, flush=True)


async def main(reactor: Any, directory: str) -> None:
    config = ReceiverConfig(directory=directory, port=0, max_size=100_000_000)
    receiver = Receiver(config, reactor=reactor, on_event=heard)
    await receiver.start()
    print(receiver.url, flush=True)
    try:
        await Deferred()  # for ever
    finally:
        await receiver.stop()


react(main, sys.argv[1:])
