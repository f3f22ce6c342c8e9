"""What is read out of a server's answer."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import cast

import http_sf
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from filebody.cli._load import CODINGS
from filebody.cli._secrets import url_without_secrets
from filebody.errors import EarlySuccess, ProtocolError, TransferTimeout
from filebody.wire import reason_of

__all__ = ["accepted_codings", "beginning_of", "detail_of", "digest_of", "status_phrase"]

_ANSWER_BYTES = 1 << 16
_ANSWER_SECONDS = 60.0
_ANSWER_CHARACTERS = 300
_REASON_CHARACTERS = 160
_NEVER = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*", re.IGNORECASE)


class _Beginning(Protocol):
    """Collects the first bytes of an answer."""

    takes_any_end = True  # see `Response.deliverBody`

    def __init__(self, *, is_success: bool) -> None:
        self._is_success = is_success
        self._content = b""
        self.done: Deferred[bytes] = Deferred(self._cancel)

    def dataReceived(self, data: bytes) -> None:
        self._content += data[: _ANSWER_BYTES - len(self._content)]
        if len(self._content) == _ANSWER_BYTES:
            self.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.done.called:
            return
        is_whole = reason.check(ConnectionDone) is not None
        if reason.check(TransferTimeout, EarlySuccess, ProtocolError, CancelledError):
            self.done.errback(reason)
        elif self._is_success and not is_whole:
            # A success that is cut short proves nothing: a proxy may have sent its beginning.
            self.done.errback(reason)
        else:  # the beginning of a refusal says enough
            self.done.callback(self._content)

    def end(self) -> None:
        """Do with what came; more is not read, or not waited for."""
        if not self.done.called:
            self.done.callback(self._content)
            self._stop()

    def _cancel(self, _: object) -> None:
        self._stop()

    def _stop(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


def beginning_of(response: IResponse) -> Deferred[bytes]:
    """The answer's body, or as much of it as a person would read.

    Of an answer that does not end within a minute it is what came by then. Fails with a
    `TransferTimeout` if it stands still, with `ConnectionLost` if the answer of a success is cut
    short, with `ProtocolError` if its framing is damaged, with
    `EarlySuccess` if it was given before the server had everything and it then took no more.
    Cancelled, the connection is closed.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

    beginning = _Beginning(is_success=response.code < HTTPStatus.MULTIPLE_CHOICES)
    response.deliverBody(beginning)
    if not beginning.done.called:
        timer = cast("IReactorTime", reactor).callLater(_ANSWER_SECONDS, beginning.end)
        beginning.done.addBoth(_stopped, timer)
    return beginning.done


def _stopped(result: bytes | Failure, timer: IDelayedCall) -> bytes | Failure:
    if timer.active():
        timer.cancel()
    return result


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


def accepted_codings(response: IResponse) -> list[str] | None:
    """The codings of ours that the server takes, by what it says in a refusal; None if nothing.

    Source: RFC 9110 section 12.5.3 (Accept-Encoding in responses).
    """
    lines = response.headers.getRawHeaders(b"Accept-Encoding")
    if lines is None:
        return None
    offered = [item.partition(";") for item in b",".join(lines).decode("latin-1").split(",")]
    accepted = {name.strip().lower() for name, _, weight in offered if not _NEVER.fullmatch(weight)}
    return [coding for coding in CODINGS if coding in accepted]


def status_phrase(status: int) -> str:
    """The registered reason phrase of a status, or nothing."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def detail_of(response: IResponse, content: bytes) -> str:
    """What a server says to its no, for one line."""
    if 300 <= response.code < 400:
        [location] = response.headers.getRawHeaders(b"Location", [b""])[:1]
        where = url_without_secrets(location.decode("utf-8", "replace"))
        return f"it redirects to {where}: send it there" if where else ""
    [coding] = response.headers.getRawHeaders(b"Content-Encoding", [b"identity"])[:1]
    if coding.strip().lower() != b"identity":
        return ""
    kind = response.headers.getRawHeaders(b"Content-Type")
    named = None if kind is None else kind[0].decode("latin-1")
    phrase = status_phrase(response.code)
    most = _ANSWER_CHARACTERS if response.code < 300 else _REASON_CHARACTERS
    return reason_of(named, content, response.code, phrase, most_characters=most)
