"""UploadAgent: what users have."""

from __future__ import annotations

import ssl
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse
from zope.interface import implementer

from filebody.agent._engine import Engine
from filebody.agent._job import Job
from filebody.agent._options import Options
from filebody.agent._pool import Pool, PoolLimits
from filebody.agent._proxy import Proxies, Proxy
from filebody.agent._rate import RateLimit
from filebody.agent._ways import Ways
from filebody.clock import monotonic

__all__ = ["UploadAgent"]


@implementer(IAgent)
class UploadAgent:
    """An `IAgent` made for uploads: its connections read bodies into their sockets themselves.

    Takes any `IBodyProducer` as a body, and a `Body`. For treq: `HTTPClient(UploadAgent(reactor))`.

    Args:
        reactor: Any with sockets (epoll, poll, select, asyncio); the installed one by default.
        options: What holds for requests that say nothing else.
        tls: For https; by default the system's authorities are trusted, and names are verified.
        pool: How many connections are kept, and how long.
        proxy: To go through, or which one for which server; none by default.
        unix_socket: The path of a Unix socket to connect to, whatever the URL's host is.
        rate_limit: How fast all uploads may be together; None for no limit.
        bind_address: The local address to connect from.

    Source: `twisted.web.iweb.IAgent`.
    """

    def __init__(
        self,
        reactor: Any = None,
        *,
        options: Options = Options(),  # noqa: B008 - it is a frozen value
        tls: ssl.SSLContext | None = None,
        pool: PoolLimits = PoolLimits(),  # noqa: B008
        proxy: Proxy | Proxies | str | None = None,
        unix_socket: str | None = None,
        rate_limit: RateLimit | None = None,
        bind_address: str | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one
        self._options = options
        self._ways = Ways(
            tls=tls,
            proxy=Proxy.parse(proxy) if isinstance(proxy, str) else proxy,
            unix_socket=unix_socket,
            bind_address=bind_address,
        )
        reactor = monotonic(reactor)
        self._engine = Engine(reactor, rate_limit)
        self._pool = Pool(reactor, pool)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: object = None,
        *,
        options: Options | None = None,
    ) -> Deferred[IResponse]:
        """Send a request.

        Args:
            method: Such as `b"PUT"`.
            uri: An http or https URL. A user name and password in it are sent by HTTP Basic,
                unless there is a field `Authorization`; no message and no error has them.
            headers: Fields to send; those about length and framing are written by the agent.
                `User-Agent: filebody/VERSION` and `Accept: */*` are sent too, unless yours are
                here; with no values, `Headers({b"Accept": []})`, there is none.
            bodyProducer: An `IBodyProducer` or a `Body`; None for no body.
            options: Instead of the agent's.

        Returns:
            Fires with a `Response` when its head came, whatever its status. Cancelled at any
            moment, the connection is aborted and the body closed. Fails with

            - `UsageError`: this can never be sent,
            - `BodyError`, or what a file object raised: the body cannot be read as promised, and
              the server has not seen a complete request,
            - `TransferError`: the way there failed; its subclasses say how,
            - `NotReplayable`, `RedirectError`: a redirection cannot be followed.
        """
        job = Job(self._engine, self._pool, self._ways, options or self._options)
        return job.start(method, uri, headers or Headers(), bodyProducer)

    @property
    def reactor(self) -> Any:
        """The reactor whose timers and threads it uses; its clock is monotonic."""
        return self._engine.reactor

    @property
    def options(self) -> Options:
        """What holds for requests that say nothing else."""
        return self._options

    def close(self) -> None:
        """Close the connections that are not in use; those that are close when they are done."""
        self._pool.close()
