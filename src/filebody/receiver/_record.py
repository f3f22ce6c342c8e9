"""What is known of an upload besides its bytes: one value, kept as JSON beside them."""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from filebody.receiver._digest import SUPPORTED
from filebody.receiver._names import fault_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from filebody.receiver._names import Name

    _T = TypeVar("_T")

__all__ = ["UPLOAD_ID", "Ending", "Kind", "Piece", "Record", "dumped", "loaded"]

UPLOAD_ID: Final = re.compile(r"[A-Za-z0-9_-]{32}")
_VERSION: Final = 1
# See `Store.taken_status`.
_TAKEN_STATUSES: Final = (None, 409, 412)


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


def dumped(upload_id: str, record: Record) -> bytes:
    """Write the record of an upload."""
    facts = attrs.asdict(record)
    facts |= {"kind": record.kind.value, "upload_id": upload_id, "version": _VERSION}
    return json.dumps(facts).encode()


def loaded(upload_id: str, content: bytes) -> Record:
    """Read the record of an upload, and trust nothing in it: it names the file that is stored.

    Raises:
        ValueError: It is damaged, another upload's, or of a later version of this program.
    """
    try:
        facts: dict[str, Any] = json.loads(content, parse_constant=_refuse_constant)
        if facts.pop("version") != _VERSION:
            raise ValueError("a record of another version")
        if facts.pop("upload_id") != upload_id:
            raise ValueError("the record of another upload")
        return Record(
            kind=Kind(facts.pop("kind")),
            name=_name(facts.pop("name")),
            taken_status=_status(facts.pop("taken_status")),
            length=_optional(_size, facts.pop("length")),
            metadata=_optional(_text, facts.pop("metadata")),
            concat=_optional(_text, facts.pop("concat")),
            promised={
                _algorithm(name): _digest(value) for name, value in facts.pop("promised").items()
            },
            unverified_from=_optional(_size, facts.pop("unverified_from")),
            ending=_optional(_ending, facts.pop("ending")),
            made_of=tuple(
                Piece(_upload_id(piece["upload_id"]), _size(piece["size_bytes"]))
                for piece in facts.pop("made_of", ())
            ),
            joined_into=_optional(_upload_id, facts.pop("joined_into", None)),
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("a damaged record") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _optional(read: Callable[[Any], _T], value: Any) -> _T | None:
    return None if value is None else read(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        raise ValueError("not a size")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not a flag")
    return value


def _status(value: Any) -> int | None:
    if value not in _TAKEN_STATUSES:
        raise ValueError("not a status for a name that is taken")
    return _optional(int, value)


def _name(value: Any) -> Name:
    name = tuple(_text(segment) for segment in value)
    if not isinstance(value, list) or any(fault_of(segment) for segment in name):
        raise ValueError("not the name of a file that may be stored")
    return name


def _upload_id(value: Any) -> str:
    if not UPLOAD_ID.fullmatch(_text(value)):
        raise ValueError("not the identifier of an upload")
    return _text(value)


def _algorithm(value: str) -> str:
    if value not in SUPPORTED:
        raise ValueError("not an algorithm of digests")
    return value


def _digest(value: Any) -> str:
    return bytes.fromhex(_text(value)).hex()


def _ending(value: Any) -> Ending:
    return Ending(
        inode=_size(value["inode"]),
        size_bytes=_size(value["size_bytes"]),
        sha256=_digest(value["sha256"]),
        replaced=_flag(value["replaced"]),
        is_done=_flag(value["is_done"]),
    )
