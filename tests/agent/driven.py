"""A reactor of each kind, driven by a test until something has happened; and one by hand."""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Self, TypeVar

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IHostnameResolver,
    IHostResolution,
    IReactorFDSet,
    IResolutionReceiver,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

LIMIT_SECONDS = 30
REACTORS = {
    "select": ("twisted.internet.selectreactor", "SelectReactor"),
    "poll": ("twisted.internet.pollreactor", "PollReactor"),
    "epoll": ("twisted.internet.epollreactor", "EPollReactor"),
    "asyncio": ("twisted.internet.asyncioreactor", "AsyncioSelectorReactor"),
}
_T = TypeVar("_T")


@implementer(IHostResolution)
@attrs.define(eq=False)
class Resolution:
    """What a resolver was asked."""

    name: str
    receiver: IResolutionReceiver
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def answer(self, *hosts: str, port: int) -> None:
        for host in hosts:
            kind = IPv6Address if ":" in host else IPv4Address
            self.receiver.addressResolved(kind("TCP", host, port))
        self.receiver.resolutionComplete()


@implementer(IHostnameResolver)
class Resolver:
    """Answers as it was told; about other names when the test does."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, ...]] = {}
        self.asked: list[Resolution] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: object = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        resolution = Resolution(hostName, resolutionReceiver)
        self.asked.append(resolution)
        resolutionReceiver.resolutionBegan(resolution)
        if hostName in self.known:
            resolution.answer(*self.known[hostName], port=portNumber)
        return resolution


class Driven:
    """A reactor that is not the installed one; leaving says what is left in it."""

    def __init__(self, name: str) -> None:
        module, reactor = REACTORS[name]
        loop = []
        if name == "asyncio":  # one of its own, so that it can be closed
            loop = [importlib.import_module("asyncio").SelectorEventLoop()]
        self.reactor: Any = getattr(importlib.import_module(module), reactor)(*loop)
        self._loop = loop
        self.resolver = Resolver()
        self.reactor.installNameResolver(self.resolver)

    def __enter__(self) -> Self:
        self._readers = set(self.reactor.getReaders())
        self._held = held_sockets()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        left = self.left()
        reactor = self.reactor
        for waker in list(reactor._internalReaders):
            reactor.removeReader(waker)
            waker.connectionLost(Failure(ConnectionError()))
        for loop in self._loop:
            loop.close()
        if hasattr(reactor, "_poller") and hasattr(reactor._poller, "close"):
            reactor._poller.close()
        if error is None:
            assert not left, left

    def left(self) -> list[object]:
        """Whatever is in the reactor, and sockets that are open, that were not at the beginning."""
        return [
            *(set(self.reactor.getReaders()) - self._readers),
            *self.reactor.getWriters(),
            *self.reactor.getDelayedCalls(),
            *(held_sockets() - self._held),
        ]

    def until(self, condition: Callable[[], object]) -> None:
        """Let the reactor run until the condition holds."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "it never became true"
            self.reactor.iterate(0.01)

    def outcome(self, deferred: Deferred[Any]) -> Any:
        """What it fires with, or the exception with which it fails."""
        results: list[Any] = []
        deferred.addBoth(results.append)
        self.until(lambda: results)
        return results[0].value if isinstance(results[0], Failure) else results[0]

    def result(self, deferred: Deferred[_T]) -> _T:
        """What it fires with."""
        outcome: _T | BaseException = self.outcome(deferred)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@implementer(IReactorFDSet)
class Hand(Clock):
    """Time and readiness by hand, sockets from the kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()
        self.nameResolver = Resolver()

    def addReader(self, reader: Any) -> None:
        assert reader.fileno() >= 0
        self.readers.add(reader)

    def addWriter(self, writer: Any) -> None:
        assert writer.fileno() >= 0
        self.writers.add(writer)

    def removeReader(self, reader: Any) -> None:
        assert reader.fileno() >= 0
        self.readers.discard(reader)

    def removeWriter(self, writer: Any) -> None:
        assert writer.fileno() >= 0
        self.writers.discard(writer)

    def getReaders(self) -> list[Any]:
        return list(self.readers)

    def getWriters(self) -> list[Any]:
        return list(self.writers)

    def removeAll(self) -> list[Any]:
        found = self.readers | self.writers
        self.readers, self.writers = set(), set()
        return list(found)

    def stop(self) -> None:
        """As a reactor that ends."""
        for descriptor in self.removeAll():
            descriptor.connectionLost(Failure(ConnectionError("the end")))

    def serve(self) -> None:
        """Wait until a writer is ready, and tell all that are."""
        _, ready, _ = select.select([], list(self.writers), [], LIMIT_SECONDS)
        for writer in ready:
            if writer in self.writers:
                writer.doWrite()

    @property
    def is_empty(self) -> bool:
        return not (self.readers or self.writers or self.getDelayedCalls())


def held_sockets() -> set[str]:
    """The sockets that this process holds open."""
    held = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            held.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return {target for target in held if target.startswith("socket:")}


@contextlib.contextmanager
def listening(
    host: str = "127.0.0.1", port: int = 0, backlog: int = 128
) -> Iterator[socket.socket]:
    """Something to connect to, which accepts nothing by itself."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(backlog)
        listener.settimeout(LIMIT_SECONDS)
        yield listener


@contextlib.contextmanager
def black_hole(host: str, port: int = 0) -> Iterator[int]:
    """A port that takes no connection and refuses none: the backlog of its listener is full."""
    with listening(host, port, backlog=0) as listener, contextlib.ExitStack() as stack:
        where = listener.getsockname()
        stack.enter_context(socket.create_connection(where, LIMIT_SECONDS))
        yield where[1]


@contextlib.contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Whatever is opened fails with EMFILE."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextlib.contextmanager
def closed_port(host: str = "127.0.0.1") -> Iterator[int]:
    """A port on which nobody listens and that nobody else gets meanwhile."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as bound:
        bound.bind((host, 0))
        yield bound.getsockname()[1]


def has_ipv6() -> bool:
    """Whether there is a loopback of IPv6."""
    try:
        with listening("::1"):
            return True
    except OSError:
        return False


def caught(deferred: Deferred[Any]) -> object:
    """With what it has failed already."""
    errors: list[object] = []

    def note(failure: Failure) -> None:
        errors.append(failure.value)

    deferred.addErrback(note)
    (error,) = errors
    return error
