"""From a host to the addresses to try, in the order in which to try them."""

from __future__ import annotations

import contextlib
import socket
from itertools import chain, zip_longest
from typing import Any

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["Address", "literal", "resolve"]


@attrs.frozen
class Address:
    """Where to connect to.

    Attributes:
        family: `socket.AF_INET` or `socket.AF_INET6`.
        where: What `socket.connect` takes.
    """

    family: socket.AddressFamily
    where: tuple[str, int] | tuple[str, int, int, int]

    def __str__(self) -> str:
        host, port = self.where[:2]
        return f"[{host}]:{port}" if self.family is socket.AF_INET6 else f"{host}:{port}"


def literal(host: str, port: int) -> Address | None:
    """Read a host that is an address; None if it is a name.

    Raises:
        OSError: Its zone is no interface of this machine.
    """
    host, _, zone = host.partition("%")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return None
    if not zone:
        return Address(family, (host, port))
    # RFC 4007 section 11.2: the name of an interface, or its number.
    scope = int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
    return Address(family, (host, port, 0, scope))


def resolve(reactor: Any, host: str, port: int) -> Deferred[list[Address]]:
    """Ask the reactor's resolver for the addresses of a name.

    Args:
        reactor: Any that has `IReactorPluggableNameResolver`.
        host: The name.
        port: Goes into the addresses.

    Returns:
        Fires with them when the resolver is done: families take turns, IPv6 first; none if there
        is no such host. Fails as the resolver does. Cancelled, it tells the resolver, and hears
        no more of it.

    Source: RFC 8305 section 4.
    """
    receiver = _Receiver()
    try:
        reactor.nameResolver.resolveHostName(receiver, host, port)
    except Exception:  # noqa: BLE001 - whatever resolver the program has installed
        receiver.failed(Failure())
    return receiver.deferred


@implementer(IResolutionReceiver)
class _Receiver:
    """Collects what the resolver finds."""

    __slots__ = ("_addresses", "_resolution", "deferred")

    def __init__(self) -> None:
        self.deferred: Deferred[list[Address]] = Deferred(self._cancel)
        self._addresses: dict[Address, None] = {}  # a set that keeps the order
        self._resolution: IHostResolution | None = None

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """See `IResolutionReceiver`."""
        self._resolution = resolutionInProgress

    def addressResolved(self, address: IAddress) -> None:
        """See `IResolutionReceiver`."""
        if isinstance(address, IPv6Address):
            where = (address.host, address.port, int(address.flowInfo), int(address.scopeID))
            self._addresses[Address(socket.AF_INET6, where)] = None
        elif isinstance(address, IPv4Address):
            self._addresses[Address(socket.AF_INET, (address.host, address.port))] = None

    def resolutionComplete(self) -> None:
        """See `IResolutionReceiver`."""
        if not self.deferred.called:
            self.deferred.callback(_in_turns(self._addresses))

    def failed(self, failure: Failure) -> None:
        """It could not even begin."""
        if not self.deferred.called:
            self.deferred.errback(failure)

    def _cancel(self, _: object) -> None:
        if self._resolution is None:
            return
        with contextlib.suppress(NotImplementedError):  # Twisted's own: what it finds is dropped
            self._resolution.cancel()


def _in_turns(addresses: dict[Address, None]) -> list[Address]:
    sixes = [address for address in addresses if address.family is socket.AF_INET6]
    fours = [address for address in addresses if address.family is not socket.AF_INET6]
    pairs = zip_longest(sixes, fours)
    return [address for address in chain.from_iterable(pairs) if address is not None]
