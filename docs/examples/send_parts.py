"""Send a file in parts, each as a file of its own; any part can be sent again."""

import sys
from typing import Any

from twisted.internet.task import react
from twisted.web.client import Agent, readBody

from filebody import FileBodyProducer, PathBody, SliceBody

PART_BYTES = 1 << 20


async def main(reactor: Any, path: str, url: str) -> None:
    whole = PathBody(path)
    if whole.length is None:
        sys.exit(f"{path} has no length")
    agent = Agent(reactor)
    for start in range(0, whole.length, PART_BYTES):
        stop = min(start + PART_BYTES, whole.length)
        producer = FileBodyProducer(SliceBody(whole, start, stop))
        to = f"{url}{start:012}"
        response = await agent.request(b"PUT", to.encode(), None, producer)
        await readBody(response)
        print(response.code, f"bytes {start} to {stop - 1}")


react(main, sys.argv[1:])
