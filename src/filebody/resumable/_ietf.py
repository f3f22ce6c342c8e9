"""The requests of the IETF's Resumable Uploads for HTTP.

Source: draft-ietf-httpbis-resumable-upload-15.
"""

from __future__ import annotations

from filebody.resumable._state import State
from filebody.resumable._values import Kind, Send
from filebody.wire import IETF_MEDIA_TYPE, Field, format_bool

__all__ = ["SMALL_BYTES", "append", "ask", "cancel", "create"]

SMALL_BYTES = 1 << 20
"""What is not larger is sent with one request, also where the server offers more.

What is larger is created first, without content: a 104 can get lost on its way through a proxy,
and with it the only place where the upload's URL is said.
"""


def create(state: State) -> Send:
    """The request to the target itself, with all, some or nothing of the body."""
    stop = _creation_stop(state)
    is_last = state.length is not None and stop == state.length
    fields: list[tuple[str, str]] = [_dialect(state), (Field.UPLOAD_COMPLETE, format_bool(is_last))]
    if state.length is not None:
        fields.append((Field.UPLOAD_LENGTH, str(state.length)))
    return Send(
        kind=Kind.CREATE,
        method=state.plan.method,
        url=state.create_url,
        fields=tuple(fields),
        stop=stop,
        has_content=True,
        is_last=is_last,
    )


def _creation_stop(state: State) -> int:
    length, limit = state.length, state.append_bytes
    fits = length is not None and state.available == length and (limit is None or length <= limit)
    if length is not None and fits and (not state.is_supported or length <= SMALL_BYTES):
        return length
    least = state.limits.min_append_size or 0
    if length == state.available and not state.is_supported:
        return length  # it may be an ordinary server, which takes it in one piece or not at all
    return state.next_stop if least else 0


def ask(state: State) -> Send:
    """HEAD."""
    return Send(kind=Kind.ASK, method="HEAD", url=_upload_url(state), fields=(_dialect(state),))


def append(state: State) -> Send:
    """PATCH; without content where only the end is still to be said."""
    return Send(
        kind=Kind.APPEND,
        method="PATCH",
        url=_upload_url(state),
        fields=(
            _dialect(state),
            ("Content-Type", IETF_MEDIA_TYPE),
            (Field.UPLOAD_OFFSET, str(state.confirmed)),
            (Field.UPLOAD_COMPLETE, format_bool(state.is_last)),
        ),
        start=state.confirmed,
        stop=state.next_stop,
        has_content=True,
        is_last=state.is_last,
    )


def cancel(state: State) -> Send:
    """DELETE."""
    return Send(
        kind=Kind.CANCEL, method="DELETE", url=_upload_url(state), fields=(_dialect(state),)
    )


def _dialect(state: State) -> tuple[str, str]:
    return (Field.INTEROP_VERSION, str(state.interop_version))


def _upload_url(state: State) -> str:
    if state.upload_url is None:
        raise RuntimeError("an upload without a URL")
    return state.upload_url
