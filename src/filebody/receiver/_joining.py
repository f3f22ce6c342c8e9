"""One file of several uploads that were sent at once (tus, concatenation). For worker threads."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from typing import TYPE_CHECKING

import attrs

from filebody.receiver._gathering import gather
from filebody.receiver._names import is_made_up
from filebody.receiver._part import complete, recovered
from filebody.receiver._record import Piece
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import too_large
from filebody.receiver._shelf import ID_BYTES
from filebody.wire import parse_concat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filebody.receiver._record import Record
    from filebody.receiver._shelf import Shelf, State

__all__ = ["finished", "forget", "identifier_of", "join"]


def identifier_of(parts: Sequence[str]) -> str:
    """The identifier of what parts make.

    Who asks for the same again, having missed the answer, asks for the same upload. It is as hard
    to guess as theirs are.
    """
    digest = hashlib.sha256(" ".join(parts).encode()).digest()
    return base64.urlsafe_b64encode(digest[:ID_BYTES]).decode()


def join(shelf: Shelf, record: Record, parts: Sequence[str], *, max_size: int | None) -> State:
    """Store what parts make together, or go on with that, or tell what came of it.

    From when it has begun, the parts' bytes are those of the new upload; where that cannot be
    stored, as with every upload, they are gone.

    Args:
        shelf: Where they are.
        record: Of what they make.
        parts: Their identifiers, in order.
        max_size: How long the whole may be, in bytes.

    Raises:
        Refusal: Before it has begun, 400 for what is no part, 404 or 410 for one that has gone,
            409 for one that is not complete, 413 for too much, and as `Shelf.create_of_parts`;
            422 where the parts have become a file of another name; then as `finished`.
    """
    upload_id = identifier_of(parts)
    if _is_known(shelf, upload_id):
        _check_same(shelf.state(upload_id).record, record)
    else:
        if len(set(parts)) < len(parts):
            raise Refusal(400, "an upload can be a part only once")
        pieces = tuple(_piece(shelf.state(part)) for part in parts)
        length = sum(piece.size_bytes for piece in pieces)
        if max_size is not None and length > max_size:
            raise too_large(max_size)
        shelf.create_of_parts(upload_id, attrs.evolve(record, length=length, made_of=pieces))
    return finished(shelf, upload_id)


def finished(shelf: Shelf, upload_id: str) -> State:
    """Look at an upload, and finish what had begun: a join too, if it is made of parts.

    Who calls holds its parts as well.

    Raises:
        Refusal: As `recovered`, `gather` and `complete`; below 500, upload and parts are gone.
    """
    state = recovered(shelf, upload_id)
    if not state.record.is_to_be_joined:
        return state
    try:
        return complete(shelf, gather(shelf, state))
    except Refusal as refusal:
        if refusal.status < 500 and refusal.status != 403:
            _abandon(shelf, state)
        raise


def forget(shelf: Shelf, upload_id: str) -> None:
    """Remove an upload, and what of its parts has not been removed yet.

    Raises:
        Refusal: As `Shelf.state`.
    """
    _abandon(shelf, shelf.state(upload_id))


def _is_known(shelf: Shelf, upload_id: str) -> bool:
    try:
        shelf.state(upload_id)
    except Refusal:
        return False
    return True


def _check_same(known: Record, asked: Record) -> None:
    """Check that a repeated join asks for the same file.

    Raises:
        Refusal: 422 where it asks for another one: the parts cannot become two files.
    """
    is_same_name = known.name == asked.name or (is_made_up(known.name) and is_made_up(asked.name))
    if not is_same_name or known.metadata != asked.metadata:
        shown = "/".join(known.name)
        raise Refusal(422, f"these parts have become {shown}: send the file again under this name")


def _piece(state: State) -> Piece:
    record = state.record
    if record.concat is None or parse_concat(record.concat).is_final:
        raise Refusal(400, "only uploads with Upload-Concat: partial can be joined")
    if record.joined_into is not None:
        raise Refusal(409, "one of these parts has already become a part of another file")
    if state.offset != record.length:
        raise Refusal(409, f"one of the parts has {state.offset} of {record.length} bytes")
    return Piece(state.upload_id, state.offset)


def _abandon(shelf: Shelf, state: State) -> None:
    # The parts first: a kill before the end leaves something that shows that they are to go.
    for piece in () if state.record.is_stored else state.record.made_of:
        with contextlib.suppress(Refusal):
            if shelf.state(piece.upload_id).record.joined_into == state.upload_id:
                shelf.remove(piece.upload_id)
    shelf.remove(state.upload_id)
