from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filebody import UsageError
from filebody.body._range import clip, earlier, total_length

LENGTHS = st.lists(st.none() | st.integers(0, 2**40))


@given(LENGTHS)
def test_lengths_add_up_and_an_unknown_one_makes_the_sum_unknown(lengths: list[int | None]) -> None:
    known = [length for length in lengths if length is not None]
    assert total_length(lengths) == (sum(known) if len(known) == len(lengths) else None)


@given(st.integers(0, 50), st.integers(-5, 60), st.none() | st.integers(-5, 60))
def test_a_range_lies_in_a_known_length_or_is_refused(
    length: int, offset: int, stop: int | None
) -> None:
    end = length if stop is None else stop
    if 0 <= offset <= end <= length:
        assert clip("it", length, offset, stop) == end
    else:
        with pytest.raises(UsageError, match=r"^it: "):
            clip("it", length, offset, stop)


@given(st.integers(-5, 60), st.none() | st.integers(-5, 60))
def test_a_range_of_an_unknown_length_has_only_to_be_one(offset: int, stop: int | None) -> None:
    if offset >= 0 and (stop is None or stop >= offset):
        assert clip("it", None, offset, stop) == stop
    else:
        with pytest.raises(UsageError, match="are not a range"):
            clip("it", None, offset, stop)


def test_the_earlier_end() -> None:
    assert earlier(3, 5) == earlier(5, 3) == earlier(3, None) == earlier(None, 3) == 3
    assert earlier(None, None) is None
