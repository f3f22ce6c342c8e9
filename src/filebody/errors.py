"""Every exception that filebody raises, by who must act.

    FilebodyError
    ├── UsageError      the caller: an argument or a call that can never work (also a ValueError)
    │   └── UploadLocked
    ├── BodyError       the file: it could not be read, or is not what it was
    │   ├── BodyReadError   (also an OSError)
    │   ├── BodyShrank
    │   ├── BodyChanged
    │   ├── BodyStopped
    │   ├── WrongBodyLength
    │   └── NotReplayable
    ├── RemoteError     the server: it answered, and the answer is no
    │   ├── ChunkedNotSupported
    │   ├── DigestMismatch
    │   ├── RedirectError
    │   └── ResumeError
    │       ├── NotOffered
    │       ├── UploadGone
    │       ├── UploadTooLarge
    │       └── WrongOffset
    └── TransferError   the way there: the connection failed, was lost or stood still
        ├── ConnectError
        ├── TLSError
        ├── ProxyError
        ├── ConnectionLost
        ├── ProtocolError
        ├── EarlySuccess
        ├── NoProgress
        └── TransferTimeout
            ├── ConnectTimeout
            ├── TLSTimeout
            ├── StallTimeout
            ├── ResponseTimeout
            └── TotalTimeout

Messages show no secrets: values of queries, and what names an upload in its URL, are `***`. The
attributes have URLs as they are, but never a user name or a password.

A wrong *type* is a plain `TypeError` and a call out of order a plain `RuntimeError`, as everywhere
in Python. An exception that a caller's own file object raises is passed on as it is.
"""

from __future__ import annotations

import os

from filebody._redaction import redact, redact_identifiers

__all__ = [
    "BodyChanged",
    "BodyError",
    "BodyReadError",
    "BodyShrank",
    "BodyStopped",
    "ChunkedNotSupported",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionLost",
    "DigestMismatch",
    "EarlySuccess",
    "FilebodyError",
    "NoProgress",
    "NotOffered",
    "NotReplayable",
    "ProtocolError",
    "ProxyError",
    "RedirectError",
    "RemoteError",
    "ResponseTimeout",
    "ResumeError",
    "StallTimeout",
    "TLSError",
    "TLSTimeout",
    "TotalTimeout",
    "TransferError",
    "TransferTimeout",
    "UploadGone",
    "UploadLocked",
    "UploadTooLarge",
    "UsageError",
    "WrongBodyLength",
    "WrongOffset",
]


class FilebodyError(Exception):
    """The root: catch this to catch whatever filebody raises of its own."""


# Statuses of which RFC 9110 section 15, RFC 6585 and RFC 8470 say that a repetition may do better.
RETRYABLE_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


class UsageError(FilebodyError, ValueError):
    """An argument or a call that can never work; the message says which and what would."""


class UploadLocked(UsageError):
    """Another process is sending the same file to the same URL.

    Attributes:
        source: The file.
        url: Where to.
    """

    source: str
    url: str

    def __init__(self, source: str, url: str) -> None:
        super().__init__(
            f"another process is sending {source} to {redact(url)}: wait until it is done, or "
            "end it"
        )
        self.source = source
        self.url = url


class BodyError(FilebodyError):
    """What was to be sent could not be read as promised.

    Attributes:
        source: The name of the file or stream.
        offset: The zero-based position in the file or stream at which this was noticed, in bytes.
    """

    source: str
    offset: int

    def __init__(self, source: str, offset: int, message: str) -> None:
        super().__init__(message)
        self.source = source
        self.offset = offset


class BodyReadError(BodyError, OSError):
    """The operating system could not open or read the file.

    It is an `OSError` too, with `errno`, `strerror` and `filename` of the cause.
    """

    def __init__(self, source: str, offset: int, cause: OSError) -> None:
        reason = cause.strerror or (os.strerror(cause.errno) if cause.errno else str(cause))
        OSError.__init__(self, cause.errno or 0, reason, source)
        self.source = source
        self.offset = offset

    def __str__(self) -> str:
        place = f" at byte {self.offset}" if self.offset else ""
        return f"cannot read {self.source}{place}: {self.strerror}"


