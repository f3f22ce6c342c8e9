"""The table of states, against a description in words that was written without looking at it."""

from __future__ import annotations

from collections.abc import Sequence

from filebody.produce._state import ACTIVE, TABLE, Input, State

LONGEST = 8
ENDS = {
    Input.EOF: State.FINISHED,
    Input.ERROR: State.FAILED,
    Input.STOP: State.STOPPED,
    Input.CANCEL: State.STOPPED,
}


def described(inputs: Sequence[Input]) -> State:
    """Where a producer is after `inputs`: by the last relevant one, not step by step."""
    if Input.START not in inputs:
        stopped = Input.STOP in inputs or Input.CANCEL in inputs
        return State.STOPPED if stopped else State.NEW
    start = inputs.index(Input.START)
    if any(early in (Input.STOP, Input.CANCEL) for early in inputs[:start]):
        return State.STOPPED
    for given in inputs[start:]:
        if given in ENDS:
            return ENDS[given]
    switches = [given for given in inputs[start:] if given in (Input.PAUSE, Input.RESUME)]
    return State.PAUSED if switches and switches[-1] is Input.PAUSE else State.RUNNING


def test_table_is_total() -> None:
    assert set(TABLE) == {(state, given) for state in State for given in Input}


def test_every_sequence_of_inputs_ends_where_the_words_say() -> None:
    visited = 0
    given: list[Input] = []

    def explore(state: State) -> None:
        nonlocal visited
        visited += 1
        # An end is an end: what follows it needs no more words than this.
        if state not in ACTIVE and state is not State.NEW:
            assert described(given) is state, given
            assert all(TABLE[state, later] is state for later in Input)
            visited += sum(len(Input) ** more for more in range(1, LONGEST - len(given) + 1))
            return
        assert described(given) is state, given
        if len(given) == LONGEST:
            return
        for following in Input:
            given.append(following)
            explore(TABLE[state, following])
            given.pop()

    explore(State.NEW)
    assert visited == sum(len(Input) ** length for length in range(LONGEST + 1))


def test_every_state_can_be_reached() -> None:
    reached = {State.NEW}
    for _ in State:
        reached |= {TABLE[state, given] for state in reached for given in Input}
    assert reached == set(State)
