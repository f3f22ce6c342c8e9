"""A twisted.web server that hashes what it receives and answers with digest and length.

It can be slow, and it can close the connection inside of the body. Every answer is JSON:

    {"method": ..., "path": ..., "length": 3, "sha256": ..., "declared": 3 or null for chunked}

Bodies go nowhere, so they may be of any size. `GET` answers with a list of those received in full
so far. A form (`multipart/form-data`) that is POSTed is taken apart by Twisted; then the answer has
the values as well, as `form`: {"name": ["latin-1 of the value"]}.
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
        max_body_bytes: a larger body is answered with 413 when it has become too large, and the
            connection closed as Twisted does.
    """

    pause_seconds: float = 0.0
    cut_after: int | None = None
    cut_by: str = "close"
    max_body_bytes: int | None = None


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
        _is_form = False
        _is_refused = False

        def gotLength(self, length: int | None) -> None:
            self._declared = length
            self._digest = hashlib.sha256()
            self.content = io.BytesIO()
            kind = self.requestHeaders.getRawHeaders("Content-Type", [""])[0]
            self._is_form = kind.startswith("multipart/form-data")
            header = self.requestHeaders.getRawHeaders("X-Cut-After")
            self._cut_after = int(header[0]) if header else manners.cut_after
            if self._cut_after == 0:
                self._cut()

        def handleContentChunk(self, data: bytes) -> None:
            self._digest.update(data)
            self._length += len(data)
            if self._is_form:
                assert self.content is not None
                self.content.write(data)
            if manners.max_body_bytes is not None and self._length > manners.max_body_bytes:
                self._refuse()
            elif self._cut_after is not None and self._length >= self._cut_after:
                self._cut()
            elif manners.pause_seconds:
                transport = self._transport()
                transport.pauseProducing()
                reactor.callLater(manners.pause_seconds, transport.resumeProducing)

        def _refuse(self) -> None:
            if self._is_refused:
                return
            self._is_refused = True
            content = b"no more than %d bytes" % (manners.max_body_bytes or 0)
            # A resource cannot answer before it has the body; below it one can.
            self._transport().write(
                b"HTTP/1.1 413 Content Too Large\r\n"
                b"Connection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)
            )
            self._transport().loseConnection()

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
            if self._is_refused:
                return
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
                if self._is_form:
                    answer = answer | {"form": self._form()}
            body = json.dumps(answer).encode("ascii")
            self.responseHeaders.setRawHeaders(b"content-type", [b"application/json"])
            self.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(body)])
            self._answer(body)

        def _form(self: Any) -> dict[str, list[str]]:
            return {
                name.decode("latin-1"): [value.decode("latin-1") for value in values]
                for name, values in self.args.items()
            }

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

    # Tests connect hundreds of times at once.
    local: Any = {"interface": "127.0.0.1", "backlog": 1024}
    plain: Any = endpoints.TCP4ServerEndpoint(reactor, 0, **local)
    secure: Any = endpoints.SSL4ServerEndpoint(reactor, 0, certificate.options(), **local)
    # Listening happens at once, so the order is known.
    for endpoint in (plain, secure):
        endpoint.listen(site).addCallback(listening)
    call_when_parent_is_gone(lambda: reactor.callFromThread(reactor.stop))
    reactor.run()


if __name__ == "__main__":
    main()
