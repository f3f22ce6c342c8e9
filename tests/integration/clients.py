"""Twisted's Agent and treq, reduced to one call: send this producer there."""

from abc import ABC, abstractmethod

import attrs
import treq
from twisted.internet import reactor, ssl
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer

from tests.peers.certificates import Certificates

TIMEOUT_SECONDS = 60


@attrs.frozen
class Answer:
    status: int
    body: bytes


class Client(ABC):
    """Trusts the tests' authority and keeps no connection."""

    def __init__(self, certificates: Certificates) -> None:
        authority = ssl.Certificate.loadPEM(certificates.authority.read_bytes())
        self._agent = Agent(
            reactor,
            BrowserLikePolicyForHTTPS(ssl.trustRootFromCertificates([authority])),
            pool=HTTPConnectionPool(reactor, persistent=False),
        )

    @abstractmethod
    async def put(
        self, url: str, producer: IBodyProducer, fields: dict[str, str] | None = None
    ) -> Answer: ...


class AgentClient(Client):
    async def put(
        self, url: str, producer: IBodyProducer, fields: dict[str, str] | None = None
    ) -> Answer:
        response = await self._agent.request(
            b"PUT", url.encode("ascii"), _headers(fields), producer
        )
        return Answer(response.code, await treq.content(response))


class TreqClient(Client):
    async def put(
        self, url: str, producer: IBodyProducer, fields: dict[str, str] | None = None
    ) -> Answer:
        response = await treq.put(
            url,
            data=producer,
            headers=_headers(fields),
            agent=self._agent,
            timeout=TIMEOUT_SECONDS,
        )
        return Answer(response.code, await treq.content(response))


def _headers(fields: dict[str, str] | None) -> Headers:
    return Headers({name: [value] for name, value in (fields or {}).items()})
