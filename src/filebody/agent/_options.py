"""What a user may ask of a request: how long, how often, how fast, and who hears of it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

import attrs

from filebody.agent._cookies import Cookies
from filebody.agent._listener import ExchangeListener
from filebody.agent._rate import RateLimit
from filebody.progress import Progress

__all__ = ["Attempt", "Digest", "Expect", "Informational", "Options", "Retries", "Timeouts"]


@attrs.frozen(kw_only=True)
class Timeouts:
    """How long what may take, in seconds; None for as long as it likes.

    Attributes:
        connect_seconds: Finding the host's addresses and connecting to one of them, by way of the
            proxy if there is one (`ConnectTimeout`).
        tls_seconds: The TLS handshake (`TLSTimeout`).
        continue_seconds: From the end of the head to a 100 (Continue); then the body is sent
            without it, as RFC 9110 section 10.1.1 has it. This one is no error.
        stall_seconds: While there is something to send and the peer acknowledges not a byte; and
            between two pieces of a response's body (`StallTimeout`). Nothing else that the peer
            sends counts, be it interim responses or the extensions of chunks.
        response_seconds: From the moment when the body is out to the end of the head of the final
            response, whatever comes before that (`ResponseTimeout`).
        total_seconds: From the call to the end of the response, with all attempts
            (`TotalTimeout`).
    """

    connect_seconds: float | None = 30.0
    tls_seconds: float | None = 30.0
    continue_seconds: float = 1.0
    stall_seconds: float | None = 60.0
    response_seconds: float | None = 300.0
    total_seconds: float | None = None


class Expect(enum.Enum):
    """When to wait for a 100 (Continue) before the body is sent (RFC 9110 section 10.1.1)."""

    LARGE = "large"
    """For bodies of more than 1 MiB and of unknown length."""
    ALWAYS = "always"
    """For every body that is not empty."""
    NEVER = "never"


class Digest(enum.Enum):
    """Whether to send a SHA-256 digest of the body, and where (RFC 9530)."""

    NONE = "none"
    CONTENT = "content"
    """As `Content-Digest`, in front: the body is read twice, so it must be replayable."""
    TRAILER = "trailer"
    """As `Repr-Digest` in the trailer of a chunked body, computed in the thread that reads it."""
    AUTO = "auto"
    """`CONTENT` for replayable bodies of at most 1 MiB, `TRAILER` for all others."""


@attrs.frozen(kw_only=True)
class Retries:
    """Which failures are tried again, and when.

    Only what can be repeated is: the body must be replayable and the method idempotent (RFC 9110
    section 9.2.2), unless `any_method` says that repeating is harmless, or there was no connection
    on which it could have been sent.

    Attributes:
        limit: How many times to try again after the first; 0 for never.
        statuses: Final status codes that may be better next time.
        first_delay_seconds: About how long to wait before the second attempt.
        factor: How many times longer each further wait is.
        longest_delay_seconds: No wait is longer, also if a `Retry-After` asks for more; then the
            response is handed over instead.
        within_seconds: No attempt begins later than this after the first one; None for no bound.
        any_method: Also for POST and PATCH.
    """

    limit: int = 0
    statuses: frozenset[int] = frozenset({408, 425, 429, 500, 502, 503, 504})
    first_delay_seconds: float = 1.0
    factor: float = 2.0
    longest_delay_seconds: float = 60.0
    within_seconds: float | None = 600.0
    any_method: bool = False


@attrs.frozen
class Informational:
    """An interim response (RFC 9110 section 15.2).

    Attributes:
        status: From 100 to 199, never 101.
        headers: Its fields, names in lower case, in their order.
    """

    status: int
    headers: Sequence[tuple[bytes, bytes]]


@attrs.frozen(kw_only=True)
class Attempt:
    """One attempt that did not do; another one follows after `delay_seconds`.

    Attributes:
        number: Of the attempt that failed, from 1.
        url: Where it went.
        status: The status code of its response, or None if there was none.
        error: Why there was no response, or None.
        delay_seconds: How long until the next one begins.
    """

    number: int
    url: str
    status: int | None
    error: Exception | None
    delay_seconds: float


@attrs.frozen(kw_only=True)
class Options:
    """What a request may be asked for; `UploadAgent` has one for all and takes one for each.

    Attributes:
        timeouts: See `Timeouts`.
        expect: See `Expect`.
        digest: See `Digest`.
        retries: See `Retries`.
        redirects: How many redirections to follow; 0 hands the first one over as the response.
            None is 0 for `UploadAgent.request`, as for every `IAgent`: treq and the like follow
            redirections themselves, and take cookies out of each. It is 10 for what creates an
            upload of `filebody.resumable`.
        cookies: Keeps the cookies of responses, also of redirections, for later requests that have
            the same `Cookies`; None to send none but those in your fields.
        rate_limit: How fast this upload may be, besides the agent's limit; None for no limit.
        on_progress: Called with a `Progress` while the body is sent, several times a second at
            most, and when all of it was acknowledged or the exchange ended.
        on_informational: Called with each interim response.
        on_retry: Called with each `Attempt` that is going to be repeated.
        listener: Hears of the stages of each attempt, with times.
    """

    timeouts: Timeouts = Timeouts()
    expect: Expect = Expect.LARGE
    digest: Digest = Digest.NONE
    retries: Retries = Retries()
    redirects: int | None = None
    cookies: Cookies | None = None
    rate_limit: RateLimit | None = None
    on_progress: Callable[[Progress], object] | None = None
    on_informational: Callable[[Informational], object] | None = None
    on_retry: Callable[[Attempt], object] | None = None
    listener: ExchangeListener | None = None
