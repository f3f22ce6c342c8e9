"""What is known of an upload besides its bytes: one value, kept as JSON beside them."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from filebody.receiver._names import Name

__all__ = ["Ending", "Kind", "Piece", "Record", "dumped", "loaded"]

_VERSION = 1


class Kind(Enum):
    """By which protocol an upload was created; it goes on with the same."""

    TUS = "tus"
    IETF = "ietf"


@attrs.frozen(kw_only=True)
class Ending:
    """A file that gets its name, or has it.

    Attributes:
        inode: The file's, which stays the same when it gets its name.
        size_bytes: How long it is.
        sha256: Its digest in hexadecimal digits.
        replaced: Whether there was a file of its name before.
        is_done: Whether it has its name. Where not, the receiver may have been killed just then.
    """

    inode: int
    size_bytes: int
    sha256: str
    replaced: bool = False
    is_done: bool = False


@attrs.frozen
class Piece:
    """An upload that is a part of another.

    Attributes:
        upload_id: Which.
        size_bytes: How long it was when it was complete.
    """

    upload_id: str
    size_bytes: int


@attrs.frozen(kw_only=True)
class Record:
    """One upload.

    Attributes:
        kind: The protocol.
        name: The final name; empty for what is only a part of another (tus, concatenation).
        taken_status: What to answer if the name is taken; None to replace.
        length: How long it will be, in bytes; None as long as that is not known.
        metadata: Upload-Metadata as it came.
        concat: Upload-Concat as it came.
        promised: Algorithm to digest of the whole, in hexadecimal digits.
        unverified_from: Bytes from here on count only when the request that brings them ends well.
        ending: Its end, once all bytes are there.
        made_of: The parts that become this upload, in order; none for one whose bytes are sent.
        joined_into: The upload that this part becomes a part of. From then on its bytes are that
            upload's, and taken from here one after the other.
    """

    kind: Kind
    name: Name = ()
    taken_status: int | None = 409
    length: int | None = None
    metadata: str | None = None
    concat: str | None = None
    promised: Mapping[str, str] = attrs.field(factory=dict)
    unverified_from: int | None = None
    ending: Ending | None = None
    made_of: tuple[Piece, ...] = ()
    joined_into: str | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the file has its name."""
        return self.ending is not None and self.ending.is_done

    @property
    def is_to_be_joined(self) -> bool:
        """Whether its parts are being brought together, or a kill has interrupted that."""
        return bool(self.made_of) and self.ending is None


def dumped(record: Record) -> bytes:
    """Write a record."""
    facts = attrs.asdict(record)
    return json.dumps({**facts, "kind": record.kind.value, "version": _VERSION}).encode()


def loaded(content: bytes) -> Record:
    """Read a record.

    Raises:
        ValueError: It is damaged, or of a later version of this program.
    """
    try:
        facts: dict[str, Any] = json.loads(content)
        if facts.pop("version") != _VERSION:
            raise ValueError("a record of another version")
        facts["kind"] = Kind(facts["kind"])
        facts["name"] = tuple(facts["name"])
        if facts["ending"] is not None:
            facts["ending"] = Ending(**facts["ending"])
        facts["made_of"] = tuple(Piece(**piece) for piece in facts.get("made_of", ()))
        return Record(**facts)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a damaged record") from error
