"""Single values as structured fields (RFC 9651). What is not valid counts as absent."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import http_sf

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["format_bool", "parse_bool", "parse_dictionary", "parse_integer"]


def parse_integer(value: str | None) -> int | None:
    """Read Upload-Offset or Upload-Length of the IETF protocol.

    Returns:
        The number; None if the field is absent or is anything but an Integer from 0 on.
    """
    found = _item(value)
    is_integer = isinstance(found, int) and not isinstance(found, bool)
    return found if is_integer and cast("int", found) >= 0 else None  # type: ignore[return-value]


def parse_bool(value: str | None) -> bool | None:
    """Read Upload-Complete; None if the field is absent or is anything but a Boolean."""
    found = _item(value)
    return found if isinstance(found, bool) else None


def format_bool(value: bool) -> str:
    """Write Upload-Complete."""
    return "?1" if value else "?0"


def parse_dictionary(value: str) -> Mapping[str, object] | None:
    """Read a Dictionary without the parameters of its members; None if it is none."""
    try:
        parsed = cast(
            "dict[str, tuple[object, object]]",
            http_sf.parse(value.encode("latin-1"), tltype="dictionary"),
        )
    except (http_sf.StructuredFieldError, UnicodeEncodeError):
        return None
    return {key: member[0] for key, member in parsed.items()}


def _item(value: str | None) -> object:
    if value is None:
        return None
    try:
        parsed = cast(
            "tuple[object, object]", http_sf.parse(value.encode("latin-1"), tltype="item")
        )
    except (http_sf.StructuredFieldError, UnicodeEncodeError):
        return None
    return parsed[0]
