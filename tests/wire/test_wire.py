from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody.wire import (
    DIALECTS,
    MAX_SIZE_BYTES,
    Checksum,
    Concat,
    Problem,
    ProblemType,
    UploadLimits,
    dialect_of,
    format_bool,
    format_checksum,
    format_concat,
    format_limits,
    format_metadata,
    format_problem,
    parse_bool,
    parse_checksum,
    parse_concat,
    parse_http_date,
    parse_integer,
    parse_limits,
    parse_metadata,
    parse_problem,
    parse_retry_after,
    parse_tus_size,
)

KEYS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=","), min_size=1
)
SIZES = st.integers(0, MAX_SIZE_BYTES)


def test_the_newest_dialect_is_first() -> None:
    assert list(DIALECTS) == [10, 9, 8, 7, 6]
    assert [number for number, dialect in DIALECTS.items() if dialect.needs_complete] == [10]


@pytest.mark.parametrize(
    ("value", "version"),
    [("10", 10), ("6", 6), (" 8;a=1", 8), ("5", None), ("11", None), ("x", None), (None, None)],
)
def test_dialect_of(value: str | None, version: int | None) -> None:
    dialect = dialect_of(value)
    assert (dialect.version if dialect else None) == version


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0),
        ("42", 42),
        ("42;unknown", 42),
        ("-1", None),
        ("1.0", None),
        ("?1", None),
        ('"1"', None),
        ("1, 2", None),
        ("1000000000000000", None),
        ("", None),
        ("ä", None),
        ("€", None),
        (None, None),
    ],
)
def test_parse_integer(value: str | None, number: int | None) -> None:
    assert parse_integer(value) == number


@pytest.mark.parametrize(
    ("value", "said"),
    [("?1", True), ("?0", False), ("?2", None), ("1", None), ("true", None), (None, None)],
)
def test_parse_bool(value: str | None, said: bool | None) -> None:
    assert parse_bool(value) is said
    if said is not None:
        assert format_bool(said) == value


def test_limits() -> None:
    all_of_them = "max-size=5, min-size=0, max-append-size=3, min-append-size=2, max-age=60"
    limits = parse_limits(all_of_them)
    assert limits == UploadLimits(
        max_size=5, min_size=0, max_append_size=3, min_append_size=2, max_age_seconds=60
    )
    assert format_limits(limits, DIALECTS[10]) == all_of_them
    assert format_limits(limits, DIALECTS[6]) == all_of_them.replace("max-age", "expires")
    assert format_limits(UploadLimits(), DIALECTS[10]) == "min-size=0"


@pytest.mark.parametrize(
    ("value", "limits"),
    [
        ("other=?1, max-size=1", UploadLimits(max_size=1)),
        ("max-age=9", UploadLimits(max_age_seconds=9)),
        ('expires="soon", max-age=9', UploadLimits(max_age_seconds=9)),
        ("", UploadLimits()),
        ("max-size=1.5", None),
        ("max-size", None),
        ('max-size="1"', None),
        ("max-size=-1", None),
        ("max-size=1,", None),
        (None, None),
    ],
)
def test_parse_limits(value: str | None, limits: UploadLimits | None) -> None:
    assert parse_limits(value) == limits


@given(st.builds(UploadLimits, max_size=SIZES | st.none(), max_age_seconds=SIZES | st.none()))
def test_limits_come_back(limits: UploadLimits) -> None:
    for dialect in DIALECTS.values():
        parsed = parse_limits(format_limits(limits, dialect), dialect)
        assert parsed in {limits, UploadLimits(min_size=0)}


@given(st.dictionaries(KEYS, st.binary(), min_size=1))
def test_metadata_comes_back(metadata: dict[str, bytes]) -> None:
    assert parse_metadata(format_metadata(metadata)) == metadata


def test_metadata_as_others_write_it() -> None:
    assert parse_metadata("filename d29ybGQ=,is_confidential") == {
        "filename": b"world",
        "is_confidential": b"",
    }
    assert parse_metadata("") == parse_metadata(" ") == {}
    assert parse_metadata("a YQ==, b ") == {"a": b"a", "b": b""}


