"""Upload-Limit: what a server lets an upload be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from filebody.wire._structured import parse_dictionary

if TYPE_CHECKING:
    from filebody.wire._dialects import Dialect

__all__ = ["UploadLimits", "format_limits", "parse_limits"]


@attrs.frozen(kw_only=True)
class UploadLimits:
    """Sizes in bytes, ages in seconds; None for no limit.

    Attributes:
        max_size: The longest upload.
        min_size: The shortest upload.
        max_append_size: The longest body of one request; in some drafts the creation's too.
        min_append_size: The shortest body of one request but the last.
        max_age_seconds: How long the upload will be there.
    """

    max_size: int | None = None
    min_size: int | None = None
    max_append_size: int | None = None
    min_append_size: int | None = None
    max_age_seconds: int | None = None


_SIZES = {
    "max-size": "max_size",
    "min-size": "min_size",
    "max-append-size": "max_append_size",
    "min-append-size": "min_append_size",
}


def parse_limits(value: str | None, dialect: Dialect | None = None) -> UploadLimits | None:
    """Read the field; lines that were repeated are to be joined by a comma.

    Args:
        value: Its value; None if there is none.
        dialect: The one of the message; None for the newest.

    Returns:
        None if it is absent, is no Dictionary, or has one of the limits with a value that is not
        an Integer from 0 on: all of it counts as absent then. Keys that are not known are skipped.
    """
    found = None if value is None else parse_dictionary(value)
    if found is None:
        return None
    age_key = "max-age" if dialect is None else dialect.age_key
    known = {**_SIZES, age_key: "max_age_seconds"}
    limits: dict[str, int] = {}
    for key, name in known.items():
        number = found.get(key)
        if number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            return None
        limits[name] = number
    return UploadLimits(**limits)


def format_limits(limits: UploadLimits, dialect: Dialect) -> str:
    """Write the field; where there is no limit, `min-size=0` says that much."""
    members = {key: getattr(limits, name) for key, name in _SIZES.items()}
    members[dialect.age_key] = limits.max_age_seconds
    said = [f"{key}={number}" for key, number in members.items() if number is not None]
    return ", ".join(said) or "min-size=0"
