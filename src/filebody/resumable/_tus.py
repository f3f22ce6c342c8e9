"""The requests of tus 1.0.0.

Source: tus resumable upload protocol 1.0.0, with its extensions.
"""

from __future__ import annotations

from filebody.resumable._reference import path_reference, relative_reference
from filebody.resumable._state import State
from filebody.resumable._values import Kind, Send
from filebody.wire import (
    CHECKSUM_ALGORITHMS,
    TUS_MEDIA_TYPE,
    TUS_VERSION,
    Concat,
    Field,
    format_concat,
)

__all__ = ["SMALL_BYTES", "append", "ask", "cancel", "choose_checksum", "create", "join"]

SMALL_BYTES = 1 << 20
"""What is not larger goes along with the request that creates the upload.

If that request gets no answer, nobody knows where the upload is, and what it carried is lost.
"""

# Half of what many servers take for one line.
_LONG_BYTES = 1 << 12
_VERSION = (Field.TUS_RESUMABLE, TUS_VERSION)


def create(state: State) -> Send:
    """POST (extension creation), with the body if it is small (creation-with-upload)."""
    plan = state.plan
    fields: list[tuple[str, str]] = [_VERSION]
    if state.length is None:
        fields.append((Field.UPLOAD_DEFER_LENGTH, "1"))
    else:
        fields.append((Field.UPLOAD_LENGTH, str(state.length)))
    if plan.is_part:
        fields.append((Field.UPLOAD_CONCAT, format_concat(Concat())))
    if plan.metadata and not plan.is_part:
        fields.append((Field.UPLOAD_METADATA, plan.metadata))
    stop = 0
    if (
        state.length is not None
        and 0 < state.length <= min(SMALL_BYTES, state.append_bytes or SMALL_BYTES)
        and state.available == state.length
        and state.checksum is None
        and "creation-with-upload" in state.offer.extensions
    ):
        stop = state.length
        fields.append(("Content-Type", TUS_MEDIA_TYPE))
    return Send(
        kind=Kind.CREATE,
        method="POST",
        url=state.create_url,
        fields=tuple(fields),
        stop=stop,
        has_content=stop > 0,
        is_last=stop == state.length,
    )


def ask(state: State) -> Send:
    """HEAD."""
    return Send(kind=Kind.ASK, method="HEAD", url=_upload_url(state), fields=(_VERSION,))


def append(state: State) -> Send:
    """PATCH, with the length if the server does not know it yet."""
    fields = [
        _VERSION,
        ("Content-Type", TUS_MEDIA_TYPE),
        (Field.UPLOAD_OFFSET, str(state.confirmed)),
    ]
    if state.length is not None and not state.is_length_told:
        fields.append((Field.UPLOAD_LENGTH, str(state.length)))
    return Send(
        kind=Kind.APPEND,
        method="PATCH",
        url=_upload_url(state),
        fields=tuple(fields),
        start=state.confirmed,
        stop=state.next_stop,
        has_content=True,
        is_last=state.is_last,
        checksum=state.checksum,
    )


def join(state: State) -> Send:
    """POST (extension concatenation)."""
    fields: list[tuple[str, str]] = [
        _VERSION,
        (Field.UPLOAD_CONCAT, format_concat(Concat(_references(state)))),
    ]
    if state.plan.metadata:
        fields.append((Field.UPLOAD_METADATA, state.plan.metadata))
    return Send(kind=Kind.JOIN, method="POST", url=state.create_url, fields=tuple(fields))


def _references(state: State) -> tuple[str, ...]:
    """The parts as references: all their URLs on one line are longer than many servers take.

    Absolute paths are what every server understands; relative ones are shorter still.
    """
    paths = tuple(path_reference(state.create_url, url) for url in state.parts)
    if sum(map(len, paths)) + len(paths) <= _LONG_BYTES:
        return paths
    return tuple(relative_reference(state.create_url, url) for url in state.parts)


def cancel(state: State) -> Send:
    """DELETE (extension termination)."""
    return Send(kind=Kind.CANCEL, method="DELETE", url=_upload_url(state), fields=(_VERSION,))


def choose_checksum(algorithms: frozenset[str]) -> str | None:
    """The best of those that both know; sha1 is the one that every server has."""
    return next((name for name in CHECKSUM_ALGORITHMS if name in algorithms), None)


def _upload_url(state: State) -> str:
    if state.upload_url is None:
        raise RuntimeError("an upload without a URL")
    return state.upload_url