@pytest.mark.parametrize("value", [",", "a YQ==,", "a YQ==,a YQ==", "a %%", "a Y", "ä YQ=="])
def test_no_metadata(value: str) -> None:
    with pytest.raises(ValueError, match="metadata"):
        parse_metadata(value)


@pytest.mark.parametrize("key", ["", "a b", "a,b", "ä", "a\r\n"])
def test_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="cannot be a key"):
        format_metadata({key: b""})


@given(st.sampled_from(["sha1", "other"]), st.binary(min_size=1))
def test_checksum_comes_back(algorithm: str, digest: bytes) -> None:
    checksum = Checksum(algorithm, digest)
    assert parse_checksum(format_checksum(checksum)) == checksum


@pytest.mark.parametrize("value", ["", "sha1", "sha1 ", "sha1 %", "sha1 YQ== YQ=="])
def test_no_checksum(value: str) -> None:
    with pytest.raises(ValueError, match="checksum"):
        parse_checksum(value)


def test_concat() -> None:
    for concat in (Concat(), Concat(("/a", "http://h/b"))):
        assert parse_concat(format_concat(concat)) == concat
    assert format_concat(Concat(("/a", "/b"))) == "final;/a /b"
    assert parse_concat("final; /a  /b").parts == ("/a", "/b")
    for wrong in ("", "final", "final;", "partial;/a", "other"):
        with pytest.raises(ValueError, match="neither"):
            parse_concat(wrong)


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "1_0", "٣", "1" * 16])
def test_no_size(value: str) -> None:
    with pytest.raises(ValueError, match="number of bytes"):
        parse_tus_size(value)


@given(SIZES)
def test_size(number: int) -> None:
    assert parse_tus_size(f" {number} ") == number


def test_problem() -> None:
    problem = Problem(
        type=ProblemType.MISMATCHING_OFFSET, title="no", expected_offset=5, provided_offset=0
    )
    content = format_problem(problem)
    assert b"#mismatching-upload-offset" in content
    assert b'"expected-offset": 5' in content
    assert parse_problem(content) == problem
    assert parse_problem(format_problem(Problem(type=ProblemType.COMPLETED))) is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"type": 1}',
        b'{"type": []}',
        b'{"type": "about:blank"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_no_problem(content: bytes) -> None:
    assert parse_problem(content) is None


def test_a_problem_with_odd_members() -> None:
    content = (
        b'{"type": "%b", "title": 1, "expected-offset": true}' % ProblemType.COMPLETED.encode()
    )
    assert parse_problem(content) == Problem(type=ProblemType.COMPLETED)


NOW = 784111777.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", NOW),
        ("Sunday, 06-Nov-94 08:49:37 GMT", NOW),
        ("Sun Nov  6 08:49:37 1994", NOW),
        ("Sun, 06 Nov 1994 09:49:37 +0100", NOW),
        (None, None),
        ("", None),
        ("tomorrow", None),
        ("Sun, 06 Nov 1994 08:49:61 GMT", None),
        ("Sun, 06 Nov 99999 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 +9999999999999999999", None),
        ("Sun, 06 Nov 9999 23:59:59 -9959", 253402379939.0),
        ("Sun, 06 Nov " + "9" * 5000 + " 08:49:37 GMT", None),
    ],
)
def test_dates(value: str | None, expected: float | None) -> None:
    found = parse_http_date(value)
    assert found is None or abs(found) < 1e12
    if value is None or "9999 23" not in value:
        assert found == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 400, 1e9),
        ("9" * 5000, 1e9),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sun, 06 Nov 1994 08:48:37 GMT", 0.0),
        ("Sun, 06 Nov 9994 08:48:37 GMT", 1e9),
        ("Sun, 06 Nov 1994 08:49:37 +99999999999999", None),
        ("-1", None),
        ("1.5", None),
        ("\u0661", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, expected: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == expected


@given(st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, [0-9+:A-Z -]{0,60}"))
def test_no_date_raises(value: str) -> None:
    assert (parse_http_date(value) or 0.0) < 1e12
    assert 0.0 <= (parse_retry_after(value, now=NOW) or 0.0) <= 1e9
