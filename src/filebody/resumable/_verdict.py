"""What an answer means: the kinds of verdicts on it."""

from __future__ import annotations

import attrs

from filebody.errors import RemoteError, ResumeError, UploadTooLarge
from filebody.resumable._phases import Event
from filebody.resumable._state import State
from filebody.resumable._values import Reply

__all__ = ["Verdict", "again", "error_of", "refuse", "refuse_size", "senseless", "unsure"]


@attrs.frozen
class Verdict:
    """What came means.

    Attributes:
        state: With what was learnt.
        event: What follows.
        error: Why, where it is nothing good.
        status: Of the response.
        retry_after_seconds: How long the server asks to wait, or None.
        is_at_once: Whether the first such thing needs no wait.
        is_progress: Whether it is no failure at all: something was learnt that helps.
    """

    state: State
    event: Event
    error: Exception | None = None
    status: int = 0
    retry_after_seconds: float | None = None
    is_at_once: bool = False
    is_progress: bool = False


def again(state: State, reply: Reply) -> Verdict:
    """The same request once more, later."""
    error = error_of(state, reply)
    return Verdict(state, Event.AGAIN, error, reply.status, reply.retry_after_seconds)


def unsure(state: State, reply: Reply, *, is_at_once: bool = False) -> Verdict:
    """The server must be asked how much it has."""
    return Verdict(
        state,
        Event.UNSURE,
        error_of(state, reply),
        reply.status,
        reply.retry_after_seconds,
        is_at_once,
    )


def refuse(state: State, reply: Reply, error: Exception | None = None) -> Verdict:
    """It cannot be done; by default because the server says so."""
    return Verdict(state, Event.REFUSED, error or error_of(state, reply), reply.status)


def refuse_size(state: State, reply: Reply) -> Verdict:
    """It is too large, and there is nothing smaller to try."""
    request = state.request
    size = state.length or (request.stop or 0) - request.start
    max_size = state.limits.max_size
    error = UploadTooLarge(request.url, reply.status, size, max_size, reply.detail)
    return refuse(state, reply, error)


def senseless(state: State, reply: Reply, what: str) -> ResumeError:
    """What to say of an answer that is against the protocol."""
    return ResumeError(state.request.url, reply.status, f"it answered with {what}")


def error_of(state: State, reply: Reply) -> RemoteError:
    """What to say of an answer that is no success."""
    return RemoteError(state.request.url, reply.status, reply.detail)