class BodyShrank(BodyError):
    """The file or stream ended before the length that was announced.

    Attributes:
        expected_end: The position at which it should have ended, in bytes.
    """

    expected_end: int

    def __init__(self, source: str, offset: int, expected_end: int) -> None:
        super().__init__(
            source,
            offset,
            f"{source} ended at byte {offset}, but {expected_end} bytes were announced; "
            "it was cut short while it was being sent: send it again when nobody writes to it",
        )
        self.expected_end = expected_end


class BodyChanged(BodyError):
    """The file is not the one whose length was announced.

    Attributes:
        what: Which facts differ, in words, such as "its size and modification time".
    """

    what: str

    def __init__(self, source: str, offset: int, what: str) -> None:
        super().__init__(
            source,
            offset,
            f"{source} changed while it was being sent ({what}; noticed at byte {offset}): send it "
            "again when nobody writes to it, or allow changes to send the bytes that are there",
        )
        self.what = what


class BodyStopped(BodyError):
    """The program called `stopProducing` before the body was out."""

    def __init__(self, source: str, offset: int) -> None:
        super().__init__(
            source, offset, f"sending {source} was stopped by this program at byte {offset}"
        )


class WrongBodyLength(BodyError):
    """A producer wrote another number of bytes than its `length` announced.

    Attributes:
        announced: How many bytes were announced.
    """

    announced: int

    def __init__(self, source: str, offset: int, announced: int) -> None:
        how = "wrote more" if offset > announced else f"ended at byte {offset}"
        super().__init__(source, offset, f"{source} announced {announced} bytes but {how}")
        self.announced = announced


class NotReplayable(BodyError):
    """A body that can be read only once was asked for a second pass.

    Attributes:
        response: The response that asked for it (a redirection, say), or None.
    """

    response: object | None

    def __init__(self, source: str, offset: int = 0, *, response: object | None = None) -> None:
        super().__init__(
            source,
            offset,
            f"{source} can be read only once and its one pass has begun: "
            "send a path or bytes if it may have to be sent again",
        )
        self.response = response


class RemoteError(FilebodyError):
    """The server answered, and its answer is not a success.

    Attributes:
        url: What was asked.
        status: The HTTP status code (RFC 9110 section 15).
        detail: What the server said in its body or fields, shortened; may be empty.
        response: The response itself, or None.
        retryable: Whether the same request may do better later.
    """

    url: str
    status: int
    detail: str
    response: object | None
    retryable: bool

    def __init__(
        self, url: str, status: int, detail: str = "", *, response: object | None = None
    ) -> None:
        said = f": {detail}" if detail else ""
        super().__init__(redact_identifiers(f"{url} answered {status}{said}"))
        self.url = url
        self.status = status
        self.detail = detail
        self.response = response
        self.retryable = status in RETRYABLE_STATUSES


class ChunkedNotSupported(RemoteError):
    """The server calls a chunked body a success, and answers as HTTP/1.0, which has no chunks.

    It may have stored the framing of the chunks as content.

    Source: RFC 9112 section 6.1: only a server of HTTP/1.1 is known to read chunks.
    """

    def __init__(self, url: str, status: int, *, response: object | None = None) -> None:
        super().__init__(
            url,
            status,
            "it answers as HTTP/1.0 and may have stored the framing of chunks as data: look there, "
            "and send a body of known length",
            response=response,
        )


class DigestMismatch(RemoteError):
    """The server says that it has other bytes than were sent.

    Attributes:
        sent: The digest of what was sent.
        received: The digest that the server gave.

    Source: RFC 9530 section 3 (Repr-Digest).
    """

    sent: bytes
    received: bytes

    def __init__(self, url: str, status: int, sent: bytes, received: bytes) -> None:
        super().__init__(
            url,
            status,
            f"its digest of what it stored is {received.hex()}, but {sent.hex()} was sent: what is "
            "there is damaged; send it again",
        )
        self.sent = sent
        self.received = received


class RedirectError(RemoteError):
    """A redirection that cannot be followed: too many, or to nowhere that this agent can go."""


class ResumeError(RemoteError):
    """The server does not do its part of an upload that can be resumed.

    What it has is not the whole; nothing was called a success.
    """


class NotOffered(ResumeError):
    """The server does not offer what was asked for: a protocol, or a part of one."""


class UploadGone(ResumeError):
    """The server has forgotten the upload, and it cannot be sent anew.

    The body can be read once only and its beginning is not there any more, or the server forgets
    whatever it is sent.
    """


