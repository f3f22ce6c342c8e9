"""Looking through a shelf, unasked: what is old, and what a killed receiver has not finished.

Synchronous, for worker threads.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Final

from filebody.receiver._refusal import Refusal
from filebody.receiver._shelf import is_whole, upload_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from filebody.receiver._shelf import Shelf, State

__all__ = ["sweep", "unfinished"]


_STRAY: Final = re.compile(r"([A-Za-z0-9_-]{32})\.(?:part|new)")


def sweep(shelf: Shelf, held: Collection[str]) -> int:
    """Remove uploads whose time is over, and what belongs to none.

    Args:
        shelf: Where.
        held: Those that requests are about just now.

    Returns:
        How many were removed.
    """
    removed: set[str] = set()
    for name in shelf.files.names():
        stray = _STRAY.fullmatch(name)
        upload_id = upload_of(name) if stray is None else stray[1]
        if upload_id is None or upload_id in held:
            continue
        # What cannot be removed now must not keep the others.
        with contextlib.suppress(OSError, Refusal):
            try:
                shelf.state(upload_id)
            except Refusal as refusal:
                # What was made just now may not have its record yet.
                if refusal.status != 410 and not (refusal.status == 404 and shelf.is_old(name)):
                    continue
                shelf.remove(upload_id)
                removed.add(upload_id)
    return len(removed)


def unfinished(shelf: Shelf, held: Collection[str]) -> list[State]:
    """Find uploads that have all their bytes, and no name yet: a receiver was killed just then.

    Args:
        shelf: Where.
        held: Those that requests are about just now.
    """
    found = []
    for name in shelf.files.names():
        upload_id = upload_of(name)
        if upload_id is not None and upload_id not in held:
            with contextlib.suppress(Refusal):
                state = shelf.state(upload_id)
                if is_whole(state) or state.record.is_to_be_joined:
                    found.append(state)
    return found
