"""The receiver itself: starts, listens, and stops without leaving anything behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from filebody.clock import monotonic
from filebody.errors import UsageError
from filebody.receiver import _tls
from filebody.receiver._connection import Connection
from filebody.receiver._routes import exchange_for
from filebody.receiver._site import Site
from filebody.receiver._store import Store
from filebody.receiver._sweeper import Sweeper
from filebody.receiver._workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.internet.address import IPv4Address, IPv6Address
    from twisted.internet.base import _SystemEventID
    from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort, IProtocolFactory
    from twisted.internet.posixbase import PosixReactorBase

    from filebody.receiver._config import ReceiverConfig
    from filebody.receiver._events import ReceiverEvent

__all__ = ["Receiver"]

_T = TypeVar("_T")
_log = Logger()

# Clients that all begin at once must not be turned away by the kernel.
_BACKLOG = 1024
# So many connections more than are served get a 503; further ones are closed without a word.
_SURPLUS = 100
# A few bytes that stand for gigabytes keep these busy, and not those of other uploads.
_DECODER_THREADS = 2


class Receiver:
    """An HTTP/1.1 server that stores what is sent to it, and serves what it has stored.

    Clients PUT or POST a body to `/NAME` or `/DIRECTORY/NAME`. The body goes to the disk while it
    arrives, into a hidden temporary file; only when it is whole, and is what its digest fields
    promise (RFC 9530), does it get its name, atomically and durably. GET and HEAD give it back.

    One object is started and stopped once.

    Args:
        config: The settings.
        reactor: The reactor to run on; the global one if None.
        on_event: Called on the reactor with a `Stored`, `Served`, `Refused` or `Aborted` for each
            thing that came to an end. What it raises is logged.

    Attributes:
        url: Where the receiver listens, such as `http://127.0.0.1:43211/`; empty before `start`.
        port: The TCP port; 0 before `start`.
    """

    url: str
    port: int

    def __init__(
        self,
        config: ReceiverConfig,
        *,
        reactor: PosixReactorBase | None = None,
        on_event: Callable[[ReceiverEvent], None] | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor as installed  # noqa: PLC0415 - importing installs

            reactor = cast("PosixReactorBase", installed)
        self.url = ""
        self.port = 0
        self._config = config
        # A wall clock that is set must neither end transfers nor keep them from ending.
        reactor = cast("PosixReactorBase", monotonic(reactor))
        self._reactor = reactor
        self._workers = Workers(reactor)
        self._decoders = Workers(reactor, _DECODER_THREADS)
        self._site = Site(
            config=config,
            scheme="http" if config.cert is None else "https",
            store=Store(config.directory, overwrite=config.overwrite),
            workers=self._workers,
            decoders=self._decoders,
            clock=reactor,
            on_event=on_event,
        )
        self._sweeper = Sweeper(self._site, reactor)
        self._listening: IListeningPort | None = None
        self._was_started = False
        self._trigger: _SystemEventID | None = None
        self._start_ended: Deferred[None] = Deferred()
        self._is_stopped = False
        self._grace_seconds = 0.0
        self._grace: IDelayedCall | None = None
        self._waiting: list[Deferred[None]] = []

    def start(self) -> Deferred[None]:
        """Make the directory, listen, and begin to serve.

        Returns:
            A Deferred that fires when connections are accepted. It fails with `UsageError` where
            the directory, the certificate or the address cannot be used, and nothing is left then.

        Raises:
            RuntimeError: This receiver was started before.
        """
        if self._was_started:
            raise RuntimeError("a receiver is started once: make another")
        self._was_started = True
        return Deferred.fromCoroutine(self._start()).addBoth(self._tell_started)

    def stop(self, grace_seconds: float | None = None) -> Deferred[None]:
        """Stop listening, let running transfers finish, and leave nothing behind.

        Idle connections are closed at once. Transfers that run on after the grace are aborted, and
        their temporary files removed. May be called again, with a shorter grace or a longer one,
        and before or during `start`.

        Args:
            grace_seconds: How long transfers may go on; None for the setting's.

        Returns:
            A Deferred that fires when the last connection, thread and temporary file is gone. It
            cannot be cancelled. A thread that the disk does not answer is waited for.
        """
        grace = self._config.grace_seconds if grace_seconds is None else grace_seconds
        done: Deferred[None] = Deferred()
        if not self._was_started or self._is_stopped:
            self._was_started = True
            done.callback(None)
            return done
        self._waiting.append(done)
        self._grace_seconds = grace
        if not self._site.is_closing:
            self._site.is_closing = True
            Deferred.fromCoroutine(self._stop()).addBoth(self._stopped)
        elif self._grace is not None and self._grace.active():
            self._grace.reset(grace)
        return done

    async def _start(self) -> None:
        config = self._config
        self._workers.start()
        self._decoders.start()
        try:
            factory = self._factory()
            await self._workers.run(self._site.open)
            self._listening = await self._listen(factory)
        except BaseException:
            self._workers.stop()
            self._decoders.stop()
            self._is_stopped = True
            raise
        self.port = cast("IPv4Address | IPv6Address", self._listening.getHost()).port
        host = f"[{config.host}]" if ":" in config.host else config.host
        self.url = f"{self._site.scheme}://{host}:{self.port}/"
        # A program that forgets `stop` still leaves no temporary file, and no thread that keeps it
        # from ending.
        self._sweeper.start()
        self._trigger = self._reactor.addSystemEventTrigger("before", "shutdown", self._shut_down)

    def _factory(self) -> IProtocolFactory:
        factory = _Factory(self._site)
        if self._config.cert is None:
            return factory
        return _tls.wrapped(factory, self._config.cert, self._config.key)

    async def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        config = self._config
        try:
            listening: IListeningPort = self._reactor.listenTCP(
                config.port, factory, backlog=_BACKLOG, interface=config.host
            )
        except CannotListenError as error:
            await self._workers.run(self._site.close)
            said = getattr(error.socketError, "strerror", None) or str(error.socketError)
            raise UsageError(
                f"cannot listen on {config.host} port {config.port}: {said}; "
                "choose another, or port 0 for a free one"
            ) from error
        return listening

    def _tell_started(self, result: _T) -> _T:
        self._start_ended.callback(None)
        return result

    async def _stop(self) -> None:
        await self._start_ended
        if self._listening is None:
            return  # the start failed and has cleaned up
        self._sweeper.stop()
        await maybeDeferred(self._listening.stopListening)
        for connection in list(self._site.connections):
            connection.shut_down()
        self._grace = self._reactor.callLater(self._grace_seconds, self._abort_all)
        await self._site.when_empty()
        await self._decoders.when_idle()
        await self._workers.when_idle()  # files may still be read for clients that have gone
        if self._grace.active():
            self._grace.cancel()
        self._grace = None
        await self._workers.run(self._site.close)
        self._workers.stop()
        self._decoders.stop()
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)

    def _stopped(self, result: object) -> None:
        self._is_stopped = True
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(None)
        if isinstance(result, Failure):
            _log.failure("filebody receiver: stopping failed", result)

    def _abort_all(self) -> None:
        self._site.shelf.is_closing = True
        for connection in list(self._site.connections):
            connection.abort("the receiver is stopping")

    def _shut_down(self) -> Deferred[None]:
        self._trigger = None  # it has fired: there is nothing to remove
        return self.stop(0)


class _Factory(ServerFactory):
    """Makes connections, and bounds their number."""

    noisy = False

    def __init__(self, site: Site) -> None:
        self._site = site

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:  # noqa: ARG002 - the interface's
        site = self._site
        most = site.config.max_connections
        if site.busy >= most:
            site.make_room(in_need=False)
        if site.busy >= most + _SURPLUS:
            site.make_room(in_need=True)
        if site.busy >= most + _SURPLUS:
            return None
        return Connection(site, exchange_for, is_surplus=site.busy >= most)
