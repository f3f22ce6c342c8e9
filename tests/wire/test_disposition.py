"""File names in Content-Disposition: what others write, and what nobody should."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.wire import parse_filename


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("attachment; filename=a.txt", "a.txt"),
        ('attachment; filename="a b.txt"', "a b.txt"),
        ('inline;FileName="a;b=\\"c\\".txt" ; x=y', 'a;b="c".txt'),
        ("attachment; filename=a b.txt", "a b.txt"),
        ("attachment; x=y; filename = a.txt ;", "a.txt"),
        ("attachment; filename=a; filename=b", "a"),
        ("a; filename*=UTF-8''na%C3%AFve.txt", "na\xefve.txt"),
        ("a; filename=x; filename*=utf-8'en'%e2%82%ac", "\u20ac"),
        ("a; filename*=ISO-8859-1''%e9; filename=x", "\xe9"),
        # UTF-8 as it is, as many clients send it, and what is not UTF-8.
        ('a; filename="na\xc3\xafve"', "na\xefve"),
        ('a; filename="na\xefve"', "na\xefve"),
        # An extended value that cannot be read leaves the plain one.
        ("a; filename*=undefined''x; filename=y", "y"),
        ("a; filename*=idna''x; filename=y", "y"),
        ("a; filename*=punycode''%ff; filename=y", "y"),
        ("a; filename*=a%00''x; filename=y", "y"),
        ("a; filename*=UTF-8''%ff; filename=y", "y"),
        ("a; filename*=x; filename=y", "y"),
        ("a; filename*0=x; filename*1=y", None),
        ("filename=x", None),
        ("", None),
        ("attachment", None),
        (";;;", None),
        ("a; name=x", None),
    ],
)
def test_name(value: str, name: str | None) -> None:
    assert parse_filename(value) == name


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                ";",
                "=",
                '"',
                "\\",
                "'",
                "*",
                "%",
                "%C3",
                "utf-8",
                "idna",
                " ",
                "\xff",
                "filename",
            ]
        )
    ).map("".join)
)
def test_it_never_raises(value: str) -> None:
    assert parse_filename(value) is None or isinstance(parse_filename(value), str)


@pytest.mark.parametrize(
    "value",
    [
        'a;"' + ";" * 200_000,
        "a" + '; b="' * 50_000,
        "a" + ";b=" * 80_000,
        'a; filename="' + "\\" * 200_001,
    ],
)
def test_its_time_is_linear(value: str) -> None:
    began = time.process_time()
    parse_filename(value)
    assert time.process_time() - began < 2