class UploadTooLarge(ResumeError):
    """The server takes no upload, or no request, of this size.

    Attributes:
        size: What was to be sent, in bytes.
        max_size: What it takes at most, in bytes, or None if it does not say.
    """

    size: int
    max_size: int | None

    def __init__(
        self, url: str, status: int, size: int, max_size: int | None, detail: str = ""
    ) -> None:
        takes = "less" if max_size is None else f"at most {max_size} bytes"
        said = f" ({detail})" if detail else ""
        super().__init__(url, status, f"{size} bytes are too many: it takes {takes}{said}")
        self.size = size
        self.max_size = max_size


class WrongOffset(ResumeError):
    """The server says that it has another number of bytes than can be.

    Either less than it has confirmed before, or more than it was sent. Whatever was sent after that
    could be put at a wrong place, so nothing more is.

    Attributes:
        offset: How many bytes it says it has.
        confirmed: How many it had confirmed before.
        sent: How many it was sent at most.
    """

    offset: int
    confirmed: int
    sent: int

    def __init__(self, url: str, status: int, offset: int, confirmed: int, sent: int) -> None:
        why = f"had confirmed {confirmed}" if offset < confirmed else f"was sent {sent}"
        super().__init__(
            url,
            status,
            f"it says that it has {offset} bytes, but {why}: what it has is damaged; cancel this "
            "upload and send the file again",
        )
        self.offset = offset
        self.confirmed = confirmed
        self.sent = sent


class TransferError(FilebodyError):
    """The connection failed, was lost or stood still before there was an answer.

    Attributes:
        url: Where to.
        offset: How many bytes of the body had been handed over by then.
        reason: What happened, in words.
        may_pass: Whether it may be over next time: there was no connection, or it was lost or stood
            still. A peer that is not who it should be, or does not speak HTTP, stays so.
    """

    url: str
    offset: int
    reason: str
    may_pass: bool = False

    def __init__(self, url: str, offset: int, reason: str) -> None:
        message = f"{url}: {reason}" + (f" (after {offset} bytes of the body)" if offset else "")
        super().__init__(redact_identifiers(message))
        self.url = url
        self.offset = offset
        self.reason = reason


class ConnectError(TransferError):
    """There is no such host, or no connection to it."""

    # A host that cannot be found, too: resolvers fail, and names appear.
    may_pass = True


class TLSError(TransferError):
    """The TLS handshake failed, or the peer is not who it should be."""


class ProxyError(TransferError):
    """The proxy did not open the way.

    Attributes:
        status: What it answered, or None if it did not answer.
    """

    status: int | None

    def __init__(self, url: str, offset: int, reason: str, *, status: int | None = None) -> None:
        super().__init__(url, offset, reason)
        self.status = status
        self.may_pass = status is None or 500 <= status <= 599


class ConnectionLost(TransferError):
    """The connection ended before the response did."""

    may_pass = True


class ProtocolError(TransferError):
    """What answered does not speak HTTP/1.1 as RFC 9112 has it."""


class EarlySuccess(TransferError):
    """The server answered with a success before it had everything, and took no more.

    What it has is not the whole.

    Attributes:
        status: What it answered.
    """

    status: int

    def __init__(self, url: str, offset: int, status: int) -> None:
        super().__init__(
            url,
            offset,
            f"the server answered {status} before it had everything: what it has is not the whole",
        )
        self.status = status


class NoProgress(TransferError):
    """An upload was tried again and again, and nothing more of it arrived for too long.

    It can be resumed later. What went wrong last is the cause of this error.

    Attributes:
        seconds: For how long nothing more arrived.
    """

    seconds: float

    def __init__(self, url: str, offset: int, seconds: float, last: str) -> None:
        super().__init__(url, offset, f"no progress for {seconds:.0f} s; last error: {last}")
        self.seconds = seconds


class TransferTimeout(TransferError):
    """Too long without an event that had to come; `reason` says which."""


class ConnectTimeout(TransferTimeout):
    """No connection in time."""

    may_pass = True


class TLSTimeout(TransferTimeout):
    """No end of the TLS handshake in time."""

    may_pass = True


class StallTimeout(TransferTimeout):
    """The peer took nothing, or sent nothing within a response, for too long."""

    may_pass = True


class ResponseTimeout(TransferTimeout):
    """No response in time after the body was out."""

    may_pass = True


class TotalTimeout(TransferTimeout):
    """All of it took too long."""
