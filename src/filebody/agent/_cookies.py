"""Cookies: what a server hands out goes back to it, so that balancers find the same server."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message
from typing import TYPE_CHECKING, Any, cast

from twisted.web.http_headers import Headers

from filebody.wire import Origin, Target

if TYPE_CHECKING:
    from http.cookiejar import CookieJar
    from urllib.request import Request

__all__ = ["Cookies"]

# RFC 6265 section 6.1 asks for so much at least; nobody needs more for an upload.
_MAX_COUNT = 50
_MAX_BYTES = 4096


class Cookies:
    """The cookies of one upload, or of several that belong together.

    They go to the origin (scheme, host, port) that has set them and to no other one, whatever
    their `Domain` says; there, path, `Secure` and expiry count. They are kept in memory only.

    Source: RFC 6265 section 5.
    """

    def __init__(self) -> None:
        self._jars: dict[Origin, CookieJar] = {}

    def take(self, target: Target, headers: Headers) -> None:
        """Keep what a response to a request for `target` sets."""
        lines = headers.getRawHeaders(b"set-cookie", [])
        texts = [line.decode("latin-1") for line in lines if len(line) <= _MAX_BYTES]
        if not texts:
            return
        jar = self._jars.get(target.origin)
        if jar is None:
            from http.cookiejar import CookieJar  # noqa: PLC0415 - few servers set any

            jar = self._jars[target.origin] = CookieJar()
        jar.extract_cookies(cast("Any", _Answer(texts)), cast("Request", _Asked(target)))
        for cookie in list(jar)[_MAX_COUNT:]:
            jar.clear(cookie.domain, cookie.path, cookie.name)

    def added_to(self, headers: Headers, target: Target) -> Headers:
        """The fields of a request for `target`, with the cookies for it.

        Cookies that the user has given stay, and stand for ours of the same name.
        """
        jar = self._jars.get(target.origin)
        if jar is None:
            return headers
        asked = _Asked(target)
        jar.add_cookie_header(cast("Request", asked))
        ours = _pairs([asked.cookie])
        if not ours:
            return headers
        given = [value.decode("latin-1") for value in headers.getRawHeaders(b"cookie", [])]
        all_of_them = "; ".join((ours | _pairs(given)).values())
        if len(all_of_them) > 2 * _MAX_BYTES:
            return headers
        with_cookies = headers.copy()
        with_cookies.setRawHeaders(b"Cookie", [all_of_them.encode("latin-1")])
        return with_cookies


def _pairs(values: Sequence[str]) -> dict[str, str]:
    """Cookies as `name=value`, by their names."""
    pairs = [pair.strip() for value in values for pair in value.split(";")]
    return {pair.partition("=")[0]: pair for pair in pairs if pair}


class _Asked:
    """A request as `http.cookiejar` wants it."""

    unverifiable = False

    def __init__(self, target: Target) -> None:
        origin = target.origin
        self.type = origin.scheme
        self.host = self.origin_req_host = origin.server_name
        self.cookie = ""
        self._url = f"{origin.scheme}://{origin.authority.decode()}{target.path.decode()}"

    def get_full_url(self) -> str:
        return self._url

    def has_header(self, name: str) -> bool:  # noqa: ARG002 - the interface's
        return False

    def get_header(self, name: str, default: str | None = None) -> str | None:  # noqa: ARG002
        return default

    def add_unredirected_header(self, name: str, value: str) -> None:
        if name == "Cookie":
            self.cookie = value


class _Answer:
    """A response as `http.cookiejar` wants it."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._message = Message()
        for line in lines:
            self._message["Set-Cookie"] = line

    def info(self) -> Message:
        return self._message
