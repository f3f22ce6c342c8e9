"""One file of several uploads that were sent at once (tus, concatenation). For worker threads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import attrs

from filebody.receiver._part import complete, recovered
from filebody.receiver._placement import translated
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import too_large
from filebody.wire import parse_concat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filebody.receiver._record import Record
    from filebody.receiver._shelf import Shelf, State

__all__ = ["join"]

_COPY_BYTES: Final = 1024 * 1024


def join(shelf: Shelf, record: Record, parts: Sequence[str], *, max_size: int | None) -> State:
    """Store what parts make together.

    The parts' bytes go when the file has its name; who asks for the same again, having missed the
    answer, is told of the same file.

    Args:
        shelf: Where they are.
        record: Of what they make.
        parts: Their identifiers, in order.
        max_size: How long the whole may be, in bytes.

    Raises:
        Refusal: 400 for what is no part, 404 or 410 for one that has gone, 409 for one that is not
            complete, 413 for too much; and as `Shelf.create` and `complete`.
    """
    states = [shelf.state(part) for part in parts]
    joined = {state.record.joined_into for state in states}
    if len(joined) == 1 and (before := joined.pop()) is not None:
        return recovered(shelf, before)
    length = sum(_length_of(state) for state in states)
    if max_size is not None and length > max_size:
        raise too_large(max_size)
    shelf.placement.check_room(length)
    # Counted are the parts, as long as they are there.
    made = shelf.create(attrs.evolve(record, length=None))
    try:
        with translated(record.name):
            offset = _copy(shelf, made, states)
            record = attrs.evolve(record, length=length)
            shelf.save(made.upload_id, record)
        done = complete(shelf, attrs.evolve(made, record=record, offset=offset))
    except BaseException:
        shelf.remove(made.upload_id)
        raise
    for state in states:
        gone = attrs.evolve(state.record, joined_into=made.upload_id)
        shelf.save(state.upload_id, gone)
        shelf.release(state.upload_id)
        shelf.remove_part(state.upload_id)
    return done


def _length_of(state: State) -> int:
    record = state.record
    if record.concat is None or parse_concat(record.concat).is_final:
        raise Refusal(400, "only uploads with Upload-Concat: partial can be joined")
    if record.joined_into is not None:
        raise Refusal(409, "one of these parts has already become a part of another file")
    if state.offset != record.length:
        raise Refusal(409, f"one of the parts has {state.offset} of {record.length} bytes")
    return state.offset


def _copy(shelf: Shelf, made: State, states: Sequence[State]) -> int:
    prefix, offset = shelf.prefix(made.upload_id), 0
    buffer = memoryview(bytearray(_COPY_BYTES))
    target = shelf.open_part(made.upload_id)
    try:
        for state in states:
            source = shelf.open_part(state.upload_id, os.O_RDONLY)
            try:
                while count := os.readv(source, [buffer]):
                    view = buffer[:count]
                    prefix.follow(offset, view)
                    while view:
                        written = os.pwrite(target, view, offset)
                        view, offset = view[written:], offset + written
            finally:
                os.close(source)
    finally:
        os.close(target)
    return offset
