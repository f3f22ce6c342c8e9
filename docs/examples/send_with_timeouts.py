"""Give up when all of it takes too long, or when nothing has moved for a while."""

import sys
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.task import react
from twisted.web.client import Agent, RequestGenerationFailed, ResponseFailed

from filebody import FileBodyProducer, PathBody, Progress


async def main(reactor: Any, path: str, url: str, stall_seconds: str, total_seconds: str) -> None:
    def moved(_: Progress) -> None:
        stalled.reset(float(stall_seconds))

    producer = FileBodyProducer(PathBody(path), on_progress=moved)
    request = Agent(reactor).request(b"PUT", url.encode(), None, producer)
    stalled = reactor.callLater(float(stall_seconds), request.cancel)
    in_all = reactor.callLater(float(total_seconds), request.cancel)
    try:
        response = await request
    except (CancelledError, RequestGenerationFailed, ResponseFailed):
        if stalled.active() and in_all.active():
            raise  # it was not cancelled by a timer
        sys.exit("took too long: given up")
    finally:
        for timer in (stalled, in_all):
            if timer.active():
                timer.cancel()
    print(response.code)


react(main, sys.argv[1:])
