"""What goes into the machine and what comes out of it: plain values, without sockets or fields."""

from __future__ import annotations

import enum

import attrs

from filebody.wire import TUS_CHECKSUM_MISMATCH, UploadLimits

__all__ = [
    "MAX_PARTS",
    "NO_LIMITS",
    "NO_OFFER",
    "NO_REQUEST",
    "Available",
    "Done",
    "Fail",
    "Feed",
    "Given",
    "Interim",
    "Kind",
    "Lost",
    "NextStep",
    "Offer",
    "Protocol",
    "Reply",
    "Send",
    "Stay",
    "Wait",
    "Waited",
    "may_pass",
]

MAX_PARTS = 128
"""The request that joins parts names all of them in one field: many servers take 8 KiB."""

# The server may do better later: RFC 9110 section 15, RFC 6585, RFC 8470; 423 is what tus servers
# say while an earlier request still holds the upload, and 460 that a request came damaged.
_AGAIN_STATUSES = frozenset({408, 423, 425, 429, TUS_CHECKSUM_MISMATCH, 500, 502, 503, 504, 507})


# These do not pass by themselves: what is asked for, the version, a login to the network.
_FINAL_5XX = frozenset({501, 505, 510, 511})


def may_pass(status: int) -> bool:
    """Whether the server may do better later; what is unknown counts as its class does.

    Source: RFC 9110 section 15.
    """
    return status in _AGAIN_STATUSES or (500 <= status <= 599 and status not in _FINAL_5XX)


class Protocol(enum.Enum):
    """How an upload is sent."""

    AUTO = "auto"
    """What the server offers decides."""
    TUS = "tus"
    """tus 1.0.0."""
    IETF = "ietf"
    """Resumable Uploads for HTTP (draft-ietf-httpbis-resumable-upload)."""
    PLAIN = "plain"
    """One request with everything, as ever."""


class Kind(enum.Enum):
    """What a request is for."""

    DISCOVER = "discover"
    CREATE = "create"
    ASK = "ask"
    APPEND = "append"
    JOIN = "join"
    CANCEL = "cancel"


NO_LIMITS = UploadLimits()


@attrs.frozen(kw_only=True)
class Offer:
    """What a server says that it can do.

    Attributes:
        tus: Whether it speaks tus 1.0.0.
        extensions: Of tus, by name.
        checksum_algorithms: Of the tus extension checksum, by name.
        ietf: Whether it says that it takes appends as the IETF's draft has them.
        interop_version: The dialect of the draft that it names, if it does.
        limits: What it takes.
    """

    tus: bool = False
    extensions: frozenset[str] = frozenset()
    checksum_algorithms: frozenset[str] = frozenset()
    ietf: bool = False
    interop_version: int | None = None
    limits: UploadLimits = NO_LIMITS


NO_OFFER = Offer()

# What goes in.


@attrs.frozen(kw_only=True)
class Reply:
    """The final response to the request that is under way.

    Fields that a response does not have, or that are not valid, are None.

    Attributes:
        status: The status code.
        location: Where it points to, as an absolute URL.
        offset: How many bytes the server has.
        length: How many it expects in all.
        complete: Whether the upload is complete (IETF).
        limits: What it takes (IETF).
        offer: What it says that it can do (OPTIONS).
        expires_at: When it forgets the upload, in seconds since 1970 (tus).
        retry_after_seconds: How long it asks to wait.
        detail: What it said in words.
        sent_bytes: How many bytes of the request's body the server can have at most; None for all.
    """

    status: int
    location: str | None = None
    offset: int | None = None
    length: int | None = None
    complete: bool | None = None
    limits: UploadLimits | None = None
    offer: Offer | None = None
    expires_at: float | None = None
    retry_after_seconds: float | None = None
    detail: str = ""
    sent_bytes: int | None = None


@attrs.frozen(kw_only=True)
class Interim:
    """A 104 (Upload Resumption Supported) to the request that is under way (IETF).

    Attributes:
        location: See `Reply`, and so for the others.
        offset: How many bytes the server has.
        limits: What it takes.
        sent_bytes: How many of the request's it can have by now; None for all.
    """

    location: str | None = None
    offset: int | None = None
    limits: UploadLimits | None = None
    sent_bytes: int | None = None


@attrs.frozen(kw_only=True)
class Lost:
    """The request that was under way got no response.

    Attributes:
        error: Why.
        sent_bytes: How many bytes of its body the server can have at most.
        is_passing: Whether that may be over next time.
    """

    error: Exception
    sent_bytes: int
    is_passing: bool = True


@attrs.frozen
class Waited:
    """The time for the next request has come."""


@attrs.frozen
class Available:
    """What the source has given so far.

    Attributes:
        stop: How many bytes, from the beginning of the body.
        is_end: Whether there will be no more.
    """

    stop: int
    is_end: bool


Given = Reply | Interim | Lost | Waited | Available


# What comes out.


@attrs.frozen(kw_only=True)
class Send:
    """A request to send now.

    Attributes:
        kind: What it is for.
        method: The method.
        url: Where to.
        fields: What the protocol says in its head.
        start: The zero-based position in the body of the first byte of its content.
        stop: The position after the last one; None for the end of a body of unknown length. There
            is no content where both are the same, and none at all where `has_content` is False.
        has_content: Whether it has content, though it may be empty.
        is_last: Whether the body ends with it.
        checksum: With which algorithm the content is to be summed up (tus), or None.
    """

    kind: Kind
    method: str
    url: str
    fields: tuple[tuple[str, str], ...] = ()
    start: int = 0
    stop: int | None = 0
    has_content: bool = False
    is_last: bool = False
    checksum: str | None = None


NO_REQUEST = Send(kind=Kind.DISCOVER, method="", url="")


@attrs.frozen
class Wait:
    """Give a `Waited` later.

    Attributes:
        shortest_seconds: Not earlier than this.
        longest_seconds: Not later than this: at random in between, so that uploads that failed
            together do not come back together.
    """

    shortest_seconds: float
    longest_seconds: float


@attrs.frozen
class Feed:
    """Give an `Available` when the source has more."""


@attrs.frozen
class Stay:
    """Nothing new: the request stays under way."""


@attrs.frozen
class Done:
    """The server has everything, and said so."""


@attrs.frozen
class Fail:
    """It cannot be done.

    Attributes:
        error: Why.
    """

    error: Exception


NextStep = Send | Wait | Feed | Stay | Done | Fail
