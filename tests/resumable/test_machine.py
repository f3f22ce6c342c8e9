"""Every answer in every state that can be reached: what must hold whatever a server says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from filebody.errors import (
    FilebodyError,
    NoProgress,
    NotOffered,
    RemoteError,
    ResumeError,
    UploadTooLarge,
)
from filebody.resumable import _machine as machine
from filebody.resumable._phases import Phase
from filebody.resumable._state import Held, Plan, State
from filebody.resumable._values import (
    Available,
    Done,
    Fail,
    Feed,
    Given,
    Interim,
    Kind,
    Lost,
    NextStep,
    Offer,
    Protocol,
    Reply,
    Send,
    Stay,
    Wait,
    Waited,
)
from filebody.wire import UploadLimits
from tests.resumable.model import TUS_EXTENSIONS

URL = "http://model/target"
UPLOAD = "http://model/uploads/1"
LENGTH = 2

STATUSES = [204, 307, 400, 404, 409, 412, 413, 423, 500]
OFFERS = [
    None,
    Offer(tus=True, extensions=TUS_EXTENSIONS, checksum_algorithms=frozenset({"sha1"})),
    Offer(tus=True),
    Offer(ietf=True),
    Offer(ietf=True, interop_version=9, limits=UploadLimits(max_append_size=1)),
    Offer(ietf=True, interop_version=10, limits=UploadLimits(max_size=1)),
]
ERROR = OSError("lost")


def inputs(state: State) -> Iterator[Given]:
    """What can come: everything that a request may be answered with, and what nobody asked for."""
    yield Waited()
    yield Lost(error=ERROR, sent_bytes=0)
    yield Lost(error=ERROR, sent_bytes=1)
    yield Lost(error=ERROR, sent_bytes=1, is_passing=False)
    yield Available(1, is_end=False)
    yield Available(LENGTH, is_end=True)
    for location, offset in itertools.product([None, UPLOAD], [None, 1, 3]):
        yield Interim(location=location, offset=offset)
    yield Interim(location=URL)
    if state.phase is Phase.DISCOVERING:
        for status, offer in itertools.product(STATUSES, OFFERS):
            yield Reply(status=status, offer=offer)
        return
    offsets = [None, 0, 1, LENGTH, LENGTH + 1]
    for status, offset, complete in itertools.product(STATUSES, offsets, [None, False, True]):
        yield Reply(status=status, offset=offset, complete=complete, location=UPLOAD)
    for status in STATUSES:
        yield Reply(status=status, offset=0)
        yield Reply(status=status, offset=1, length=LENGTH + 1)
        yield Reply(status=status, limits=UploadLimits(max_append_size=1))


def check(before: State, given: Given, after: State, step: NextStep) -> None:
    """What holds for every step."""
    expected: dict[type, bool] = {
        Done: after.phase is Phase.DONE,
        Fail: after.phase is Phase.FAILED,
        Wait: after.is_waiting,
    }
    for kind, holds in expected.items():
        if isinstance(step, kind):
            assert holds
    assert after.confirmed <= max(after.sent, after.request.stop or 0)
    if after.restarts <= before.restarts or after.confirmed:
        assert after.confirmed >= before.confirmed or after.restarts > before.restarts
    if isinstance(step, Send):
        assert not after.is_waiting
        if step.kind is Kind.APPEND:
            assert step.start == after.confirmed
            assert step.stop is not None
            assert step.start <= step.stop <= after.available
        if step.is_last and step.stop is not None:
            assert step.stop == after.length
        if step.has_content and step.kind is Kind.CREATE and after.protocol is Protocol.IETF:
            # What is no whole goes only to who has said that it understands that.
            assert step.is_last or after.is_supported
    if isinstance(step, Fail):
        assert step.error is ERROR or isinstance(step.error, FilebodyError)
    if isinstance(step, Done):
        assert isinstance(given, Reply | Available)
        if isinstance(given, Reply) and before.phase is not Phase.CANCELLING:
            is_tidied = before.is_answered and given.status == 404
            assert 200 <= given.status <= 299 or is_tidied
            if before.protocol in {Protocol.TUS, Protocol.IETF} and not is_tidied:
                assert after.confirmed == after.length or before.phase is Phase.JOINING


def explore(first: tuple[State, NextStep]) -> tuple[set[State], set[Phase]]:
    """Give every input to every state that can be reached in few failures."""
    seen = {first[0]}
    waiting = [first[0]]
    while waiting:
        before = waiting.pop()
        for given in inputs(before):
            after, step = machine.step(before, given, 0.0)
            check(before, given, after, step)
            if after in seen or after.failures > 1 or after.restarts > 0:
                continue
            seen.add(after)
            waiting.append(after)
    return seen, {state.phase for state in seen}


ALL = set(Phase) - {Phase.JOINING, Phase.CANCELLING}


@pytest.mark.parametrize("protocol", Protocol, ids=lambda protocol: protocol.value)
@pytest.mark.parametrize("is_stream", [False, True], ids=["known", "stream"])
def test_whatever_a_server_says(protocol: Protocol, is_stream: bool) -> None:
    plan = Plan(
        url=URL,
        protocol=protocol,
        length=None if is_stream else LENGTH,
        is_replayable=not is_stream,
        wants_checksum=True,
        interop_versions=(10, 9),
    )
    states, phases = explore(machine.begin(plan))
    missing = ALL - phases
    if protocol is Protocol.PLAIN:
        assert phases == {Phase.CREATING, Phase.DONE, Phase.FAILED}
    elif is_stream:
        assert missing == set()
    else:
        assert missing <= {Phase.STARVED}
    assert len(states) > 3


def test_whatever_a_server_says_to_the_rest() -> None:
    held = Held(
        upload_url=UPLOAD,
        protocol=Protocol.TUS,
        interop_version=0,
        checksum=None,
        confirmed=1,
        sent=2,
    )
    plan = Plan(url=URL, protocol=Protocol.TUS, length=LENGTH)
    explore(machine.go_on(plan, held))
    assert Phase.DONE in explore(machine.join(plan, (UPLOAD, UPLOAD)))[1]
    assert Phase.DONE in explore(machine.cancel(plan, held))[1]


def run(plan: Plan, *given: Given) -> tuple[State, NextStep]:
    """What follows from all of that."""
    state, step = machine.begin(plan)
    for one in given:
        state, new = machine.step(state, one, 0.0)
        if not isinstance(new, Stay):
            step = new
    return state, step


TUS = Reply(status=204, offer=OFFERS[1])
IETF = Reply(status=204, offer=Offer(ietf=True, interop_version=10))
LARGE = 5_000_000


def test_the_ietfs_protocol_is_preferred_unless_parts_are_wanted() -> None:
    both = Reply(
        status=204, offer=Offer(tus=True, extensions=TUS_EXTENSIONS, ietf=True, interop_version=10)
    )
    assert run(Plan(url=URL, length=LARGE), both)[0].protocol is Protocol.IETF
    assert run(Plan(url=URL, length=LARGE, wants_parts=True), both)[0].protocol is Protocol.TUS


def test_a_stream_goes_plain_where_nothing_is_offered() -> None:
    state, step = run(Plan(url=URL, length=None, is_replayable=False), Reply(status=405))
    assert state.protocol is Protocol.PLAIN
    assert isinstance(step, Send)
    assert step.stop is None
    _, step = machine.step(state, Lost(error=ERROR, sent_bytes=3), 0.0)
    assert isinstance(step, Fail)
    assert step.error is ERROR


def test_what_is_asked_for_and_lacking_is_said() -> None:
    plan = Plan(url=URL, protocol=Protocol.TUS, length=None, is_replayable=False)
    offer = Offer(tus=True, extensions=frozenset({"creation"}))
    _, step = run(plan, Reply(status=204, offer=offer))
    assert isinstance(step, Fail)
    assert isinstance(step.error, NotOffered)
    assert "creation-defer-length" in str(step.error)


def test_waits_grow_and_end() -> None:
    state, step = run(Plan(url=URL, length=LARGE, give_up_after_seconds=100), TUS)
    now, waits = 0.0, []
    while True:
        state, step = machine.step(state, Lost(error=ERROR, sent_bytes=0), now)
        if isinstance(step, Fail):
            break
        assert isinstance(step, Wait)
        waits.append(step.longest_seconds)
        assert step.longest_seconds / 2 <= step.shortest_seconds <= step.longest_seconds
        now += step.longest_seconds
        state, step = machine.step(state, Waited(), now)
    assert waits == [1, 2, 4, 8, 16, 32, 60]
    assert isinstance(step.error, NoProgress)
    assert step.error.__cause__ is ERROR


def test_a_long_request_that_fails_is_not_the_end() -> None:
    state, _ = run(Plan(url=URL, length=LARGE), TUS, Reply(status=201, location=UPLOAD, offset=0))
    _, step = machine.step(state, Lost(error=ERROR, sent_bytes=9), 1e6)
    assert isinstance(step, Wait)


def test_retry_after_is_kept() -> None:
    _, step = run(Plan(url=URL, length=LARGE), TUS, Reply(status=503, retry_after_seconds=30.0))
    assert step == Wait(30.0, 30.0)
    _, step = run(Plan(url=URL, length=LARGE), TUS, Reply(status=503, retry_after_seconds=601.0))
    assert isinstance(step, Fail)


def test_an_upload_that_says_two_places_is_refused() -> None:
    plan = Plan(url=URL, length=100)
    _, step = run(plan, IETF, Interim(location=UPLOAD), Interim(location="http://model/uploads/2"))
    assert isinstance(step, Fail)
    assert isinstance(step.error, ResumeError)


def test_https_is_not_left() -> None:
    plan = Plan(url="https://model/target", length=LARGE)
    _, step = run(plan, TUS, Reply(status=201, location=UPLOAD))
    assert isinstance(step, Fail)
    assert "in the clear" in str(step.error)


def test_a_moved_upload_is_followed() -> None:
    moved = "http://model/elsewhere"
    _, step = run(
        Plan(url=URL, length=LARGE),
        TUS,
        Reply(status=201, location=UPLOAD, offset=0),
        Reply(status=308, location=moved),
    )
    assert isinstance(step, Send)
    assert (step.kind, step.url) == (Kind.ASK, moved)


def test_post_with_everything_is_not_repeated() -> None:
    plan = Plan(url=URL, method="POST", length=100)
    _, step = run(plan, Reply(status=405), Lost(error=ERROR, sent_bytes=100))
    assert isinstance(step, Fail)
    _, step = run(plan, Reply(status=405), Reply(status=503))
    assert isinstance(step, Wait)


def test_completeness_before_everything_was_sent_is_no_success() -> None:
    plan = Plan(url=URL, length=LARGE, append_bytes=100)
    created = Reply(status=201, location=UPLOAD, offset=0, complete=False)
    _, step = run(plan, IETF, created, Reply(status=200, complete=True))
    assert isinstance(step, Fail)
    assert isinstance(step.error, ResumeError)


def test_what_a_104_has_confirmed_is_not_missed_in_the_answer() -> None:
    plan = Plan(url=URL, length=6, append_bytes=2)
    held = Held(
        upload_url=UPLOAD,
        protocol=Protocol.IETF,
        interop_version=10,
        checksum=None,
        confirmed=0,
        sent=0,
    )
    state, _ = machine.go_on(plan, held)
    state, step = machine.step(state, Reply(status=204, offset=0, complete=False), 0.0)
    assert isinstance(step, Send)
    assert (step.start, step.stop) == (0, 2)
    state, step = machine.step(state, Interim(offset=2), 0.0)
    assert step == Stay()
    state, step = machine.step(state, Reply(status=204, offset=2, complete=False), 0.0)
    assert isinstance(step, Send)
    assert (step.start, step.stop) == (2, 4)
    # Nothing taken is a success of nothing, and is not tried again at once.
    assert isinstance(
        machine.step(state, Reply(status=204, offset=2, complete=False), 0.0)[1], Wait
    )


def held(**facts: Any) -> Held:
    known: dict[str, Any] = {"upload_url": UPLOAD, "protocol": Protocol.TUS, "interop_version": 0}
    return Held(**known | {"checksum": None, "confirmed": 0, "sent": 0} | facts)


def test_a_request_that_is_too_large_is_halved_at_once_and_for_good() -> None:
    plan = Plan(url=URL, length=1 << 31)
    state, step = machine.go_on(plan, held())
    carried: list[int] = []
    while isinstance(step, Send) and (not carried or carried[-1] > 1 << 20):
        assert step.kind is Kind.ASK
        state, step = machine.step(state, Reply(status=200, offset=0), 0.0)
        assert isinstance(step, Send)
        assert step.stop is not None
        carried.append(step.stop)
        state, step = machine.step(state, Reply(status=413, sent_bytes=0), 0.0)
    assert carried == [(1 << 31) >> count for count in range(12)]
    assert state.failures == 0
    assert state.held is not None
    # Another process begins with what the server takes.
    state, _ = machine.go_on(plan, state.held)
    _, step = machine.step(state, Reply(status=200, offset=0), 0.0)
    assert isinstance(step, Send)
    assert step.stop == 1 << 19


def test_a_small_body_is_left_out_of_a_creation_that_is_too_large() -> None:
    offer = Offer(tus=True, extensions=TUS_EXTENSIONS | {"creation-with-upload"})
    state, step = machine.begin(Plan(url=URL, length=1 << 20), offer)
    assert isinstance(step, Send)
    assert step.stop == 1 << 20
    state, step = machine.step(state, Reply(status=413), 0.0)
    assert isinstance(step, Send)
    assert (step.kind, step.stop) == (Kind.CREATE, 0)
    _, step = machine.step(state, Reply(status=413), 0.0)
    assert isinstance(step, Fail)
    assert isinstance(step.error, UploadTooLarge)


def test_a_join_follows_a_redirection_with_references_that_fit() -> None:
    names = [f"{number:040}" for number in range(128)]
    parts = tuple(f"http://model/files/{name}" for name in names)
    state, step = machine.join(Plan(url="http://model/files", length=2), parts)
    assert isinstance(step, Send)
    field = "final;" + " ".join(f"files/{name}" for name in names)
    assert dict(step.fields)["Upload-Concat"] == field
    moved = Reply(status=307, location="http://model/files/")
    state, step = machine.step(state, moved, 0.0)
    assert isinstance(step, Send)
    assert step.url == "http://model/files/"
    assert dict(step.fields)["Upload-Concat"] == f"final;{' '.join(names)}"
    _, step = machine.step(state, Reply(status=201, location="http://model/files/3"), 0.0)
    assert isinstance(step, Done)


def test_a_join_of_few_parts_names_their_paths() -> None:
    _, step = machine.join(Plan(url="http://model/files/", length=2), ("http://model/files/1",))
    assert isinstance(step, Send)
    assert dict(step.fields)["Upload-Concat"] == "final;/files/1"


def test_a_redirection_without_end_ends() -> None:
    state, step = machine.join(Plan(url=URL, length=2), (UPLOAD,))
    for _ in range(20):
        if isinstance(step, Fail):
            break
        given = Waited() if isinstance(step, Wait) else Reply(status=308, location=URL)
        state, step = machine.step(state, given, 0.0)
    assert isinstance(step, Fail)


def test_a_conflict_that_lasts_is_a_refusal() -> None:
    state, step = machine.go_on(Plan(url=URL, length=2), held())
    now = 0.0
    for _ in range(20):
        if isinstance(step, Fail):
            break
        given: Given = Waited()
        if isinstance(step, Send):
            given = Reply(status=409 if step.kind is Kind.APPEND else 200, offset=0, sent_bytes=0)
        now += 1.0
        state, step = machine.step(state, given, now)
    assert isinstance(step, Fail)
    assert isinstance(step.error, RemoteError)
    assert step.error.status == 409


def test_limits_that_come_late_are_heard() -> None:
    limits = UploadLimits(max_size=10)
    _, step = run(Plan(url=URL, length=100), IETF, Interim(location=UPLOAD, limits=limits))
    assert isinstance(step, Fail)
    assert isinstance(step.error, UploadTooLarge)


def test_an_error_of_the_target_is_the_end() -> None:
    created = Reply(status=201, location=UPLOAD, offset=0, complete=False)
    _, step = run(
        Plan(url=URL, length=LARGE), IETF, created, Reply(status=503, complete=True, detail="no")
    )
    assert isinstance(step, Fail)
    assert isinstance(step.error, RemoteError)
    assert step.error.status == 503


def test_feed_is_asked_for_where_nothing_is_left() -> None:
    plan = Plan(url=URL, length=None, is_replayable=False)
    state, step = run(plan, TUS, Reply(status=201, location=UPLOAD, offset=0))
    assert isinstance(step, Feed)
    state, step = machine.step(state, Available(0, is_end=False), 0.0)
    assert isinstance(step, Feed)
    _, step = machine.step(state, Available(3, is_end=False), 0.0)
    assert isinstance(step, Send)
    assert (step.start, step.stop) == (0, 3)
