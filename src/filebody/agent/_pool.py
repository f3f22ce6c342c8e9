"""Connections that are kept for the next exchange, and places for those that are in use."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from filebody.agent._connect import Route
from filebody.agent._wire import Wire

__all__ = ["Pool", "PoolLimits"]


@attrs.frozen(kw_only=True)
class PoolLimits:
    """How many connections, and how long.

    Attributes:
        idle_per_host: How many unused connections are kept for each host.
        idle_seconds: How long each of them is kept.
        connections_per_host: How many may be open at a time for each host, used or not; further
            requests wait for one of them. None for no bound.
    """

    idle_per_host: int = 16
    idle_seconds: float = 30.0
    connections_per_host: int | None = None


class _Idle:
    """An unused connection: whatever the server says on it, it is the end."""

    __slots__ = ("_pool", "_route", "since", "wire")

    def __init__(self, pool: Pool, route: Route, wire: Wire, since: float) -> None:
        self._pool = pool
        self._route = route
        self.wire = wire
        self.since = since

    def readable(self) -> None:
        if self.wire.has_input():
            self.disconnected()

    def writable(self) -> None:
        pass

    def failed(self, error: Exception) -> None:  # noqa: ARG002 - the interface's
        self.disconnected()

    def expired(self) -> bool:
        return False

    def disconnected(self) -> None:
        self._pool.drop(self._route, self)


class Pool:
    """The connections of an agent.

    Args:
        reactor: For its clock.
        limits: How many, and how long.
    """

    def __init__(self, reactor: Any, limits: PoolLimits) -> None:
        self._reactor = reactor
        self._limits = limits
        self._idle: dict[Route, deque[_Idle]] = {}
        self._places: dict[Route, int] = defaultdict(int)
        self._lines: dict[Route, deque[Deferred[None]]] = {}
        self._sweep: Any = None

    def enter(self, route: Route) -> Deferred[None] | None:
        """Take a place; None, or fires when there is one. Every place is given up by `leave`."""
        most = self._limits.connections_per_host
        if most is None or self._places[route] < most:
            self._places[route] += 1
            return None
        line = self._lines.setdefault(route, deque())
        waiting = Deferred[None](line.remove)
        line.append(waiting)
        return waiting

    def leave(self, route: Route) -> None:
        """Give up a place."""
        line = self._lines.get(route)
        if line:
            line.popleft().callback(None)
            return
        self._places[route] -= 1
        if not self._places[route]:
            del self._places[route]
            self._lines.pop(route, None)

    def take(self, route: Route) -> Wire | None:
        """The connection that was used last, for a new owner at once; None if there is none."""
        kept = self._idle.get(route)
        while kept:
            wire = kept.pop().wire
            if not kept:
                del self._idle[route]
            if not wire.is_closed:
                return wire
        return None

    def keep(self, route: Route, wire: Wire) -> None:
        """Keep a connection that is not used any more."""
        kept = self._idle.setdefault(route, deque())
        idle = _Idle(self, route, wire, self._reactor.seconds())
        kept.append(idle)
        wire.owner = idle
        wire.want_read(True)
        if len(kept) > self._limits.idle_per_host:
            self.drop(route, kept[0])
        if self._sweep is None and self._idle:
            self._sweep = self._reactor.callLater(self._limits.idle_seconds, self._expire)

    def drop(self, route: Route, idle: _Idle) -> None:
        """Close an unused connection."""
        kept = self._idle.get(route)
        if kept and idle in kept:
            kept.remove(idle)
            if not kept:
                del self._idle[route]
        idle.wire.close()
        if not self._idle and self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def close(self) -> None:
        """Close all unused connections."""
        for route, kept in list(self._idle.items()):
            for idle in list(kept):
                self.drop(route, idle)
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def _expire(self) -> None:
        self._sweep = None
        now = self._reactor.seconds()
        oldest = now
        for route, kept in list(self._idle.items()):
            for idle in list(kept):
                if now - idle.since >= self._limits.idle_seconds:
                    self.drop(route, idle)
                else:
                    oldest = min(oldest, idle.since)
        if self._idle:
            left = max(0.0, oldest + self._limits.idle_seconds - now)
            self._sweep = self._reactor.callLater(left, self._expire)
