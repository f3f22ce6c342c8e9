"""The states of a producer: one table that the code, the tests and the docs' diagram share.

Whether a read is under way is not a state: it is a fact beside them.
"""

from __future__ import annotations

import enum

__all__ = ["ACTIVE", "TABLE", "Input", "State"]


class _Plain(enum.Enum):
    """Hashes by identity: Enum's own hash is Python code, and the table is asked often."""

    __hash__ = object.__hash__


class State(_Plain):
    """What a producer is doing."""

    NEW = "new"
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


class Input(_Plain):
    """What can happen to a producer."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    EOF = "eof"
    ERROR = "error"
    STOP = "stop"
    CANCEL = "cancel"


ACTIVE = frozenset({State.RUNNING, State.PAUSED})


def _row(**changes: State) -> dict[Input, State]:
    return {Input[name.upper()]: state for name, state in changes.items()}


# What is not here leaves the state as it is: pausing before the start, resuming while running,
# whatever comes after an end. Consumers really do all of that; none of it is an error.
_CHANGES: dict[State, dict[Input, State]] = {
    State.NEW: _row(start=State.RUNNING, stop=State.STOPPED, cancel=State.STOPPED),
    State.RUNNING: _row(
        pause=State.PAUSED,
        eof=State.FINISHED,
        error=State.FAILED,
        stop=State.STOPPED,
        cancel=State.STOPPED,
    ),
    State.PAUSED: _row(
        resume=State.RUNNING,
        eof=State.FINISHED,
        error=State.FAILED,
        stop=State.STOPPED,
        cancel=State.STOPPED,
    ),
    State.FINISHED: {},
    State.STOPPED: {},
    State.FAILED: {},
}

TABLE: dict[tuple[State, Input], State] = {
    (state, given): _CHANGES[state].get(given, state) for state in State for given in Input
}
"""The state that follows, for every state and every input."""
