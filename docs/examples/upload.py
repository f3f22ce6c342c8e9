"""Send a file, say how far it is, and compare what was sent with what has arrived."""

import json
import sys
from typing import Any

from twisted.internet.task import react
from twisted.web.client import Agent, readBody

from filebody import DigestBody, FileBodyProducer, PathBody, Progress


def show(progress: Progress) -> None:
    print(f"{progress.sent_bytes} of {progress.total_bytes} bytes", end="\r")


async def main(reactor: Any, path: str, url: str) -> None:
    body = DigestBody(PathBody(path))
    producer = FileBodyProducer(body, on_progress=show)
    response = await Agent(reactor).request(b"PUT", url.encode(), None, producer)
    answer = await readBody(response)
    if response.code not in (200, 201):
        sys.exit(f"refused: {response.code}, {answer.decode()}")
    if json.loads(answer)["sha256"] != body.digest().hex():
        sys.exit("damaged on the way: send it again")
    print(f"{body.length} bytes have arrived as they were sent")


react(main, sys.argv[1:])
