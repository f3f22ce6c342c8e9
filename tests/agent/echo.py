"""A twisted.web server in this process that says what it was asked, for clients' manners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web import http, resource, server
from zope.interface import implementer

reactor: Any = installed_reactor

# More than the buffers of both ends hold together.
LARGE_BYTES = 32 * 2**20
PIECE = bytes(range(256)) * 256


class Echo:
    """Serves on loopback, plain, from `start` to `stop`.

    Any path but these answers with JSON: `method`, `path`, `args`, `fields` (names in lower case),
    `cookies`, `length` and `content` (latin-1).

    Paths:
        /cookie: sets the cookie `flavour=plain`.
        /private: asks for Basic authentication unless it was `me` with `secret`.
        /moved: redirects to /found with 307.
        /cookie-moved: the same, and sets the cookie.
        /large: LARGE_BYTES of `PIECE` again and again; `large` says how far it got.
        /never: never answers; `hung_up` fires when the client hangs up.
    """

    def __init__(self) -> None:
        self.large = Large()
        self.asked: Deferred[None] = Deferred()
        self.hung_up: Deferred[None] = Deferred()

    def start(self) -> None:
        site = server.Site(_Root(self))
        self._port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")

    def stop(self) -> Deferred[None]:
        stopped: Deferred[None] = self._port.stopListening()
        return stopped

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._port.getHost().port}{path}"


@attrs.define
class Large:
    """How far an endless-looking response got.

    Attributes:
        written: So many bytes were handed to the transport.
        was_stopped: Whether the client hung up.
    """

    written: int = 0
    was_stopped: bool = False


class _Root(resource.Resource):
    isLeaf = True  # noqa: N815 (its name in Twisted)

    def __init__(self, echo: Echo) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._echo = echo

    def render(self, request: Any) -> Any:
        match request.path:
            case b"/cookie":
                request.addCookie(b"flavour", b"plain")
            case b"/private" if (request.getUser(), request.getPassword()) != (b"me", b"secret"):
                request.setResponseCode(401)
                request.setHeader(b"WWW-Authenticate", b'Basic realm="here"')
                return b"who are you?"
            case b"/moved" | b"/cookie-moved":
                if request.path != b"/moved":
                    request.addCookie(b"flavour", b"plain")
                request.setResponseCode(307)
                request.setHeader(b"Location", b"/found")
                return b""
            case b"/large":
                request.setHeader(b"Content-Length", b"%d" % LARGE_BYTES)
                request.registerProducer(_Flood(request, self._echo.large), True)
                return server.NOT_DONE_YET
            case b"/never":
                request.notifyFinish().addErrback(lambda _: self._echo.hung_up.callback(None))
                self._echo.asked.callback(None)
                return server.NOT_DONE_YET
        request.setHeader(b"Content-Type", b"application/json")
        return json.dumps(_what_was_asked(request)).encode()


def _what_was_asked(request: Any) -> dict[str, Any]:
    content = request.content.read()
    return {
        "method": request.method.decode(),
        "path": request.path.decode(),
        "args": {
            name.decode("latin-1"): [value.decode("latin-1") for value in values]
            for name, values in request.args.items()
        },
        "fields": {
            name.decode().lower(): [value.decode("latin-1") for value in values]
            for name, values in request.requestHeaders.getAllRawHeaders()
        },
        "cookies": {
            name.decode(): value.decode() for name, value in request.received_cookies.items()
        },
        "length": len(content),
        "content": content.decode("latin-1"),
    }


@implementer(IPushProducer)
class _Flood:
    """Writes until it is paused, and goes on when it is resumed."""

    def __init__(self, request: http.Request, large: Large) -> None:
        self._request: Any = request
        self._large = large
        self._pieces: Iterator[bytes] = iter([PIECE] * (LARGE_BYTES // len(PIECE)))
        self._is_paused = True
        reactor.callLater(0, self.resumeProducing)

    def pauseProducing(self) -> None:
        self._is_paused = True

    def stopProducing(self) -> None:
        self._is_paused = True
        self._large.was_stopped = True

    def resumeProducing(self) -> None:
        if self._large.was_stopped or not self._is_paused:
            return
        self._is_paused = False
        while not self._is_paused:
            piece = next(self._pieces, None)
            if piece is None:
                self._request.unregisterProducer()
                self._request.finish()
                return
            self._large.written += len(piece)
            self._request.write(piece)
