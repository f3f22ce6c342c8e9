"""Upload-Concat of tus: parts that were uploaded at once, and the file that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Concat", "format_concat", "parse_concat"]


@attrs.frozen
class Concat:
    """What an upload is: a part if there are no `parts`, else what they make in this order.

    Attributes:
        parts: The URLs of the parts, absolute or relative.
    """

    parts: Sequence[str] = ()

    @property
    def is_final(self) -> bool:
        """Whether it is made of others."""
        return bool(self.parts)


def parse_concat(value: str) -> Concat:
    """Read the field.

    Raises:
        ValueError: It is neither `partial` nor `final;` with URLs.
    """
    kind, _, listed = value.strip(" \t").partition(";")
    kind = kind.rstrip(" \t").lower()
    parts = tuple(listed.split())
    if kind == "partial" and not parts:
        return Concat()
    if kind == "final" and parts:
        return Concat(parts)
    raise ValueError(f"{value!r} is neither partial nor final;URL URL")


def format_concat(concat: Concat) -> str:
    """Write the field."""
    return f"final;{' '.join(concat.parts)}" if concat.is_final else "partial"
