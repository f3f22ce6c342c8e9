"""Which way leads to whom: through which proxy or socket, and with whose trust."""

from __future__ import annotations

import ssl

from filebody.agent._connect import Route
from filebody.agent._proxy import Proxies, Proxy
from filebody.agent._tls import default_context
from filebody.wire import Origin, Target

__all__ = ["Ways"]

# To so many origins the way is remembered.
_MAX_ROUTES = 1000


class Ways:
    """What an agent was told about the network.

    Args:
        tls: For https; by default the system's authorities are trusted, and names are verified.
        proxy: To go through, or which one for which server; None for none.
        unix_socket: The path of a Unix socket to connect to, whatever the origin; or None.
        bind_address: The local address to connect from, or None.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None,
        proxy: Proxy | Proxies | None,
        unix_socket: str | None,
        bind_address: str | None,
    ) -> None:
        self._tls = tls
        self._proxy = proxy
        self._unix_socket = unix_socket
        self._bind_address = bind_address
        self._routes: dict[Origin, Route] = {}

    def to(self, target: Target) -> Route:
        """The way to a target, for each origin the same one."""
        route = self._routes.get(target.origin)
        if route is None:
            proxy = self._proxy
            if isinstance(proxy, Proxies):
                proxy = proxy.for_origin(target.origin)
            route = Route(target.origin, proxy, self._unix_socket, self._bind_address)
            if len(self._routes) >= _MAX_ROUTES:
                self._routes.clear()
            self._routes[target.origin] = route
        return route

    def tls_for(self, route: Route) -> ssl.SSLContext | None:
        """The TLS settings for a way, if it needs them."""
        if route.origin.scheme != "https":
            return None
        if self._tls is None:
            self._tls = default_context()  # it takes time to make
        return self._tls
