"""The table of an exchange's phases, explored whole."""

from __future__ import annotations

import itertools

from filebody.agent._phase import OPEN, SENDS, TABLE, Event, Phase


def runs(length: int) -> list[list[Phase]]:
    """Every sequence of events of that length, as the phases that it goes through."""
    found = []
    for begin in (Phase.EXPECTING, Phase.SENDING):
        for events in itertools.product(Event, repeat=length):
            phases = [begin]
            for event in events:
                phases.append(TABLE[phases[-1], event])
            found.append(phases)
    return found


def test_every_phase_answers_every_event() -> None:
    assert set(TABLE) == set(itertools.product(Phase, Event))


def test_an_end_is_the_end() -> None:
    for phase in (Phase.DONE, Phase.FAILED):
        assert {TABLE[phase, event] for event in Event} == {phase}


def test_an_error_ends_whatever_is_open() -> None:
    assert {TABLE[phase, Event.ERROR] for phase in OPEN} == {Phase.FAILED}


def test_nothing_is_done_before_the_body_is_out_or_refused() -> None:
    for phases in runs(6):
        if Phase.DONE in phases:
            before = phases[: phases.index(Phase.DONE)]
            assert before[-1] in {Phase.HELD, Phase.REFUSED, Phase.DELIVERING}
            assert Phase.DELIVERING not in before or before[before.index(Phase.DELIVERING) - 1] in {
                Phase.AWAITING,
                Phase.HOLDING,
            }


def test_the_body_is_not_sent_on_after_a_refusal() -> None:
    for phases in runs(6):
        if Phase.REFUSED in phases:
            assert not SENDS & set(phases[phases.index(Phase.REFUSED) :])


def test_every_phase_can_be_reached_and_left() -> None:
    reached = {phase for phases in runs(5) for phase in phases}
    assert reached == set(Phase)
    for phase in OPEN:
        assert {TABLE[phase, event] for event in Event} - {phase, Phase.FAILED}
