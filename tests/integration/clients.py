"""Twisted's Agent, treq and our agent, reduced to one call: send this producer there."""

import ssl
from abc import ABC, abstractmethod

import attrs
import treq
from twisted.internet import reactor
from twisted.internet import ssl as twisted_ssl
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer

from filebody.agent import PoolLimits, UploadAgent
from tests.peers.certificates import Certificates

TIMEOUT_SECONDS = 60


@attrs.frozen
class Answer:
    status: int
    body: bytes


class Client(ABC):
    """Trusts the tests' authority and keeps no connection."""

    @abstractmethod
    def __init__(self, certificates: Certificates) -> None: ...

    @abstractmethod
    async def put(
        self, url: str, producer: IBodyProducer, fields: dict[str, str] | None = None
    ) -> Answer: ...


class AgentClient(Client):
    def __init__(self, certificates: Certificates) -> None:
        authority = twisted_ssl.Certificate.loadPEM(certificates.authority.read_bytes())
        self._agent = Agent(
            reactor,
            BrowserLikePolicyForHTTPS(twisted_ssl.trustRootFromCertificates([authority])),
            pool=HTTPConnectionPool(reactor, persistent=False),
        )

    async def put(
        self, url: str, producer: IBodyProducer, fields: dict[str, str] | None = None
    ) -> Answer:
        response = await self._agent.request(
            b"PUT", url.encode("ascii"), _headers(fields), producer
        )
        return Answer(response.code, await treq.content(response))


class TreqClient(AgentClient):
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


class OurClient(Client):
    """Our agent."""

    def __init__(self, certificates: Certificates) -> None:
        self._agent = UploadAgent(
            tls=ssl.create_default_context(cafile=certificates.authority),
            pool=PoolLimits(idle_per_host=0),
        )

    async def put(
        self, url: str, producer: IBodyProducer, fields: dict[str, str] | None = None
    ) -> Answer:
        response = await self._agent.request(
            b"PUT", url.encode("ascii"), _headers(fields), producer
        )
        return Answer(response.code, await treq.content(response))


def _headers(fields: dict[str, str] | None) -> Headers:
    return Headers({name: [value] for name, value in (fields or {}).items()})
