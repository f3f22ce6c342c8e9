from __future__ import annotations

import itertools

from filebody.resumable._phases import ENDS, TABLE, Event, Phase


def reachable(begin: Phase) -> set[Phase]:
    found = {begin}
    while True:
        more = {TABLE[phase, event] for phase in found for event in Event} - found
        if not more:
            return found
        found |= more


def test_every_phase_answers_every_event() -> None:
    assert set(TABLE) == set(itertools.product(Phase, Event))


def test_an_end_is_the_end() -> None:
    for phase in ENDS:
        assert {TABLE[phase, event] for event in Event} == {phase}


def test_a_refusal_ends_whatever_is_open() -> None:
    assert {TABLE[phase, Event.REFUSED] for phase in set(Phase) - ENDS} == {Phase.FAILED}


def test_what_is_not_complete_is_not_done() -> None:
    for (phase, event), after in TABLE.items():
        if after is Phase.DONE and phase is not Phase.DONE:
            assert event is Event.COMPLETE or (phase, event) == (Phase.CANCELLING, Event.GONE)


def test_bytes_follow_only_what_the_server_has_confirmed() -> None:
    for (phase, event), after in TABLE.items():
        if after is Phase.APPENDING and phase is not Phase.APPENDING:
            assert event in {Event.OFFSET, Event.FED}


def test_every_phase_of_an_upload_can_be_reached_and_left() -> None:
    upload = set(Phase) - {Phase.JOINING, Phase.CANCELLING}
    assert reachable(Phase.DISCOVERING) == upload
    for phase in set(Phase) - ENDS:
        assert reachable(phase) >= ENDS
