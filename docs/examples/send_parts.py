"""Send a file in parts, each as a file of its own; any part can be sent again."""

import sys

import treq
from twisted.internet.task import react

from filebody import FileBodyProducer, PathBody, SliceBody

PART_BYTES = 1 << 20


async def main(_reactor: object, path: str, url: str) -> None:
    whole = PathBody(path)
    if whole.length is None:
        sys.exit(f"{path} has no length")
    for start in range(0, whole.length, PART_BYTES):
        stop = min(start + PART_BYTES, whole.length)
        producer = FileBodyProducer(SliceBody(whole, start, stop))
        response = await treq.put(f"{url}{start:012}", producer)
        await response.content()  # so that the connection can be used for the next one
        print(response.code, f"bytes {start} to {stop - 1}")


react(main, sys.argv[1:])
