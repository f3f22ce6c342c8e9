"""Send several files as one, with a line before each, without joining them anywhere."""

import sys
from typing import Any

from twisted.internet.task import react
from twisted.web.client import Agent

from filebody import Body, BytesBody, ConcatBody, FileBodyProducer, PathBody


async def main(reactor: Any, url: str, *paths: str) -> None:
    parts: list[Body] = []
    for path in paths:
        parts += [BytesBody(f"== {path}\n".encode()), PathBody(path)]
    body = ConcatBody(*parts)
    print(f"{body.length} bytes")
    response = await Agent(reactor).request(b"PUT", url.encode(), None, FileBodyProducer(body))
    print(response.code)


react(main, sys.argv[1:])
