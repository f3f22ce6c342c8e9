"""The phases of a resumable upload: one table that the code, the tests and the docs share.

A phase says which request is under way, or is sent next once the time for it has come. That a
request waits for its time is not a phase: it is a fact beside it.
"""

from __future__ import annotations

import enum

__all__ = ["ENDS", "TABLE", "Event", "Phase"]


class _Plain(enum.Enum):
    """Hashes by identity: Enum's own hash is Python code."""

    __hash__ = object.__hash__


class Phase(_Plain):
    """What an upload is about."""

    DISCOVERING = "discovering"
    """OPTIONS asks what the server offers."""
    CREATING = "creating"
    """A request makes the upload at the server; it may carry some or all of the body."""
    ASKING = "asking"
    """HEAD asks how much the server has."""
    APPENDING = "appending"
    """PATCH sends what comes next."""
    STARVED = "starved"
    """The server has all that there is so far; the source will give more."""
    JOINING = "joining"
    """A request makes one upload of its parts."""
    CANCELLING = "cancelling"
    """DELETE tells the server to forget it."""
    DONE = "done"
    FAILED = "failed"


class Event(_Plain):
    """What an answer, or the lack of one, means."""

    FOUND = "found"
    """It is known how to go about it."""
    OFFSET = "offset"
    """The server told how much it has, and there is more to send."""
    DRY = "dry"
    """The server told how much it has, and there is nothing more yet."""
    FED = "fed"
    """The source gave more, or its end."""
    COMPLETE = "complete"
    """The server has everything, and says so."""
    UNSURE = "unsure"
    """How much the server has must be asked."""
    AGAIN = "again"
    """The same request once more: later, elsewhere, or in other words."""
    GONE = "gone"
    """The server has no such upload any more."""
    REFUSED = "refused"
    """It cannot be done: the server says no or makes no sense, or it was tried for too long."""


def _row(**changes: Phase) -> dict[Event, Phase]:
    return {Event[name.upper()]: phase for name, phase in changes.items()} | {
        Event.REFUSED: Phase.FAILED
    }


_CHANGES: dict[Phase, dict[Event, Phase]] = {
    Phase.DISCOVERING: _row(found=Phase.CREATING),
    Phase.CREATING: _row(
        offset=Phase.APPENDING, dry=Phase.STARVED, complete=Phase.DONE, unsure=Phase.ASKING
    ),
    Phase.ASKING: _row(
        offset=Phase.APPENDING, dry=Phase.STARVED, complete=Phase.DONE, gone=Phase.CREATING
    ),
    Phase.APPENDING: _row(
        dry=Phase.STARVED, complete=Phase.DONE, unsure=Phase.ASKING, gone=Phase.CREATING
    ),
    Phase.STARVED: _row(fed=Phase.APPENDING, complete=Phase.DONE),
    Phase.JOINING: _row(complete=Phase.DONE),
    Phase.CANCELLING: _row(complete=Phase.DONE, gone=Phase.DONE),
    Phase.DONE: {},
    Phase.FAILED: {},
}

TABLE: dict[tuple[Phase, Event], Phase] = {
    (phase, event): _CHANGES[phase].get(event, phase) for phase in Phase for event in Event
}
"""The phase that follows, for every phase and every event. What is not said leaves it as it is."""

ENDS = frozenset({Phase.DONE, Phase.FAILED})
"""Nothing more happens."""
