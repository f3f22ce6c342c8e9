"""Whether to try again, and when: pure decisions; who waits and sends is elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from filebody.agent._options import Retries
from filebody.errors import ConnectError, ConnectTimeout, ProxyError, TLSTimeout, TransferError
from filebody.wire import parse_retry_after

__all__ = ["IDEMPOTENT", "Failed", "delay_seconds", "may_replace"]

# RFC 9110 section 9.2.2.
IDEMPOTENT: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"})

# Before there is a connection nothing of the request can have had an effect.
_UNSENT: Final = (ConnectError, ConnectTimeout, TLSTimeout, ProxyError)


@attrs.frozen(kw_only=True)
class Failed:
    """An attempt that did not do.

    Attributes:
        method: Of the request.
        is_replayable: Whether there is no body, or one that can be sent again.
        retries: How many retries there have been, this attempt included if it was one.
        outcome: The status of its response, or why there was none.
        elapsed_seconds: Since the first attempt began.
        retry_after: The value of the response's `Retry-After` field, if it had one.
    """

    method: bytes
    is_replayable: bool
    retries: int
    outcome: int | Exception
    elapsed_seconds: float
    retry_after: bytes | None = None


def may_replace(method: bytes, *, is_replayable: bool, any_method: bool) -> bool:
    """Whether a request may be sent a second time, though the first may have had its effect.

    That is so too for one whose pooled connection died without a byte of a response: the server may
    have seen it.

    Args:
        method: Of the request.
        is_replayable: Whether there is no body, or one that can be sent again or was not begun.
        any_method: Whether the caller says that repeating does no harm, whatever the method.

    Source: RFC 9110 section 9.2.2, RFC 9112 section 9.3.1.
    """
    return is_replayable and (any_method or method in IDEMPOTENT)


def delay_seconds(
    retries: Retries, failed: Failed, *, date_seconds: float, random: Callable[[], float]
) -> float | None:
    """How long to wait before the next attempt.

    Without a `Retry-After` it is between half of what `retries` says and all of it: uploads that
    failed together do not come back together. With one it is not less than that asks for.

    Args:
        retries: What the caller asked for.
        failed: What happened.
        date_seconds: The date of the response, in seconds since 1970.
        random: Answers a number from 0 to 1.

    Returns:
        Seconds, never more than `retries.longest_delay_seconds`; or None: no attempt follows, and
        the response or the error is what the caller gets.

    Source: RFC 9110 section 10.2.3.
    """
    if failed.retries >= retries.limit or not _is_worth_it(retries, failed):
        return None
    # It takes longer to import than most requests take, and few are tried again.
    from twisted.application.internet import backoffPolicy  # noqa: PLC0415

    half = backoffPolicy(
        retries.first_delay_seconds / 2,
        retries.longest_delay_seconds / 2,
        retries.factor,
        jitter=lambda: 0.0,  # it has no idea how long the delay is: a second or nothing
    )(failed.retries)
    delay = half + half * random()
    retry_after = failed.retry_after
    asked = parse_retry_after(
        None if retry_after is None else retry_after.decode("latin-1"), now=date_seconds
    )
    if asked is not None:
        delay = max(delay, asked)
    if delay > retries.longest_delay_seconds:
        return None
    within = retries.within_seconds
    return None if within is not None and failed.elapsed_seconds + delay > within else delay


def _is_worth_it(retries: Retries, failed: Failed) -> bool:
    if isinstance(failed.outcome, Exception):
        may_pass = isinstance(failed.outcome, TransferError) and failed.outcome.may_pass
    else:
        may_pass = failed.outcome in retries.statuses
    any_method = retries.any_method or isinstance(failed.outcome, _UNSENT)
    return may_pass and may_replace(
        failed.method, is_replayable=failed.is_replayable, any_method=any_method
    )
