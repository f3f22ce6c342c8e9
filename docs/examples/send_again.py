"""Send a file; when the connection is lost, send it again."""

import sys
from typing import Any

from twisted.application.internet import backoffPolicy
from twisted.internet.error import ConnectError
from twisted.internet.task import deferLater, react
from twisted.web.client import Agent, RequestTransmissionFailed, ResponseFailed
from twisted.web.iweb import IResponse

from filebody import Body, FileBodyProducer, PathBody

ATTEMPTS = 5
delay_of = backoffPolicy(initialDelay=0.25)


async def send(reactor: Any, body: Body, url: str) -> IResponse:
    agent = Agent(reactor)
    for attempt in range(1, ATTEMPTS + 1):
        producer = FileBodyProducer(body)  # a new one each time; the body stays
        try:
            response: IResponse = await agent.request(b"PUT", url.encode(), None, producer)
        except (ConnectError, RequestTransmissionFailed, ResponseFailed) as error:
            if attempt == ATTEMPTS or not body.replayable:
                raise
            print(f"attempt {attempt} failed: {type(error).__name__}")
        else:
            return response
        await deferLater(reactor, delay_of(attempt))
    raise AssertionError("not reached")


async def main(reactor: Any, path: str, url: str) -> None:
    response = await send(reactor, PathBody(path), url)
    print(response.code)


react(main, sys.argv[1:])
