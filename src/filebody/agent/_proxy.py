"""Which proxy for which host: as given, or as the environment says."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import attrs

from filebody.errors import UsageError
from filebody.wire import Origin, parse_authority, to_a_labels

__all__ = ["Proxies", "Proxy"]

_PROXY = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*)://)?([^/?#]*)/?")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
_DEFAULT_PORTS = {"http": 80, "socks5": 1080, "socks5h": 1080}
_VARIABLES: Mapping[str, Sequence[str]] = {
    "http": ("http_proxy", "all_proxy", "ALL_PROXY"),
    "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
}
_OTHER_NAMES = {"socks": "socks5h"}


@attrs.frozen
class Proxy:
    """A proxy for HTTP or SOCKS5; the way to it is not encrypted, what goes through it may be.

    Attributes:
        host: A name in ASCII, or an address without brackets.
        port: Its TCP port.
        credentials: User name and password for it, or None; they are in no message.
        scheme: `http`; `socks5`, which is told the address of the server; or `socks5h`, which is
            told its name.
    """

    host: str
    port: int
    credentials: tuple[str, str] | None = attrs.field(default=None, repr=False)
    scheme: str = "http"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Read `http://user:password@host:port`; all but the host may be missing.

        `socks5h://` and `socks5://` need the extra `socks`; `socks://` is another name of
        `socks5h://`, as desktops write it.

        Raises:
            UsageError: It is none, or of a kind that filebody does not speak.
        """
        match = _PROXY.fullmatch(text)
        if match is None or _FORBIDDEN.search(text):
            raise UsageError("a proxy is written http://host:port, with nothing behind it")
        scheme, authority = match.groups(default="http")
        scheme = _OTHER_NAMES.get(scheme.lower(), scheme.lower())
        credentials, host, port = parse_authority(authority, f"{scheme}://{authority}")
        proxy = cls(host, port or _DEFAULT_PORTS.get(scheme, 0), credentials, scheme)
        if scheme not in _DEFAULT_PORTS:
            raise UsageError(
                f"{scheme}://{host} is not a proxy that can be used: http://, socks5h:// and "
                "socks5:// proxies are"
            )
        if scheme != "http":
            _check_socks(credentials)
        return proxy


def _check_socks(credentials: tuple[str, str] | None) -> None:
    if find_spec("socksio") is None:
        raise UsageError("SOCKS needs a package that is missing: pip install 'filebody[socks]'")
    # RFC 1929 section 2.
    if credentials is not None and any(len(text.encode()) > 255 for text in credentials):
        raise UsageError("user name and password for SOCKS have 255 bytes at most")


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
        unusable: By the scheme of URLs, why its proxy cannot be used: an error where it would be.
    """

    http: Proxy | None = None
    https: Proxy | None = None
    exceptions: tuple[str, ...] = ()
    unusable: Mapping[str, str] = attrs.field(factory=dict, kw_only=True, hash=False)
    _rules: tuple[_Rule, ...] = attrs.field(init=False, repr=False, eq=False)

    @_rules.default
    def _read_exceptions(self) -> tuple[_Rule, ...]:
        return tuple(_Rule.parse(exception) for exception in self.exceptions if exception)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Proxies:
        """Read `https_proxy`, `http_proxy`, `all_proxy` and `no_proxy` as curl does.

        Upper case counts too, except for `HTTP_PROXY`: in a CGI program that is what the client
        has sent as a field `Proxy` (CVE-2016-5385).

        One that is no proxy that can be used is an error only for what would go through it.
        """
        found: dict[str, Proxy | None] = {}
        unusable: dict[str, str] = {}
        for scheme, names in _VARIABLES.items():
            try:
                found[scheme] = _proxy_from(environ, names)
            except UsageError as error:
                found[scheme] = None
                unusable[scheme] = str(error)
        exceptions = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        return cls(
            http=found["http"],
            https=found["https"],
            exceptions=tuple(exceptions.replace(",", " ").split()),
            unusable=unusable,
        )

    def for_origin(self, origin: Origin) -> Proxy | None:
        """Choose the proxy for the way there; None if it goes without.

        Raises:
            UsageError: There is one, and it cannot be used.
        """
        proxy = self.https if origin.scheme == "https" else self.http
        why = self.unusable.get(origin.scheme)
        if proxy is None and why is None:
            return None
        if any(rule.matches(origin) for rule in self._rules):
            return None
        if proxy is None and why is not None:
            raise UsageError(why)
        return proxy


def _proxy_from(environ: Mapping[str, str], names: Sequence[str]) -> Proxy | None:
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
