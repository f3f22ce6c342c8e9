"""Send a file, say how far it is, and compare what was sent with what has arrived."""

import sys
from base64 import b64encode
from typing import Any

from twisted.internet.task import react
from twisted.web.client import Agent

from filebody import DigestBody, FileBodyProducer, PathBody, Progress


def show(progress: Progress) -> None:
    print(f"{progress.sent_bytes} of {progress.total_bytes} bytes", end="\r")


async def main(reactor: Any, path: str, url: str) -> None:
    body = DigestBody(PathBody(path))
    producer = FileBodyProducer(body, on_progress=show)
    response = await Agent(reactor).request(b"PUT", url.encode(), None, producer)
    if response.code >= 300:
        sys.exit(f"refused: {response.code} {response.phrase.decode()}")
    sent = b"sha-256=:" + b64encode(body.digest()) + b":"
    if response.headers.getRawHeaders(b"Repr-Digest") != [sent]:
        sys.exit("what has arrived is not what was sent")
    print(f"{body.length} bytes have arrived as they were sent")


react(main, sys.argv[1:])
