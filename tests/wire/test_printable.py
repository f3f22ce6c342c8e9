from __future__ import annotations

import sys
import unicodedata

import pytest

from filebody.wire import printable


@pytest.mark.parametrize(
    "text",
    [
        "plain name.txt",
        "é ü ß 漢字 кириллица",
        "שלום عربي",  # letters that run to the left are no formatting
        "e\u0301",  # a combining accent can be seen
        "no-break\u00a0space",
        "🎬",
        r"a\x1b",
    ],
)
def test_letters_and_spaces_stay(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r", r"two\nlines\r"),
        ("tab\tbell\x07", r"tab\tbell\x07"),
        ("\x1b[2Jgone\x9b1m", r"\x1b[2Jgone\x9b1m"),
        ("fdp\u202egpj.exe", r"fdp\u202egpj.exe"),
        ("\u2066isolate\u2069", r"\u2066isolate\u2069"),
        ("\u200emark\u200f\u061c", r"\u200emark\u200f\u061c"),
        ("a\u200bb\u200cc\u200dd\u2060e\ufefff", r"a\u200bb\u200cc\u200dd\u2060e\ufefff"),
        ("soft\u00adhyphen", r"soft\xadhyphen"),
        ("filler\u3164\uffa0\u115f\u2800", r"filler\u3164\uffa0\u115f\u2800"),
        ("selector\ufe0f\U000e0100", r"selector\ufe0f\U000e0100"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("\u2028line\u2029paragraph", r"\u2028line\u2029paragraph"),
        ("private\ue000 unassigned\u0378", r"private\ue000 unassigned\u0378"),
        ("byte \udcff, half \ud83d", r"byte \xff, half \ud83d"),
    ],
)
def test_all_else_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_character_moves_the_cursor_or_the_text() -> None:
    shown = printable("".join(map(chr, range(sys.maxunicode + 1))))
    categories = {unicodedata.category(character) for character in shown}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    bidi = {unicodedata.bidirectional(character) for character in shown}
    assert not bidi & {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
