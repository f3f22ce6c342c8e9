"""The phases of an exchange: one table that the code, the tests and the docs share.

Sending and receiving overlap: a server may answer while the body is still on its way, and what
that means depends on what it says (RFC 9112 section 9.5, RFC 9110 section 10.1.1).
"""

from __future__ import annotations

import enum

__all__ = ["OPEN", "SENDS", "TABLE", "Event", "Phase"]


class _Plain(enum.Enum):
    """Hashes by identity: Enum's own hash is Python code, and the table is asked often."""

    __hash__ = object.__hash__


class Phase(_Plain):
    """How far an exchange has come."""

    EXPECTING = "expecting"
    """The head is out; the body waits for a 100 (Continue)."""
    SENDING = "sending"
    """The body goes out; there is no final response yet."""
    HOLDING = "holding"
    """A success came early: the body still goes out, the response waits for that."""
    HELD = "held"
    """The same, and that response is complete."""
    AWAITING = "awaiting"
    """The body is out; there is no final response yet."""
    REFUSED = "refused"
    """The final response came early and is no success: nothing more is sent."""
    DELIVERING = "delivering"
    """The body is out and the response comes in."""
    DONE = "done"
    FAILED = "failed"


class Event(_Plain):
    """What can happen to it."""

    GO = "go"
    """A 100 came, or it was waited for long enough."""
    BODY_OUT = "body out"
    """The kernel has the last byte of the request."""
    ACCEPTED = "accepted"
    """The head of a final response, a success."""
    REFUSAL = "refusal"
    """The head of a final response, anything else."""
    END = "end"
    """The response is complete."""
    ERROR = "error"
    """The connection, the body, a time limit or the caller ended it."""


def _row(**changes: Phase) -> dict[Event, Phase]:
    return {Event[name.upper()]: phase for name, phase in changes.items()} | {
        Event.ERROR: Phase.FAILED
    }


_CHANGES = {
    Phase.EXPECTING: _row(go=Phase.SENDING, accepted=Phase.FAILED, refusal=Phase.REFUSED),
    Phase.SENDING: _row(body_out=Phase.AWAITING, accepted=Phase.HOLDING, refusal=Phase.REFUSED),
    Phase.HOLDING: _row(body_out=Phase.DELIVERING, end=Phase.HELD),
    Phase.HELD: _row(body_out=Phase.DONE),
    Phase.AWAITING: _row(accepted=Phase.DELIVERING, refusal=Phase.DELIVERING),
    Phase.REFUSED: _row(end=Phase.DONE),
    Phase.DELIVERING: _row(end=Phase.DONE),
    Phase.DONE: {},
    Phase.FAILED: {},
}

# What is not there leaves the phase as it is.
TABLE = {(phase, event): _CHANGES[phase].get(event, phase) for phase in Phase for event in Event}

SENDS = frozenset({Phase.SENDING, Phase.HOLDING, Phase.HELD})
"""The body goes out."""
OPEN = frozenset(Phase) - {Phase.DONE, Phase.FAILED}
"""Something can still happen."""
