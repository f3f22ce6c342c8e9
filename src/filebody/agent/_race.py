"""Happy eyeballs: of all addresses of a host, the one that answers first (RFC 8305)."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from filebody.agent._attempt import REFUSED, Attempt, explain
from filebody.agent._resolve import Address, literal, resolve
from filebody.agent._timer import start, stop
from filebody.errors import ConnectError, ConnectTimeout

__all__ = ["race"]

# RFC 8305 section 5: the recommended Connection Attempt Delay.
_STAGGER_SECONDS = 0.25


def race(
    reactor: Any,
    host: str,
    port: int,
    seconds: float | None,
    url: str,
    *,
    bind_address: str | None = None,
) -> Deferred[socket.socket]:
    """Connect to a host by TCP.

    Args:
        reactor: Any that has `IReactorFDSet`, `IReactorTime` and `IReactorPluggableNameResolver`.
        host: A name in ASCII, or an address without brackets.
        port: The TCP port.
        seconds: For finding addresses and connecting to one; None for as long as it takes.
        url: What it is for, for errors.
        bind_address: The address of this machine to connect from; decides the family.

    Returns:
        Fires, perhaps at once, with a non-blocking socket that has TCP_NODELAY and that the
        reactor does not know. Fails with `ConnectError` or `ConnectTimeout`. Cancelled, it closes
        every socket and leaves nothing in the reactor.

    Source: RFC 8305.
    """
    return _Race(reactor, host, port, url, bind_address).begin(seconds)


class _Race:
    """All that is under way for one connection."""

    __slots__ = (
        "_bind_address",
        "_deadline",
        "_deferred",
        "_failures",
        "_host",
        "_is_name",
        "_is_over",
        "_port",
        "_reactor",
        "_resolution",
        "_running",
        "_stagger",
        "_url",
        "_waiting",
    )

    def __init__(
        self, reactor: Any, host: str, port: int, url: str, bind_address: str | None
    ) -> None:
        self._reactor = reactor
        self._host = host
        self._port = port
        self._url = url
        self._bind_address = bind_address
        self._deferred: Deferred[socket.socket] = Deferred(self._end)
        self._resolution: Deferred[list[Address]] | None = None
        self._waiting: deque[Address] = deque()
        self._running: list[Attempt] = []
        self._failures: list[tuple[Address, str]] = []
        self._deadline: IDelayedCall | None = None
        self._stagger: IDelayedCall | None = None
        self._is_over = False
        self._is_name = False

    def begin(self, seconds: float | None) -> Deferred[socket.socket]:
        """Look for addresses and go."""
        self._deadline = start(self._reactor, seconds, self._too_late)
        try:
            address = literal(self._host, self._port)
        except OSError:
            self._fail(f"cannot connect to {self._host}: there is no such network interface")
            return self._deferred
        if address is not None:
            self._resolved([address])
        else:
            self._is_name = True
            self._resolve()
        return self._deferred

    def failed(self, attempt: Attempt, why: str) -> None:
        """An attempt is over; the next one need not wait (RFC 8305 section 5)."""
        self._running.remove(attempt)
        self._failures.append((attempt.address, why))
        self._go_on()

    def won(self, attempt: Attempt) -> None:
        """An attempt has a connection: the others are not needed."""
        self._running.remove(attempt)
        self._end()
        self._deferred.callback(attempt.socket)

    def _resolve(self) -> None:
        try:
            # Without a descriptor Twisted's own resolver fails in a way that it never tells.
            socket.socket().close()
        except OSError as error:
            self._fail(f"cannot look for the host {self._host}: {explain(error.errno or 0)}")
        else:
            self._resolution = resolve(self._reactor, self._host, self._port)
            self._resolution.addCallbacks(self._resolved, self._not_resolved)

    def _resolved(self, addresses: Sequence[Address]) -> None:
        self._resolution = None
        if not addresses:
            self._fail(f"there is no host {self._host}: check its spelling and your network")
            return
        if self._bind_address is not None:
            ours = _own(self._bind_address)
            if ours is None:
                what = f"cannot connect from {self._bind_address}"
                self._fail(f"{what}: it is not an IP address of this machine")
                return
            addresses = [address for address in addresses if address.family is ours.family]
            if not addresses:
                self._fail(f"no address of {self._host} can be reached from {self._bind_address}")
                return
        self._waiting.extend(addresses)
        self._go_on()

    def _not_resolved(self, failure: Failure) -> None:
        self._resolution = None
        if not self._is_over:
            self._fail(f"the resolver failed for host {self._host}: {failure.getErrorMessage()}")

    def _go_on(self) -> None:
        """Begin the next attempt, if there is any address left."""
        stop(self._stagger)
        while self._waiting:
            address = self._waiting.popleft()
            try:
                attempt = Attempt(self._reactor, address, self._bind_address, self)
            except OSError as error:
                self._failures.append((address, explain(error.errno or 0)))
                continue
            self._running.append(attempt)
            break
        if self._waiting:
            self._stagger = self._reactor.callLater(_STAGGER_SECONDS, self._go_on)
        elif not self._running:
            self._fail(self._failures_in_words())

    def _too_late(self, seconds: float) -> None:
        if self._resolution is not None:
            reason = f"no answer to where {self._host} is within {round(seconds, 2):g} s"
        else:
            reason = (
                f"no connection to {self._host} port {self._port} within {round(seconds, 2):g} s"
            )
            if self._failures:
                reason += f" ({_listed(self._failures)})"
        self._end()
        self._deferred.errback(ConnectTimeout(self._url, 0, reason))

    def _fail(self, reason: str) -> None:
        self._end()
        self._deferred.errback(ConnectError(self._url, 0, reason))

    def _end(self, _: object = None) -> None:
        """Leave nothing behind."""
        self._is_over = True
        stop(self._deadline)
        stop(self._stagger)
        self._waiting.clear()
        running, self._running = self._running, []
        for attempt in running:
            attempt.close()
        if self._resolution is not None:
            self._resolution.cancel()

    def _failures_in_words(self) -> str:
        here = f"{self._host} port {self._port}"
        if any(why != REFUSED for _, why in self._failures):
            if len(self._failures) == 1:
                return f"no connection to {here}: {self._failures[0][1]}"
            return f"no connection to {here}: {_listed(self._failures)}"
        if self._is_name:
            here += f" ({' and '.join(str(address) for address, _ in self._failures)})"
        return f"{REFUSED}: nothing listens on {here}; is the server running?"


def _own(address: str) -> Address | None:
    try:
        return literal(address, 0)
    except OSError:
        return None


def _listed(failures: Sequence[tuple[Address, str]]) -> str:
    return "; ".join(f"{address}: {why}" for address, why in failures)
