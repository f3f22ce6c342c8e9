"""The dialects of the IETF draft, by the number in Upload-Draft-Interop-Version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from filebody.wire._structured import parse_integer

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIALECTS", "Dialect", "dialect_of"]


@attrs.frozen(kw_only=True)
class Dialect:
    """What one interop version says otherwise than the others.

    Attributes:
        version: The number.
        drafts: Which drafts it stands for, for people.
        age_key: What Upload-Limit calls the seconds that an upload has left.
        needs_complete: Whether a PATCH without Upload-Complete is refused; before, that meant ?0.
    """

    version: int
    drafts: str
    age_key: str = "max-age"
    needs_complete: bool = False


# The one to speak first comes first. From 6 on, appending has a media type of its own and limits
# can be told; older ones are other protocols.
DIALECTS: Final[Mapping[int, Dialect]] = {
    dialect.version: dialect
    for dialect in (
        Dialect(version=10, drafts="-13 and later", needs_complete=True),
        Dialect(version=9, drafts="-12"),
        Dialect(version=8, drafts="-09 to -11"),
        Dialect(version=7, drafts="-06 to -08"),
        Dialect(version=6, drafts="-04 and -05", age_key="expires"),
    )
}


def dialect_of(value: str | None) -> Dialect | None:
    """Find the dialect of a message by its field; None if there is none that is spoken here."""
    number = parse_integer(value)
    return None if number is None else DIALECTS.get(number)
