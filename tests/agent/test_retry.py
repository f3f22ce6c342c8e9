"""Whether to try again, and when."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError

from filebody.agent import Retries
from filebody.agent._retry import IDEMPOTENT, Failed, delay_seconds, may_replace
from filebody.errors import (
    RETRYABLE_STATUSES,
    BodyChanged,
    BodyReadError,
    BodyShrank,
    BodyStopped,
    ConnectError,
    ConnectionLost,
    ConnectTimeout,
    DigestMismatch,
    EarlySuccess,
    NotReplayable,
    ProtocolError,
    ProxyError,
    RedirectError,
    ResponseTimeout,
    StallTimeout,
    TLSError,
    TLSTimeout,
    TotalTimeout,
    TransferError,
    UsageError,
    WrongBodyLength,
)

URL = "http://localhost/"
DATE = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110 section 5.6.7
RETRIES = Retries(limit=3)
REFUSED = Failed(method=b"PUT", is_replayable=True, retries=0, outcome=503, elapsed_seconds=0.0)

PASSING = [
    ConnectError(URL, 0, "refused"),
    ConnectTimeout(URL, 0, "late"),
    TLSTimeout(URL, 0, "late"),
    ConnectionLost(URL, 7, "reset"),
    StallTimeout(URL, 7, "late"),
    ResponseTimeout(URL, 7, "late"),
    ProxyError(URL, 0, "it closed the connection"),
    ProxyError(URL, 0, "it answered 502", status=502),
]
LASTING: list[Exception] = [
    TLSError(URL, 0, "wrong name"),
    ProtocolError(URL, 0, "not HTTP"),
    EarlySuccess(URL, 7, 200),
    TotalTimeout(URL, 7, "late"),
    ProxyError(URL, 0, "it answered 407", status=407),
    ProxyError(URL, 0, "it answered 600", status=600),
    RedirectError(URL, 302, "too many"),
    DigestMismatch(URL, 200, b"a", b"b"),
    BodyReadError("file", 0, OSError(5, "I/O error")),
    BodyShrank("file", 7, 9),
    BodyChanged("file", 7, "its size"),
    BodyStopped("file", 7),
    WrongBodyLength("file", 7, 9),
    NotReplayable("file"),
    UsageError("never"),
    CancelledError(),
    ZeroDivisionError(),
]


def delay(
    failed: Failed = REFUSED,
    retries: Retries = RETRIES,
    *,
    date_seconds: float = DATE,
    chance: float = 1.0,
) -> float | None:
    return delay_seconds(retries, failed, date_seconds=date_seconds, random=lambda: chance)


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_may_be_over_next_time_is_tried_again(error: Exception) -> None:
    assert isinstance(error, TransferError)
    assert error.may_pass
    assert delay(attrs.evolve(REFUSED, outcome=error)) == 1.0


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_what_will_be_the_same_next_time_is_not(error: Exception) -> None:
    assert not getattr(error, "may_pass", False)
    assert delay(attrs.evolve(REFUSED, outcome=error)) is None


def test_statuses_are_those_that_were_asked_for() -> None:
    tried = {
        status
        for status in range(200, 600)
        if delay(attrs.evolve(REFUSED, outcome=status)) is not None
    }
    assert tried == RETRYABLE_STATUSES
    conflict = attrs.evolve(REFUSED, outcome=409)
    assert delay(conflict, Retries(limit=1, statuses=frozenset({409}))) == 1.0


@pytest.mark.parametrize(
    "method",
    [b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"POST", b"PATCH", b"put", b"X"],
)
@pytest.mark.parametrize("is_replayable", [False, True])
@pytest.mark.parametrize("any_method", [False, True])
def test_only_what_can_be_repeated_is(method: bytes, is_replayable: bool, any_method: bool) -> None:
    may = is_replayable and (any_method or method in b"GET HEAD OPTIONS TRACE PUT DELETE".split())
    assert may_replace(method, is_replayable=is_replayable, any_method=any_method) is may
    failed = attrs.evolve(REFUSED, method=method, is_replayable=is_replayable)
    retries = attrs.evolve(RETRIES, any_method=any_method)
    assert (delay(failed, retries) is not None) is may
    lost = attrs.evolve(failed, outcome=ConnectionLost(URL, 0, "reset"))
    assert (delay(lost, retries) is not None) is may


@pytest.mark.parametrize("method", [b"POST", b"PATCH"])
def test_what_was_never_sent_is_repeated_whatever_it_is(method: bytes) -> None:
    for error in PASSING:
        never_sent = isinstance(error, (ConnectError, ConnectTimeout, TLSTimeout, ProxyError))
        failed = attrs.evolve(REFUSED, method=method, outcome=error)
        assert (delay(failed) is not None) is never_sent
        assert delay(attrs.evolve(failed, is_replayable=False)) is None


def test_idempotent_methods_are_those_of_the_rfc() -> None:
    assert {b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"} == IDEMPOTENT


def test_there_is_no_retry_unless_asked_for() -> None:
    assert delay(retries=Retries()) is None


def test_there_are_as_many_as_asked_for_and_each_waits_longer() -> None:
    delays = [delay(attrs.evolve(REFUSED, retries=made)) for made in range(5)]
    assert delays == [1.0, 2.0, 4.0, None, None]


def test_no_wait_is_longer_than_the_longest() -> None:
    retries = Retries(limit=5000, within_seconds=None)
    delays = [delay(attrs.evolve(REFUSED, retries=made), retries) for made in range(5000)]
    assert delays[:7] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert set(delays[6:]) == {60.0}


def test_chance_takes_away_up_to_a_half() -> None:
    failed = attrs.evolve(REFUSED, retries=2)
    assert [delay(failed, chance=chance) for chance in (0.0, 0.5, 1.0)] == [2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("elapsed", "expected"), [(0.0, 1.0), (599.0, 1.0), (599.5, None), (1e9, None)]
)
def test_no_attempt_begins_too_late(elapsed: float, expected: float | None) -> None:
    failed = attrs.evolve(REFUSED, elapsed_seconds=elapsed)
    assert delay(failed) == expected
    assert delay(failed, attrs.evolve(RETRIES, within_seconds=None)) == 1.0


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        (None, 1.0),
        (b"0", 1.0),
        (b"1", 1.0),
        (b"7", 7.0),
        (b" 7\t", 7.0),
        (b"60", 60.0),
        (b"61", None),
        (b"9" * 5000, None),
        (b"Sun, 06 Nov 1994 08:49:47 GMT", 10.0),
        (b"Sunday, 06-Nov-94 08:49:47 GMT", 10.0),
        (b"Sun Nov  6 08:49:47 1994", 10.0),
        (b"Sun, 06 Nov 1994 08:49:37 GMT", 1.0),
        (b"Sun, 06 Nov 1994 08:00:00 GMT", 1.0),
        (b"Sun, 06 Nov 1994 08:51:37 GMT", None),
        (b"Fri, 31 Dec 9999 23:59:59 GMT", None),
        # What is not understood is as if it were not there.
        (b"", 1.0),
        (b"-7", 1.0),
        (b"7.5", 1.0),
        (b"7 s", 1.0),
        (b"soon", 1.0),
        (b"\xb2", 1.0),
        (b"Sun, 99 Nov 1994 08:49:47 GMT", 1.0),
        (b"Fri, 31 Dec 10000 23:59:59 GMT", 1.0),
        (b"Fri, 31 Dec 1999 23:59:59 +99999999999999", 1.0),
        (b"Fri, 31 Dec 9999 23:59:59 -99999999", 1.0),
    ],
)
def test_retry_after(retry_after: bytes | None, expected: float | None) -> None:
    assert delay(attrs.evolve(REFUSED, retry_after=retry_after)) == expected


@given(st.binary(max_size=40) | st.text("0123456789,: -+GMTSunNov", max_size=40).map(str.encode))
def test_no_retry_after_can_do_harm(retry_after: bytes) -> None:
    waited = delay(attrs.evolve(REFUSED, retry_after=retry_after))
    assert waited is None or 1.0 <= waited <= 60.0
