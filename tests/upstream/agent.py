"""Our agent with the constructor of Twisted's, for suites that make one themselves."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit

from OpenSSL import crypto
from twisted.internet.defer import Deferred
from twisted.web import client
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from filebody.agent import Options, PoolLimits, UploadAgent

_TwistedsAgent = client.Agent


@implementer(IAgent)
class Agent:
    """Takes what Twisted's class takes, and sends by an `UploadAgent`.

    It follows no redirection, as Twisted's does not: treq wraps it to that end. It keeps
    connections where Twisted's would, but never in the pool that it is given.
    """

    def __init__(
        self,
        reactor: Any,
        contextFactory: Any = None,
        connectTimeout: float | None = None,
        bindAddress: Any = None,
        pool: Any = None,
    ) -> None:
        is_persistent = pool is not None and pool.persistent
        self._agent = UploadAgent(
            reactor,
            options=Options(redirects=0),
            tls=None if contextFactory is None else _context_of(contextFactory),
            pool=PoolLimits() if is_persistent else PoolLimits(idle_per_host=0),
        )

    @classmethod
    def usingEndpointFactory(cls, *arguments: Any, **named: Any) -> Any:
        # For connections in memory, without a socket: nothing for ours.
        return _TwistedsAgent.usingEndpointFactory(*arguments, **named)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        host = urlsplit(uri.decode("ascii")).hostname
        if host not in {"localhost", "127.0.0.1"}:
            raise ValueError(f"{host} is not on this machine")
        return self._agent.request(method, uri, headers, bodyProducer)


def _context_of(policy: Any) -> ssl.SSLContext:
    """Trust the same authorities as Twisted's policy for the verification of certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for authority in policy._trustRoot._caCerts:
        pem = crypto.dump_certificate(crypto.FILETYPE_PEM, authority)
        context.load_verify_locations(cadata=pem.decode("ascii"))
    return context
