"""What a server says of an upload, and whether that can be."""

from __future__ import annotations

import attrs

from filebody.errors import ResumeError, UploadTooLarge, WrongOffset
from filebody.resumable._state import State
from filebody.wire import UploadLimits

__all__ = ["confirm", "in_the_clear", "is_in_the_clear", "why_not_there", "why_too_large"]


def confirm(state: State, offset: int, status: int) -> State | ResumeError:
    """Take what the server says that it has; or say why that cannot be."""
    if not state.confirmed <= offset <= state.sent:
        url = state.request.url
        return WrongOffset(url, status, offset, state.confirmed, state.sent)
    if offset == state.confirmed:
        return state
    return attrs.evolve(
        state,
        confirmed=offset,
        failures=0,
        failing_since=None,
        furthest=max(state.furthest, offset),
        restarts=0 if offset > state.furthest else state.restarts,
    )


def why_too_large(state: State, limits: UploadLimits, status: int) -> UploadTooLarge | None:
    """Why the server would not take all of it, or None."""
    if state.length is None or limits.max_size is None or state.length <= limits.max_size:
        return None
    return UploadTooLarge(state.plan.url, status, state.length, limits.max_size)


def why_not_there(state: State, location: str, status: int) -> ResumeError | None:
    """Why the upload cannot be there."""
    if is_in_the_clear(state.create_url, location):
        return ResumeError(state.create_url, status, in_the_clear(location))
    if state.upload_url in (None, location):
        return None
    detail = f"it says that the upload is at {state.upload_url}, and then at {location}"
    return ResumeError(state.create_url, status, detail)


def is_in_the_clear(url: str, location: str) -> bool:
    """Whether that leads from https to http."""
    return url.startswith("https:") and not location.startswith("https:")


def in_the_clear(location: str) -> str:
    """What to say of that."""
    return f"it would have the body sent in the clear, to {location}"
