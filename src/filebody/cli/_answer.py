"""What is read out of a server's answer."""

from __future__ import annotations

import re
from typing import cast

import attrs
import http_sf
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

__all__ = ["Answer", "beginning_of", "detail_of", "digest_of"]

_ANSWER_BYTES = 1 << 16
# Longer than any sentence: more of an answer is not shown.
_DETAIL_CHARACTERS = 300
_TAG = re.compile(r"(?s)<(script|style|title|head)\b.*?</\1>|<[^>]*>")


@attrs.frozen
class Answer:
    """A success.

    Attributes:
        status: The status code.
        digest: The sha-256 digest of what the server has, if it says (RFC 9530).
        content: The answer's body, or its beginning.
    """

    status: int
    digest: bytes | None
    content: bytes


class _Beginning(Protocol):
    """Collects the first bytes of an answer."""

    def __init__(self) -> None:
        self._content = b""
        self.done: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self._content += data[: _ANSWER_BYTES - len(self._content)]
        if len(self._content) == _ANSWER_BYTES:
            self._end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002 - the same
        self._end()  # an answer that is cut short is an answer all the same

    def _end(self) -> None:
        if not self.done.called:
            self.done.callback(self._content)


def beginning_of(response: IResponse) -> Deferred[bytes]:
    """The answer's body, or as much of it as a person would read; never fails."""
    beginning = _Beginning()
    response.deliverBody(beginning)
    return beginning.done


def digest_of(response: IResponse) -> bytes | None:
    """The sha-256 digest in Repr-Digest, if there is one that can be read."""
    lines = response.headers.getRawHeaders(b"Repr-Digest", [])
    try:
        parsed = cast(
            "dict[str, tuple[object, object]]",
            http_sf.parse(b", ".join(lines), tltype="dictionary"),
        )
    except http_sf.StructuredFieldError:
        return None
    digest = parsed.get("sha-256", (None, None))[0]
    return digest if isinstance(digest, bytes) else None


def detail_of(response: IResponse, content: bytes) -> str:
    """What a server says to its no, for one line."""
    if 300 <= response.code < 400:
        [location] = response.headers.getRawHeaders(b"Location", [b""])[:1]
        where = location.decode("utf-8", "replace")
        return f"it redirects to {where}: send it there" if where else ""
    [kind] = response.headers.getRawHeaders(b"Content-Type", [b"text/plain"])[:1]
    if not kind.lower().startswith((b"text/", b"application/json", b"application/problem")):
        return ""
    words = " ".join(_TAG.sub(" ", content.decode("utf-8", "replace")).split())
    return words if len(words) <= _DETAIL_CHARACTERS else words[:_DETAIL_CHARACTERS] + "…"
