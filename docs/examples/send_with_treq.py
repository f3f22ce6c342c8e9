import sys

import treq
from twisted.internet.task import react

from filebody import FileBodyProducer, PathBody


async def main(_reactor: object, path: str, url: str) -> None:
    response = await treq.put(url, FileBodyProducer(PathBody(path)))
    print(response.code, await response.text())


react(main, sys.argv[1:])
