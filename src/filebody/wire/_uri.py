"""Where a request goes: URIs taken apart, strictly, so that what is sent is what was meant."""

from __future__ import annotations

import functools
import re
from ipaddress import IPv6Address
from urllib.parse import unquote, urljoin

import attrs

from filebody._redaction import redact_unparsed
from filebody.errors import UsageError

__all__ = ["Origin", "Target", "parse_authority", "parse_target", "to_a_labels"]

_DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986 appendix B, with a scheme and an authority that have to be there.
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(?![0-9]+(?:[/?#]|\Z))")
# No backslash before the host: some take it for a slash, and what follows it for a path.
_AUTHORITY = re.compile(r"(?:([^\\]*)@)?(\[[^\[\]]*\]|[^\[\]:@]*)(?::([0-9]*))?")
_BAD_PORT = re.compile(r"(?:[^\\]*@)?(?:\[[^\[\]]*\]|[^\\\[\]:@]+):[^:]*")
# RFC 1123 section 2.1, and the underscore that names of services and containers have.
_NAME = re.compile(r"(?=.{1,253}\.?\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_ZONE = re.compile(r"[A-Za-z0-9._~-]{1,15}")
# What could end a request line or a field.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f]")
_MAX_SHOWN = 200


@attrs.frozen
class Origin:
    """Scheme, host and port: what one connection is for (RFC 9110 section 4.3.1).

    Attributes:
        scheme: `http` or `https`.
        host: In lower case: a name in ASCII (A-labels), or an address without brackets. A zone
            (`fe80::1%eth0`) tells the interface of this machine, and is told to no server.
        port: The TCP port.
    """

    scheme: str
    host: str
    port: int
    authority: bytes = attrs.field(init=False, eq=False, repr=False)
    """The value of the Host field: without the port if it is the scheme's own."""

    @authority.default
    def _make_authority(self) -> bytes:
        return self._with_port(_bracketed(self.server_name)).encode("ascii")

    @property
    def server_name(self) -> str:
        """The host as its certificate has it: without a zone (RFC 4007 section 11.2)."""
        return self.host.partition("%")[0]

    @property
    def host_and_port(self) -> bytes:
        """The target of a CONNECT, where the port must be (RFC 9110 section 9.3.6)."""
        return f"{_bracketed(self.server_name)}:{self.port}".encode("ascii")

    @property
    def shown(self) -> str:
        """As a URL has it: `http://[fe80::1%25eth0]:8080`."""
        return f"{self.scheme}://{self._with_port(_bracketed(self.host.replace('%', '%25')))}"

    def _with_port(self, host: str) -> str:
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@attrs.frozen
class Target:
    """What is asked for, and where.

    Attributes:
        origin: Where.
        path: Path and query as they stand in the request line (RFC 9112 section 3.2.1).
        credentials: User name and password of the URI, or None; they are in no message.
    """

    origin: Origin
    path: bytes
    credentials: tuple[str, str] | None = attrs.field(default=None, repr=False)
    url: str = attrs.field(init=False, eq=False, repr=False)
    """For messages: without fragment, user name and password."""

    @url.default
    def _make_url(self) -> str:
        return f"{self.origin.shown}{self.path.decode()}"

    def join(self, location: bytes) -> Target:
        """Resolve the value of a Location field (RFC 9110 section 10.2.2).

        The user name and password stay within the origin. Spaces and bytes beyond ASCII, which
        should not be there but are, get escaped.

        Args:
            location: A URI or a relative reference.

        Raises:
            UsageError: It leads nowhere that HTTP can go.
        """
        text = location.decode("utf-8", "surrogateescape").strip(" \t").replace(" ", "%20")
        _check_characters(text)
        try:
            # urljoin takes "http://" without a host for a relative reference.
            absolute = text if _URI.fullmatch(text) else urljoin(self.url, text)
        except ValueError as error:
            raise _unusable(text, "it is not a URL") from error
        found = self._in_zone(_parse(absolute), text)
        if found.credentials is None and found.origin == self.origin:
            found = attrs.evolve(found, credentials=self.credentials)
        return found

    def _in_zone(self, found: Target, shown: str) -> Target:
        """Give an address of this server the zone of this machine, which no server can know."""
        host, _, zone = found.origin.host.partition("%")
        own_host, _, own_zone = self.origin.host.partition("%")
        if zone and (host, zone) != (own_host, own_zone):
            raise _unusable(shown, "its address has a zone, which only this machine can know")
        if host != own_host or zone == own_zone:
            return found
        origin = Origin(found.origin.scheme, self.origin.host, found.origin.port)
        return attrs.evolve(found, origin=origin)


def parse_target(uri: bytes | str) -> Target:
    """Read an absolute URI.

    Args:
        uri: `http://` or `https://`. In a `str` what is beyond ASCII is escaped as UTF-8, in a
            host by IDNA; in `bytes` it is refused.

    Raises:
        UsageError: A request for it could not be sent, or would not mean what it says.
        TypeError: It is neither `bytes` nor `str`.
    """
    if isinstance(uri, bytes):
        text = uri.decode("ascii", "backslashreplace")
        if not uri.isascii():
            raise _unusable(text, "it has bytes beyond ASCII: escape them as %XX")
    elif isinstance(uri, str):
        text = uri
    else:
        raise TypeError(f"a URI is bytes or str, not {type(uri).__name__}")
    return _parse_checked(text)


def parse_authority(authority: str, shown: str) -> tuple[tuple[str, str] | None, str, int | None]:
    """Read `user:password@host:port` (RFC 3986 section 3.2).

    Args:
        authority: What stands between `//` and the path.
        shown: What it is a part of, for messages; they leave out its user name and password.

    Returns:
        The credentials or None, the host as `Origin` has it, and the port or None.

    Raises:
        UsageError: There can be no such host or port.
    """
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        has_bad_port = _BAD_PORT.fullmatch(authority) is not None
        what = "its port is no number" if has_bad_port else "its host is not written as one"
        raise _unusable(shown, what)
    user_and_password, host, port = match.groups()
    if port and not 0 < int(port[:9]) < 1 << 16:
        raise _unusable(shown, f"there is no port {port[:9]}: ports are 1 to 65535")
    return (
        _credentials(user_and_password, shown),
        _ascii_host(host, shown),
        int(port) if port else None,
    )


@functools.lru_cache(maxsize=256)
def _parse_checked(text: str) -> Target:
    """Programs send to the same few URLs again and again."""
    _check_characters(text)
    return _parse(text)


def _check_characters(text: str) -> None:
    found = _FORBIDDEN.search(text)
    if found is not None:
        what = "a space" if found[0] == " " else f"the control character {found[0]!r}"
        raise _unusable(text, f"it has {what} in it: escape it as %{ord(found[0]):02X}")


def _parse(text: str) -> Target:
    match = _URI.fullmatch(text)
    if match is None:
        named = _SCHEME.match(text)
        if named is None:
            raise _unusable(text, "it has no scheme: write http:// or https:// before the host")
        if named[1].lower() in _DEFAULT_PORTS:
            raise _unusable(text, f"{named[0]} must be followed by // and a host")
        raise _wrong_scheme(text, named[1])
    scheme, authority, path, query = match.groups(default="")
    default_port = _DEFAULT_PORTS.get(scheme.lower())
    if default_port is None:
        raise _wrong_scheme(text, scheme)
    credentials, host, port = parse_authority(authority, text)
    return Target(
        Origin(scheme.lower(), host, port or default_port),
        _escaped((path or "/") + query, text),
        credentials,
    )


def _credentials(text: str | None, shown: str) -> tuple[str, str] | None:
    if not text:
        return None
    user, _, password = text.partition(":")
    try:
        user, password = unquote(user, errors="strict"), unquote(password, errors="strict")
        (user + password).encode()
    except UnicodeError as error:
        raise _unusable(shown, "its user name or password is not UTF-8") from error
    if ":" in user:
        raise _unusable(shown, "its user name has a colon, which RFC 7617 does not allow")
    return user, password


def _ascii_host(host: str, shown: str) -> str:
    if host.startswith("["):
        return _address(host[1:-1], shown)
    if not host:
        raise _unusable(shown, "its host is missing")
    return to_a_labels(host, shown)


def _address(text: str, shown: str) -> str:
    """Read an IPv6 address; `%25` before a zone is RFC 6874's, `%` alone is RFC 9844's."""
    text, percent, zone = text.partition("%")
    zone = zone.removeprefix("25")
    if percent and not _ZONE.fullmatch(zone):
        raise _unusable(shown, "its zone, behind %, is not the name of an interface")
    try:
        address = IPv6Address(text).compressed
    except ValueError as error:
        raise _unusable(shown, "what is in brackets is not an IPv6 address") from error
    return f"{address}%{zone}" if zone else address


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def to_a_labels(host: str, shown: str) -> str:
    """Write a host name as DNS and certificates have it: in ASCII and in lower case.

    Every name that a user, a server or the environment gives is read by this function, so that
    `straße.de` is one host everywhere.

    Args:
        host: The name.
        shown: What it is a part of, for messages.

    Raises:
        UsageError: There can be no such host.

    Source: IDNA 2008 (RFC 5891) with the mapping of UTS #46, non-transitional.
    """
    if not host.isascii():
        import idna  # noqa: PLC0415 - its tables take time to load, and most hosts are ASCII

        try:
            mapped = idna.uts46_remap(host, std3_rules=False, transitional=False)
            # Labels in ASCII may have an underscore, which IDNA does not know.
            labels = [
                label if label.isascii() else idna.alabel(label).decode("ascii")
                for label in mapped.split(".")
            ]
        except UnicodeError as error:
            raise _unusable(shown, "there can be no such host") from error
        host = ".".join(labels)
    host = host.lower()
    if not _NAME.fullmatch(host):
        raise _unusable(shown, "there can be no such host")
    return host


def _escaped(text: str, shown: str) -> bytes:
    """Escape what is beyond ASCII (RFC 3987 section 3.1)."""
    if text.isascii():
        return text.encode("ascii")
    try:
        # File names and Location fields may have bytes that are not UTF-8 (PEP 383).
        octets = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise _unusable(shown, "it has half a surrogate pair in it") from error
    return b"".join(b"%c" % octet if octet < 0x80 else b"%%%02X" % octet for octet in octets)


def _wrong_scheme(text: str, scheme: str) -> UsageError:
    return _unusable(text, f"{scheme} is not a scheme of HTTP: http and https are")


def _unusable(text: str, why: str) -> UsageError:
    """Show it on one line, not too long, and without secrets."""
    shown = redact_unparsed(text)
    shown = "".join(character if character.isprintable() else "?" for character in shown)
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}..."
    return UsageError(f"{shown!r} cannot be used: {why}")
