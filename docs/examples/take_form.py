"""A server that takes forms and says what was in them; it keeps nothing."""

import json
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.web.resource import Resource
from twisted.web.server import Request, Site


class Form(Resource):
    isLeaf = True  # noqa: N815 - Twisted's name

    def render_POST(self, request: Request) -> bytes:
        sizes = {name.decode(): len(values[0]) for name, values in request.args.items()}
        return json.dumps(sizes).encode()


async def main(reactor: Any, port: str) -> None:
    site = Site(Form())  # type: ignore[no-untyped-call]
    listening = reactor.listenTCP(int(port), site, interface="127.0.0.1")
    print(f"forms go to http://127.0.0.1:{listening.getHost().port}/", flush=True)
    await Deferred()  # for ever


react(main, sys.argv[1:])
