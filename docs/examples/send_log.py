"""Send what a log has by now, while others go on writing to it."""

import sys
from typing import Any

from twisted.internet.task import react
from twisted.web.client import Agent

from filebody import FileBodyProducer, PathBody


async def main(reactor: Any, path: str, url: str) -> None:
    body = PathBody(path, allow_changes=True)
    response = await Agent(reactor).request(b"PUT", url.encode(), None, FileBodyProducer(body))
    print(response.code, f"the first {body.length} bytes")


react(main, sys.argv[1:])
