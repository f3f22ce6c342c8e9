"""What tests of the agent need to send something and to hear what became of it."""

from __future__ import annotations

import ssl
from typing import Any

import attrs
import pytest
import treq
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IResponse

from filebody import Body
from filebody.agent import ExchangeListener, Moment, Options, Proxies, UploadAgent
from tests.integration.case import UploadCase
from tests.peers.certificates import Certificates


class Heard(ExchangeListener):
    """Notes what happens on connections."""

    def __init__(self) -> None:
        self.reused: list[bool] = []
        self.informational_statuses: list[int] = []

    def connected(self, moment: Moment, peer: str, *, reused: bool) -> None:
        self.reused.append(reused)

    def informational(self, moment: Moment, status: int) -> None:
        self.informational_statuses.append(status)


@attrs.frozen
class Answer:
    """A response with its content; `length` is what was announced, or UNKNOWN_LENGTH."""

    status: int
    content: bytes
    length: Any
    headers: Headers


class SendCase(UploadCase):
    """Has an agent that trusts the tests' authority."""

    options = Options()

    certificates: Certificates

    @pytest.fixture(autouse=True)
    def _certificates(self, certificates: Certificates) -> None:
        self.certificates = certificates

    async def begin(self) -> None:
        self.heard = Heard()
        self.agent = self.make_agent()

    async def end(self) -> None:
        self.agent.close()

    def make_agent(
        self, proxy: Proxies | str | None = None, options: Options | None = None
    ) -> UploadAgent:
        return UploadAgent(
            options=attrs.evolve(options or self.options, listener=self.heard),
            tls=ssl.create_default_context(cafile=self.certificates.authority),
            proxy=proxy,
        )

    async def put(
        self, url: str, body: Body | IBodyProducer | None, options: Options | None = None
    ) -> Answer:
        """Send it and read the whole answer."""
        return await self.send("PUT", url, body, options=options)

    async def send(
        self,
        method: str,
        url: str,
        body: Body | IBodyProducer | None,
        headers: Headers | None = None,
        options: Options | None = None,
    ) -> Answer:
        response: IResponse = await self.agent.request(
            method.encode("ascii"), url.encode("ascii"), headers, body, options=options
        )
        return Answer(
            response.code, await treq.content(response), response.length, response.headers
        )
