"""Send a file and tell what can go wrong from what went wrong."""

import sys

import treq
from twisted.internet.error import ConnectError
from twisted.internet.task import react
from twisted.web.client import RequestGenerationFailed, RequestTransmissionFailed, ResponseFailed

from filebody import BodyError, FileBodyProducer, PathBody


async def main(_reactor: object, path: str, url: str) -> None:
    try:
        producer = FileBodyProducer(PathBody(path))
        response = await treq.put(url, producer)
    except BodyError as error:
        sys.exit(f"the file cannot be read: {error}")
    except RequestGenerationFailed as failed:  # the body did not come as it was promised
        sys.exit(f"not sent: {failed.reasons[0].value}")
    except (RequestTransmissionFailed, ResponseFailed) as failed:  # redirects are among these
        sys.exit(f"no answer: {failed.reasons[0].value!r}")
    except ConnectError as error:
        sys.exit(f"no connection: {error}")
    if response.code >= 400:
        sys.exit(f"refused: {response.code}, {await response.text()}")
    print("sent")


react(main, sys.argv[1:])
