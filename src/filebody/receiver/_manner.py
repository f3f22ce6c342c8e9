"""What the two protocols for resumable uploads have in common: what is asked, and what is told.

What is asked are values, read from the head of a request. What is told is a matter of manners: the
protocols differ in fields and status codes, and in nothing that is done to the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import attrs

from filebody.receiver._digest import repr_digest
from filebody.receiver._names import Target
from filebody.receiver._refusal import Refusal
from filebody.wire import Field

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from filebody.receiver._part import WrongChecksum
    from filebody.receiver._record import Record
    from filebody.receiver._responses import Fields
    from filebody.receiver._shelf import State

__all__ = [
    "NOT_STORABLE",
    "UPLOADS_PATH",
    "Append",
    "Create",
    "Manner",
    "Reply",
    "final_refusal",
    "location_of",
    "state_fields",
]

# Names that begin with a dot are nobody's here, so it is in the way of no file.
UPLOADS_PATH: Final = "/.uploads/"

Reply = tuple[int, "Fields", bytes]

# In both protocols, 409 is for an offset that is not the upload's, and clients ask and try again.
# A name that is taken, or a directory in the way, stays so.
NOT_STORABLE: Final = 422


@attrs.frozen(kw_only=True)
class Create:
    """A request that makes an upload, and may bring the first bytes of it.

    Attributes:
        record: What will be known of it.
        completes: Whether the end of this body ends the upload; None if its length says so.
        checks: Digests of this body, by the names that hashlib has for them.
        trailing: Further algorithms whose digests may come as a trailer.
    """

    record: Record
    completes: bool | None
    checks: Mapping[str, bytes]
    trailing: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class Append:
    """A request that appends to an upload.

    Attributes:
        upload_id: Which.
        offset: Where its first byte belongs.
        size_bytes: How many bytes it brings; None if that is not known.
        length: How long the upload will be, if this request says so.
        completes: As for `Create`.
        checks: As for `Create`.
        trailing: As for `Create`.
    """

    upload_id: str
    offset: int
    size_bytes: int | None
    length: int | None
    completes: bool | None
    checks: Mapping[str, bytes]
    trailing: Sequence[str] = ()


class Manner(Protocol):
    """How one protocol, or one dialect of it, says what has happened."""

    def always(self) -> Fields:
        """Fields of every response."""

    def check(self, append: Append, state: State) -> Record:
        """Check an append against what there is; for worker threads.

        Returns:
            The record, with what the request adds to it.

        Raises:
            Refusal: It cannot be appended.
        """

    def is_complete(self, state: State, completes: bool | None) -> bool:
        """Whether an upload has ended with a request.

        Raises:
            Refusal: It should have, and has not all its bytes.
        """

    def begun(self, state: State) -> Fields | None:
        """Fields of an interim response once an upload was made; None for no such response."""

    def come(self, offset: int) -> Fields | None:
        """Fields of an interim response about what has come; None for no such response."""

    def created(self, state: State) -> Reply:
        """Answer a creation."""

    def appended(self, state: State) -> Reply:
        """Answer an append."""

    def looked(self, state: State) -> Reply:
        """Answer the question how an upload stands."""

    def concluding(self, state: State) -> Reply:
        """Answer that question while all bytes are there and the file is being stored.

        Raises:
            Refusal: The protocol has no word for that but "later".
        """

    def checksum_wrong(self, refusal: WrongChecksum, state: State) -> Refusal:
        """Say that a request was not what it promised."""

    def not_stored(self, refusal: Refusal) -> Refusal:
        """Say that all bytes are there and the file could not be stored."""

    def refused(self, refusal: Refusal) -> Refusal:
        """Say no in this manner."""


def final_refusal(refusal: Refusal, statuses: Collection[int] = (409,)) -> Refusal:
    """Give a refusal the status that clients take for final, if it is about no offset."""
    is_of_offset = any(name == Field.UPLOAD_OFFSET for name, _ in refusal.fields)
    if refusal.status not in statuses or is_of_offset:
        return refusal
    return Refusal(NOT_STORABLE, refusal.reason, refusal.fields, problem=refusal.problem)


def location_of(state: State) -> str:
    """The path of an upload's URL."""
    return UPLOADS_PATH + state.upload_id


def state_fields(state: State) -> Fields:
    """Fields that both protocols have; of a file that has its name also which one, and its digest.

    A client that missed the answer to its last request learns here what it would have said.
    """
    fields = [("Cache-Control", "no-store")]
    ending = state.record.ending
    if ending is not None and ending.is_done:
        fields += [
            ("Content-Location", Target(state.record.name, False).url_path),
            ("Repr-Digest", repr_digest(bytes.fromhex(ending.sha256))),
        ]
    return fields
