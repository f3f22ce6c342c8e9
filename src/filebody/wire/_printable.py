"""Text of the other side, made safe to show on one line."""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["printable"]

# Default_Ignorable_Code_Point of Unicode 15.0 and the blanks that fonts draw as nothing, as far as
# their categories do not say so: an invisible character lets two different names look the same.
_INVISIBLE: Final = (
    range(0x034F, 0x0350),  # combining grapheme joiner
    range(0x115F, 0x1161),  # Hangul fillers
    range(0x17B4, 0x17B6),  # Khmer inherent vowels
    range(0x180B, 0x1810),  # Mongolian variation selectors
    range(0x2800, 0x2801),  # Braille without a dot
    range(0x3164, 0x3165),  # Hangul filler
    range(0xFE00, 0xFE10),  # variation selectors
    range(0xFFA0, 0xFFA1),  # halfwidth Hangul filler
    range(0x1D159, 0x1D15A),  # musical symbol null notehead
    range(0xE0000, 0xE1000),  # tags, and more variation selectors
)


def printable(text: str) -> str:
    r"""Escape the characters that leave the line, steer a terminal, reorder text or are invisible.

    Controls, line separators, bidirectional formatting and zero-width characters become `\x1b`,
    `\u202e` and the like. A surrogate escape, the mark of a byte that is not UTF-8, becomes `\xff`.
    Spaces of all widths and letters of all scripts stay.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(character) if _is_unsafe(character) else character for character in text
    )


def _is_unsafe(character: str) -> bool:
    category = unicodedata.category(character)
    # Cc, Cf, Cs, Co, Cn; Zl and Zp are the separators of lines and paragraphs.
    if category[0] == "C" or category in {"Zl", "Zp"}:
        return True
    return any(ord(character) in block for block in _INVISIBLE)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()
