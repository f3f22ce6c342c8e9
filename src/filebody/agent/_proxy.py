"""Which proxy for which host: as given, or as the environment says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import attrs

from filebody.errors import UsageError
from filebody.wire import Origin, parse_authority, to_a_labels

__all__ = ["Proxies", "Proxy"]

_PROXY = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?([^/?#]*)/?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
_DEFAULT_PORT = 80


@attrs.frozen
class Proxy:
    """An HTTP proxy; the way to it is not encrypted, what goes through it may be.

    Attributes:
        host: A name in ASCII, or an address without brackets.
        port: Its TCP port.
        credentials: User name and password for it, or None; they are in no message.
    """

    host: str
    port: int
    credentials: tuple[str, str] | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Read `http://user:password@host:port`; all but the host may be missing.

        Raises:
            UsageError: It is none, or of a kind that filebody does not speak.
        """
        match = _PROXY.fullmatch(text)
        if match is None or _FORBIDDEN.search(text):
            raise UsageError("a proxy is written http://host:port, with nothing behind it")
        scheme, authority = match.groups(default="http")
        credentials, host, port = parse_authority(authority, f"{scheme}://{authority}")
        proxy = cls(host, port or _DEFAULT_PORT, credentials)
        if scheme.lower() != "http":
            raise UsageError(
                f"{scheme}://{proxy} is not a proxy that can be used: http:// proxies are"
            )
        return proxy


@attrs.frozen
class _Rule:
    """One exception, read.

    Attributes:
        name: Of a host; empty for all hosts.
        network: In place of a name.
        port: The only one for which it holds, or None.
    """

    name: str = ""
    network: IPv4Network | IPv6Network | None = None
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> _Rule:
        if text == "*":
            return cls()
        network = _network(text)
        port = None
        host, colon, digits = text.rpartition(":")
        if network is None and colon and digits.isascii() and digits.isdigit():
            text, port = host, int(digits)
            network = _network(text)
        if network is not None:
            return cls(network=network, port=port)
        try:
            name = to_a_labels(text.removeprefix("*").strip("."), text)
        except UsageError:
            name = "."  # matches nothing: a name that cannot be must not come to mean all
        return cls(name=name, port=port)

    def matches(self, origin: Origin) -> bool:
        if self.port not in {None, origin.port}:
            return False
        host = origin.server_name.removesuffix(".")
        if self.network is None:
            return not self.name or host == self.name or host.endswith(f".{self.name}")
        try:
            return ip_address(host) in self.network
        except ValueError:
            return False  # names are not resolved for this


@attrs.frozen
class Proxies:
    """Which proxy for which host.

    Attributes:
        http: For `http://`, or None.
        https: For `https://`, or None.
        exceptions: What goes without a proxy: `*` for everything; a host name, for it and all
            names below it, with or without a dot in front; an address; a network as
            `10.0.0.0/8`. Names and addresses may end with `:port`, IPv6 in brackets then.
    """

    http: Proxy | None = None
    https: Proxy | None = None
    exceptions: tuple[str, ...] = ()
    _rules: tuple[_Rule, ...] = attrs.field(init=False, repr=False, eq=False)

    @_rules.default
    def _read_exceptions(self) -> tuple[_Rule, ...]:
        return tuple(_Rule.parse(exception) for exception in self.exceptions if exception)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Proxies:
        """As curl reads `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy`.

        Upper case counts too, except for `HTTP_PROXY`: in a CGI program that is what the client
        has sent as a field `Proxy` (CVE-2016-5385).

        Raises:
            UsageError: One of them is no proxy that can be used.
        """
        return cls(
            http=_proxy_from(environ, "http_proxy", "all_proxy", "ALL_PROXY"),
            https=_proxy_from(environ, "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
            exceptions=tuple(
                (environ.get("no_proxy") or environ.get("NO_PROXY") or "").replace(",", " ").split()
            ),
        )

    def for_origin(self, origin: Origin) -> Proxy | None:
        """The proxy for the way there, or None if it goes without."""
        proxy = self.https if origin.scheme == "https" else self.http
        if proxy is None or any(rule.matches(origin) for rule in self._rules):
            return None
        return proxy


def _proxy_from(environ: Mapping[str, str], *names: str) -> Proxy | None:
    for name in names:
        value = environ.get(name)
        if value:
            try:
                return Proxy.parse(value)
            except UsageError as error:
                raise UsageError(f"the environment variable {name}: {error}") from error
    return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        return ip_network(re.sub("%.*", "", text), strict=False)
    except ValueError:
        return None
