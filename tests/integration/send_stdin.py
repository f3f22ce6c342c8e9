"""Sends its standard input, whatever that is, with Twisted's Agent, and prints the answer.

python -m tests.integration.send_stdin URL
"""

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.web.client import Agent

from filebody import FileBodyProducer


async def send(reactor: Any, url: str) -> None:
    import treq

    producer = FileBodyProducer(sys.stdin.buffer)
    response = await Agent(reactor).request(b"PUT", url.encode("ascii"), None, producer)
    sys.stdout.buffer.write(await treq.content(response))


if __name__ == "__main__":
    react(lambda reactor, url: Deferred.fromCoroutine(send(reactor, url)), sys.argv[1:])
