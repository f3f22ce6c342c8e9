"""Where to: URLs and header fields as they stand on the command line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_from_bytes

import attrs
from twisted.web.http_headers import Headers

from filebody.cli._secrets import shown_argument, url_without_secrets
from filebody.cli._words import one_line
from filebody.errors import UsageError
from filebody.wire import Origin, parse_authority

__all__ = ["Target", "headers_of", "parse_header"]

_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL | re.IGNORECASE)
# RFC 9110 section 5.6.2 and 5.5.
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# RFC 3986 section 3.3: what may stand in a path, the escapes that are there included.
_PATH_CHARACTERS = "/%:@!$&'()*+,;=~"
_REMOVABLE = {"user-agent", "accept"}
_OURS = {
    "content-length": "it follows from what is sent",
    "transfer-encoding": "it follows from whether the length is known",
}


@attrs.frozen
class Target:
    """A URL, taken apart.

    Attributes:
        origin: Scheme, host and port.
        path: Percent-encoded; begins with a slash.
        query: With its question mark, or empty.
        credentials: User name and password, or None; they are in no other attribute.
    """

    origin: Origin
    path: str
    query: str = ""
    credentials: tuple[str, str] | None = attrs.field(default=None, repr=False)

    @property
    def url(self) -> str:
        """The URL without user name and password."""
        return f"{self.origin.shown}{self.path}{self.query}"

    @property
    def shown(self) -> str:
        """The same for people, without the secrets that signed URLs have."""
        return url_without_secrets(self.url)

    @property
    def is_directory(self) -> bool:
        """Whether names are to be appended."""
        return self.path.endswith("/")

    def of(self, name: str) -> Target:
        """The URL of `name`: in this directory, if it is one (RFC 3986 section 2.1, over UTF-8)."""
        if not self.is_directory:
            return self
        return attrs.evolve(self, path=self.path + quote_from_bytes(os.fsencode(name), safe=""))

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read a URL.

        Raises:
            UsageError: Nothing can be sent there.
        """
        shown = shown_argument(text)
        if any(character.isspace() or ord(character) < 32 for character in text):
            raise UsageError(f"{shown!r} has a space in it: write %20")
        match = _URL.fullmatch(text)
        if match is None:
            raise UsageError(f"{shown} is not a URL: it begins with http:// or https://")
        scheme, authority, path, query = match.groups(default="")
        credentials, host, port = parse_authority(authority, text)
        scheme = scheme.lower()
        origin = Origin(scheme, host, port or (443 if scheme == "https" else 80))
        return cls(
            origin, _encoded(path) or "/", query and f"?{_encoded(query[1:], '?')}", credentials
        )


def _encoded(part: str, more: str = "") -> str:
    text = _STRAY_PERCENT.sub("%25", part)
    try:
        # Bytes of the command line that are not UTF-8 go out as they are (PEP 383).
        return quote(text, safe=_PATH_CHARACTERS + more, errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise UsageError("the URL has half a surrogate pair in it") from error


def parse_header(text: str) -> tuple[str, str]:
    """Read a header field, `Name: value` (RFC 9110 section 5.1).

    Raises:
        UsageError: It is none, or one that only filebody can know.
    """
    match = _FIELD.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{one_line(text)!r} is not a header field: write 'Name: value', on one line"
        )
    name, value = match.groups()
    if name.lower() in _OURS:
        raise UsageError(f"{name} cannot be set: {_OURS[name.lower()]}")
    return name, value


def headers_of(fields: Iterable[tuple[str, str]]) -> Headers:
    """Make the fields of a request.

    An empty `User-Agent` or `Accept` stands for none, as with curl.
    """
    headers = Headers()
    for name, value in fields:
        if not value and name.lower() in _REMOVABLE:
            headers.setRawHeaders(name, [])
        else:
            # Bytes of the command line that are not UTF-8 go out as they are (PEP 383).
            octets = value.encode("utf-8", "surrogateescape")
            headers.addRawHeader(name.encode("ascii"), octets)
    return headers
