"""A twisted.web server that hashes what it receives and answers with digest and length.

It can be slow, and it can close the connection inside of the body. Every answer is JSON:

    {"method": ..., "path": ..., "length": 3, "sha256": ..., "declared": 3 or null for chunked}

Bodies go nowhere, so they may be of any size. `GET` answers with a list of those received in full
so far.
"""

import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import attrs

from tests.peers.certificates import Certificates
from tests.peers.child import Child, call_when_parent_is_gone, say_ready


@attrs.frozen
class Manners:
    """How the server behaves.

    Attributes:
        pause_seconds: how long it reads nothing after each piece of a body.
        cut_after: a request's connection is cut when this many bytes of its body are here. A
            request's header `X-Cut-After` says the same for that request.
        cut_by: "close" (FIN; the kernel makes it RST if unread bytes wait) or "reset" (RST).
    """

    pause_seconds: float = 0.0
    cut_after: int | None = None
    cut_by: str = "close"


class TwistedWeb(Child):
    """The server in a process of its own, plain and over TLS on loopback."""

    def __init__(
        self, directory: Path, certificates: Certificates, manners: Manners | None = None
    ) -> None:
        config = {
            "server": str(certificates.server),
            "manners": attrs.asdict(manners or Manners()),
        }
        super().__init__("tests.peers.twisted_web", config, directory / "twisted-web.log")

    def url(self, *, tls: bool) -> str:
        port, tls_port = self.ready["port"], self.ready["tls_port"]
        return f"https://localhost:{tls_port}" if tls else f"http://127.0.0.1:{port}"


def main() -> None:
    from twisted.internet import endpoints, ssl
    from twisted.internet import reactor as installed_reactor
    from twisted.web import http, resource, server

    reactor: Any = installed_reactor

    config = json.loads(sys.argv[1])
    manners = Manners(**config["manners"])
    received: list[dict[str, Any]] = []

    class Hashing(http.Request):
        """Never keeps a body."""

        _length = 0
        _cut_after: int | None = None

        def gotLength(self, length: int | None) -> None:
            self._declared = length
            self._digest = hashlib.sha256()
            self.content = io.BytesIO()
            header = self.requestHeaders.getRawHeaders("X-Cut-After")
            self._cut_after = int(header[0]) if header else manners.cut_after
            if self._cut_after == 0:
                self._cut()

        def handleContentChunk(self, data: bytes) -> None:
            self._digest.update(data)
            self._length += len(data)
            if self._cut_after is not None and self._length >= self._cut_after:
                self._cut()
            elif manners.pause_seconds:
                transport = self._transport()
                transport.pauseProducing()
                reactor.callLater(manners.pause_seconds, transport.resumeProducing)

        def _cut(self) -> None:
            if manners.cut_by == "reset":
                self._transport().abortConnection()
            else:
                # Below TLS, which would wait for the client to agree.
                transport = self._transport()
                getattr(transport, "transport", transport).loseConnection()

        def _transport(self) -> Any:
            return self.channel.transport

        def process(self) -> None:
            if self._cut_after is not None and self._length >= self._cut_after:
                return
            answer: object
            if self.method == b"GET":
                answer = received
            else:
                answer = {
                    "method": self.method.decode("ascii"),
                    "path": self.path.decode("ascii"),
                    "length": self._length,
                    "sha256": self._digest.hexdigest(),
                    "declared": self._declared,
                }
                received.append(answer)
            body = json.dumps(answer).encode("ascii")
            self.responseHeaders.setRawHeaders(b"content-type", [b"application/json"])
            self.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(body)])
            self._answer(body)

        def _answer(self: Any, body: bytes) -> None:
            self.write(body)
            self.finish()

    site = server.Site(resource.Resource(), requestFactory=Hashing)
    certificate = ssl.PrivateCertificate.loadPEM(Path(config["server"]).read_bytes())

    ports: list[int] = []

    def listening(port: Any) -> None:
        ports.append(port.getHost().port)
        if len(ports) == 2:
            say_ready(port=ports[0], tls_port=ports[1])

    local: Any = {"interface": "127.0.0.1"}
    plain: Any = endpoints.TCP4ServerEndpoint(reactor, 0, **local)
    secure: Any = endpoints.SSL4ServerEndpoint(reactor, 0, certificate.options(), **local)
    # Listening happens at once, so the order is known.
    for endpoint in (plain, secure):
        endpoint.listen(site).addCallback(listening)
    call_when_parent_is_gone(lambda: reactor.callFromThread(reactor.stop))
    reactor.run()


if __name__ == "__main__":
    main()
