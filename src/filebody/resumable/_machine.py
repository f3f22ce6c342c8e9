"""One state machine for all ways to send an upload: what came in, and what to do next.

Pure: no sockets, no clock, no fields. `begin`, `go_on`, `join` and `cancel` give a first state and
its request; `step` takes what became of that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import attrs

from filebody.errors import NoProgress, RemoteError, ResumeError, TransferError, UploadGone
from filebody.resumable import _ietf, _tus
from filebody.resumable._discovery import speaking_otherwise
from filebody.resumable._judge import interim, judge
from filebody.resumable._phases import ENDS, TABLE, Event, Phase
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
from filebody.resumable._verdict import Verdict
from filebody.wire import Field

__all__ = ["LONGEST_DELAY_SECONDS", "MAX_RESTARTS", "begin", "cancel", "go_on", "join", "step"]

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0
MAX_RESTARTS = 5
"""So often an upload is begun anew without coming further than ever before."""


def begin(plan: Plan, offer: Offer | None = None) -> tuple[State, NextStep]:
    """Begin a new upload.

    Args:
        plan: What is wanted.
        offer: What the server offers, if it was asked already.
    """
    state = State(
        plan=plan,
        phase=Phase.DISCOVERING,
        create_url=plan.url,
        length=plan.length,
        available=plan.length or 0 if plan.is_replayable else 0,
    )
    if plan.protocol is Protocol.PLAIN:
        return _send(attrs.evolve(state, phase=Phase.CREATING, protocol=Protocol.PLAIN))
    if offer is not None:
        return step(_send(state)[0], Reply(status=200, offer=offer), 0.0)
    return _send(state)


def go_on(plan: Plan, held: Held) -> tuple[State, NextStep]:
    """Go on with an upload that a checkpoint holds."""
    return _send(
        State(
            plan=plan,
            phase=Phase.ASKING,
            protocol=held.protocol,
            interop_version=held.interop_version,
            is_supported=True,
            checksum=held.checksum,
            create_url=plan.url,
            upload_url=held.upload_url,
            length=plan.length,
            available=plan.length or 0 if plan.is_replayable else 0,
            confirmed=held.confirmed,
            sent=held.sent,
            append_limit=held.append_limit,
            furthest=held.confirmed,
        )
    )


def join(plan: Plan, parts: tuple[str, ...]) -> tuple[State, NextStep]:
    """Make one upload of parts that are complete (tus)."""
    return _send(
        State(
            plan=plan,
            phase=Phase.JOINING,
            protocol=Protocol.TUS,
            create_url=plan.url,
            parts=parts,
            length=plan.length,
        )
    )


def cancel(plan: Plan, held: Held) -> tuple[State, NextStep]:
    """Tell the server to forget an upload."""
    state, _ = go_on(plan, held)
    return _send(attrs.evolve(state, phase=Phase.CANCELLING))


def step(state: State, given: Given, now: float) -> tuple[State, NextStep]:
    """Take what came.

    What comes late (after the end, or an interim response while nothing is under way) changes
    nothing. Total: every state takes everything.

    Args:
        state: How far it is.
        given: What came.
        now: The time in seconds, from any origin; never goes back.

    Returns:
        How far it is now, and what to do.
    """
    if state.phase in ENDS:
        return state, Stay()
    match given:
        case Waited():
            if not state.is_waiting:
                return state, Stay()
            return _send(attrs.evolve(state, is_waiting=False))
        case Available():
            return _available(state, given)
        case Interim():
            if state.is_waiting:
                return state, Stay()
            return _interim(state, given)
        case Lost() | Reply():
            if state.is_waiting or state.phase is Phase.STARVED:
                return state, Stay()
            verdict = _lost(state, given) if isinstance(given, Lost) else judge(state, given)
            return _carry_out(state, verdict, now)
        case _:
            assert_never(given)


def _available(state: State, given: Available) -> tuple[State, NextStep]:
    state = attrs.evolve(
        state,
        available=max(state.available, given.stop),
        length=given.stop if given.is_end else state.length,
    )
    if state.phase is not Phase.STARVED:
        return state, Stay()
    if state.protocol is Protocol.TUS and state.is_whole:
        return _end(state, Event.COMPLETE)
    if state.is_dry:
        return state, Feed()
    return _send(attrs.evolve(state, phase=TABLE[state.phase, Event.FED]))


def _interim(state: State, given: Interim) -> tuple[State, NextStep]:
    verdict = interim(state, given)
    if verdict.event is Event.REFUSED:
        return _end(verdict.state, Event.REFUSED, verdict.error)
    return verdict.state, Stay()


def _lost(state: State, given: Lost) -> Verdict:
    if not given.is_passing:
        return Verdict(state, Event.REFUSED, error=given.error)
    state = state.with_sent(given.sent_bytes)
    if state.phase is Phase.APPENDING:
        return Verdict(state, Event.UNSURE, error=given.error)
    if state.phase is Phase.CREATING:
        if state.upload_url is not None:
            return Verdict(state, Event.UNSURE, error=given.error)
        if not may_create_again(state):
            return Verdict(state, Event.REFUSED, error=given.error)
        state = speaking_otherwise(state)
    return Verdict(state, Event.AGAIN, error=given.error)


def may_create_again(state: State) -> bool:
    """Whether the request that creates may be sent twice: it may have had its effect.

    What is left over of an upload without its body is forgotten by the server in time. A POST that
    had everything could be carried out twice (RFC 9110 section 9.2.2).
    """
    if state.protocol is Protocol.PLAIN and not state.plan.is_replayable:
        return False
    if state.protocol is Protocol.TUS or state.request.method == "PUT":
        return True
    return not state.request.is_last


def _carry_out(state: State, verdict: Verdict, now: float) -> tuple[State, NextStep]:
    before, state = state, verdict.state
    phase = TABLE[state.phase, verdict.event]
    if verdict.event in {Event.COMPLETE, Event.REFUSED} or phase in ENDS:
        return _end(state, verdict.event, verdict.error)
    if verdict.event is Event.GONE:
        return _begin_anew(state, verdict, now)
    if verdict.event in {Event.UNSURE, Event.AGAIN}:
        return _later(attrs.evolve(state, phase=phase), verdict, now)
    if verdict.event is Event.OFFSET and before.phase is Phase.APPENDING:
        # A 104 may have said so before: then there is nothing new in the answer.
        if state.confirmed <= before.request.start:
            # It took nothing, and called that a success.
            problem = _nothing_taken(state)
            unsure = Verdict(state, Event.UNSURE, error=problem)
            return _later(attrs.evolve(state, phase=Phase.ASKING), unsure, now)
        return _send(state)
    state = attrs.evolve(state, phase=phase)
    return (state, Feed()) if phase is Phase.STARVED else _send(state)


def _nothing_taken(state: State) -> ResumeError:
    return ResumeError(
        state.request.url, 200, f"it took nothing of what followed byte {state.confirmed}"
    )


def _begin_anew(state: State, verdict: Verdict, now: float) -> tuple[State, NextStep]:
    url = state.upload_url or state.create_url
    if not state.plan.is_replayable and state.confirmed > 0:
        why = "the server has forgotten this upload, and its beginning cannot be read again"
        return _end(state, Event.REFUSED, UploadGone(url, verdict.status, why))
    if state.restarts >= MAX_RESTARTS:
        why = f"the server has forgotten this upload for the {state.restarts + 1}th time"
        return _end(state, Event.REFUSED, UploadGone(url, verdict.status, why))
    state = attrs.evolve(
        state,
        phase=TABLE[state.phase, Event.GONE],
        upload_url=None,
        confirmed=0,
        sent=0,
        is_length_told=False,
        is_answered=False,
        restarts=state.restarts + 1,
        expires_at=None,
    )
    if state.restarts == 1:
        return _send(state)
    return _later(state, verdict, now)


def _later(state: State, verdict: Verdict, now: float) -> tuple[State, NextStep]:
    """Go on after a time that grows, or give up."""
    if verdict.is_progress:
        return _send(attrs.evolve(state, last_error=verdict.error))
    failures = state.failures + 1
    since = now if state.failing_since is None else state.failing_since
    state = attrs.evolve(state, failures=failures, failing_since=since, last_error=verdict.error)
    if verdict.is_at_once and failures == 1:
        return _send(state)
    longest = min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(failures - 1, 10))
    shortest = max(longest / 2, verdict.retry_after_seconds or 0.0)
    if now + shortest - since > state.plan.give_up_after_seconds:
        return _end(state, Event.REFUSED, _no_progress(state, verdict, now - since))
    return attrs.evolve(state, is_waiting=True), Wait(shortest, max(shortest, longest))


def _no_progress(state: State, verdict: Verdict, seconds: float) -> NoProgress:
    last = verdict.error or RemoteError(state.request.url, verdict.status)
    # What has a place of its own in this error is not said twice.
    words = str(last)
    if isinstance(last, TransferError):
        words = last.reason
    elif isinstance(last, RemoteError):
        words = f"answered {last.status}" + (f": {last.detail}" if last.detail else "")
    error = NoProgress(state.plan.url, state.confirmed, seconds, words)
    error.__cause__ = last
    return error


def _end(state: State, event: Event, error: Exception | None = None) -> tuple[State, NextStep]:
    state = attrs.evolve(state, phase=TABLE[state.phase, event], is_waiting=False)
    if state.phase is Phase.DONE:
        return state, Done()
    return state, Fail(error or ResumeError(state.request.url, 0, "it makes no sense"))


_REQUESTS: dict[tuple[Protocol, Phase], Callable[[State], Send]] = {
    (Protocol.TUS, Phase.CREATING): _tus.create,
    (Protocol.TUS, Phase.ASKING): _tus.ask,
    (Protocol.TUS, Phase.APPENDING): _tus.append,
    (Protocol.TUS, Phase.JOINING): _tus.join,
    (Protocol.TUS, Phase.CANCELLING): _tus.cancel,
    (Protocol.IETF, Phase.CREATING): _ietf.create,
    (Protocol.IETF, Phase.ASKING): _ietf.ask,
    (Protocol.IETF, Phase.APPENDING): _ietf.append,
    (Protocol.IETF, Phase.CANCELLING): _ietf.cancel,
}


def _send(state: State) -> tuple[State, Send]:
    """The request of this phase, which is under way from now on."""
    if state.phase is Phase.DISCOVERING:
        request = _discover(state)
    elif state.protocol is Protocol.PLAIN:
        request = _plain(state)
    else:
        request = _REQUESTS[state.protocol, state.phase](state)
    return attrs.evolve(state, request=request), request


def _discover(state: State) -> Send:
    return Send(
        kind=Kind.DISCOVER,
        method="OPTIONS",
        url=state.plan.url,
        fields=((Field.INTEROP_VERSION, str(state.plan.interop_versions[0])),),
    )


def _plain(state: State) -> Send:
    length = state.length
    return Send(
        kind=Kind.CREATE,
        method=state.plan.method,
        url=state.create_url,
        stop=length,
        has_content=True,
        is_last=True,
    )
