"""What the machine knows of one upload: what is wanted, and how far it is."""

from __future__ import annotations

import attrs

from filebody.resumable._phases import Phase
from filebody.resumable._values import (
    NO_LIMITS,
    NO_OFFER,
    NO_REQUEST,
    Offer,
    Protocol,
    Send,
)
from filebody.wire import DIALECTS, UploadLimits

__all__ = ["Held", "Plan", "State"]


@attrs.frozen(kw_only=True)
class Plan:
    """What is wanted of an upload; it stays as it is.

    Attributes:
        url: Where to.
        protocol: How.
        method: Of the request that creates it (IETF), or that it is (plain).
        length: Of the body in bytes, or None if that is not known beforehand.
        is_replayable: Whether every byte of the body can be had again at any time.
        metadata: The value of `Upload-Metadata` (tus), or "".
        wants_parts: Whether it is to be sent in parts at once, if the server can join them.
        is_part: Whether it is such a part (tus).
        wants_checksum: Whether each request is to be summed up, if the server can check it (tus).
        append_bytes: How much to send with one request at most, or None.
        give_up_after_seconds: For how long to try without progress.
        interop_versions: The dialects of the IETF's draft to speak, the favourite first.
    """

    url: str
    protocol: Protocol = Protocol.AUTO
    method: str = "PUT"
    length: int | None
    is_replayable: bool = True
    metadata: str = ""
    wants_parts: bool = False
    is_part: bool = False
    wants_checksum: bool = False
    append_bytes: int | None = None
    give_up_after_seconds: float = 600.0
    interop_versions: tuple[int, ...] = tuple(DIALECTS)


@attrs.frozen(kw_only=True)
class Held:
    """What a checkpoint holds of one upload: enough to go on with it.

    Attributes:
        upload_url: Where it is.
        protocol: How it is sent; tus or IETF.
        interop_version: The dialect of the IETF's draft.
        checksum: The algorithm with which requests are summed up, or None.
        confirmed: How many bytes the server had confirmed.
        sent: How many bytes it was sent at most.
        append_limit: How much one request may carry since a larger one was refused, or None.
    """

    upload_url: str
    protocol: Protocol
    interop_version: int
    checksum: str | None
    confirmed: int
    sent: int
    append_limit: int | None = None


@attrs.frozen(kw_only=True)
class State:
    """How far an upload is.

    Attributes:
        plan: What is wanted.
        phase: See `Phase`.
        is_waiting: Whether the request of this phase is not sent before a `Waited`.
        protocol: What was chosen.
        interop_version: The dialect that is spoken (IETF).
        is_supported: Whether it is certain that the server speaks the protocol, in this dialect.
        offer: What it has offered.
        limits: What it takes.
        checksum: The algorithm with which requests are summed up, or None.
        create_url: Where the upload is created; the plan's URL, or where that redirects to.
        upload_url: Where it is, or None while there is none.
        parts: The URLs of the parts to join.
        length: Of the body in bytes, or None while it is not known.
        is_length_told: Whether the server knows the length.
        available: How many bytes of the body the source has given.
        confirmed: How many bytes the server has, by its own word.
        sent: How many it can have at most.
        append_limit: How much a request may carry since one was too large, or None.
        is_answered: Whether the request with the body's end had a success for an answer, that did
            not say whether the upload is complete.
        request: What is under way, or was last.
        failures: How often something went wrong since the last progress.
        failing_since: When that began, or None.
        restarts: How often it was begun anew without coming further than before.
        furthest: The most that was ever confirmed, over all uploads that were begun.
        expires_at: When the server forgets it, in seconds since 1970, or None.
        last_error: What went wrong last, or None.
    """

    plan: Plan
    phase: Phase
    is_waiting: bool = False
    protocol: Protocol = Protocol.AUTO
    interop_version: int = 0
    is_supported: bool = False
    offer: Offer = NO_OFFER
    limits: UploadLimits = NO_LIMITS
    checksum: str | None = None
    create_url: str = ""
    upload_url: str | None = None
    parts: tuple[str, ...] = ()
    length: int | None = None
    is_length_told: bool = False
    available: int = 0
    confirmed: int = 0
    sent: int = 0
    append_limit: int | None = None
    is_answered: bool = False
    request: Send = NO_REQUEST
    failures: int = 0
    failing_since: float | None = None
    restarts: int = 0
    furthest: int = 0
    expires_at: float | None = None
    last_error: Exception | None = attrs.field(default=None, eq=False)

    @property
    def chosen(self) -> Protocol | None:
        """How it is sent; None while it is open whether the server speaks a protocol at all."""
        if self.phase is Phase.DISCOVERING or self.protocol is Protocol.AUTO:
            return None
        if self.protocol is Protocol.IETF and not (self.is_supported or self.upload_url):
            return Protocol.PLAIN if self.phase is Phase.DONE else None
        return self.protocol

    @property
    def held(self) -> Held | None:
        """What a checkpoint has to hold; None while there is nothing to go on with."""
        if self.upload_url is None or self.protocol not in {Protocol.TUS, Protocol.IETF}:
            return None
        # What is under way may arrive after this process is gone.
        under_way = self.request.stop or 0 if self.request.has_content else 0
        return Held(
            upload_url=self.upload_url,
            protocol=self.protocol,
            interop_version=self.interop_version,
            checksum=self.checksum,
            confirmed=self.confirmed,
            sent=max(self.sent, under_way),
            append_limit=self.append_limit,
        )

    def with_sent(self, sent_bytes: int | None) -> State:
        """So many bytes of the request's body may have arrived; None for all of it."""
        request = self.request
        if not request.has_content:
            return self
        stop = request.start if request.stop is None else request.stop
        if sent_bytes is not None:
            end = request.start + sent_bytes
            stop = end if request.stop is None else min(stop, end)
        return attrs.evolve(self, sent=max(self.sent, stop))

    @property
    def append_bytes(self) -> int | None:
        """How much one request may carry, or None."""
        bounds = (self.plan.append_bytes, self.append_limit, self.limits.max_append_size)
        known = [bound for bound in bounds if bound]
        return min(known) if known else None

    @property
    def next_stop(self) -> int:
        """The position up to which the next append goes."""
        limit = self.append_bytes
        return self.available if limit is None else min(self.available, self.confirmed + limit)

    @property
    def is_last(self) -> bool:
        """Whether the next append ends the body."""
        return self.length is not None and self.next_stop == self.length

    @property
    def is_dry(self) -> bool:
        """Whether the source has to give more before an append."""
        if self.is_last:
            return False
        least = max(1, self.limits.min_append_size or 0)
        is_at_limit = self.append_bytes is not None and self.append_bytes <= least
        return self.next_stop - self.confirmed < (1 if is_at_limit else least)

    @property
    def is_whole(self) -> bool:
        """Whether the server has all bytes, and knows that (tus: the length says it)."""
        return self.length is not None and self.confirmed == self.length and self.is_length_told
