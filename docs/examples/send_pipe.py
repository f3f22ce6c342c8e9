"""Send what comes from the standard input, while it comes."""

import sys

import treq
from twisted.internet.task import react

from filebody import FileBodyProducer


async def main(_reactor: object, url: str) -> None:
    response = await treq.put(url, FileBodyProducer(sys.stdin.buffer))
    print(response.code, await response.text())


react(main, sys.argv[1:])
