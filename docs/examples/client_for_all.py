"""A treq client that sends bodies, paths, pipes and files by filebody's class."""

import sys
from pathlib import Path
from typing import Any

from treq.client import HTTPClient
from twisted.internet.task import react
from twisted.web.client import Agent

from filebody import FileBodyProducer, as_body


def to_producer(data: Any) -> FileBodyProducer:
    return FileBodyProducer(as_body(data))


async def main(reactor: Any, path: str, url: str) -> None:
    client = HTTPClient(Agent(reactor), data_to_body_producer=to_producer)
    sources: dict[str, Any] = {
        "path.bin": Path(path),
        "bytes.bin": b"bytes",
        "pipe.bin": sys.stdin.buffer,
    }
    for name, source in sources.items():
        response = await client.put(url + name, data=source)
        answer = await response.json()
        print(response.code, answer["name"], answer["sha256"])


react(main, sys.argv[1:])
