"""What a response means, for each phase and each protocol: pure decisions of the machine."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from filebody.errors import NotOffered, RemoteError, ResumeError, WrongOffset
from filebody.resumable._belief import (
    confirm,
    in_the_clear,
    is_in_the_clear,
    why_not_there,
    why_too_large,
)
from filebody.resumable._discovery import discovered, speaking_otherwise
from filebody.resumable._phases import Event, Phase
from filebody.resumable._state import State
from filebody.resumable._values import Interim, Protocol, Reply, may_pass
from filebody.resumable._verdict import (
    Verdict,
    again,
    error_of,
    refuse,
    refuse_size,
    senseless,
    unsure,
)
from filebody.wire import RESUMPTION_SUPPORTED

__all__ = ["SMALLEST_APPEND_BYTES", "interim", "judge"]

SMALLEST_APPEND_BYTES = 1 << 14
"""Where a server finds even less too large for one request, it is not the size."""

_MOVED = frozenset({307, 308})
_GONE = frozenset({404, 410})
# So many times in a row the server may refuse the offset that it names itself: an earlier request
# may still hold the upload. After that it is a conflict that lasts.
_CONFLICTS = 3
_REDIRECTS = 5


def judge(state: State, reply: Reply) -> Verdict:
    """Say what a response means in a phase."""
    state = state.with_sent(reply.sent_bytes)
    if reply.expires_at is not None:
        state = attrs.evolve(state, expires_at=reply.expires_at)
    if state.phase is not Phase.DISCOVERING and reply.limits is not None:
        state = attrs.evolve(state, limits=reply.limits)
    return _JUDGES[state.phase](state, reply)


def interim(state: State, given: Interim) -> Verdict:
    """Say what a 104 means: OFFSET where it says something, REFUSED where that cannot be."""
    if state.protocol is not Protocol.IETF or not state.request.has_content:
        return Verdict(state, Event.OFFSET)
    if given.limits is not None:
        state = attrs.evolve(state, limits=given.limits)
        too_large = why_too_large(state, given.limits, RESUMPTION_SUPPORTED)
        if too_large is not None:
            return Verdict(state, Event.REFUSED, too_large)
    if state.phase is Phase.CREATING and given.location is not None:
        elsewhere = why_not_there(state, given.location, RESUMPTION_SUPPORTED)
        if elsewhere is not None:
            return Verdict(state, Event.REFUSED, elsewhere)
        state = attrs.evolve(state, upload_url=given.location, is_supported=True)
    if given.offset is None or state.upload_url is None:
        return Verdict(state, Event.OFFSET)
    confirmed = confirm(state.with_sent(given.sent_bytes), given.offset, RESUMPTION_SUPPORTED)
    if isinstance(confirmed, Exception):
        return Verdict(state, Event.REFUSED, confirmed)
    sent = max(state.sent, confirmed.confirmed)
    return Verdict(attrs.evolve(confirmed, sent=sent), Event.OFFSET)


# For each phase.


def _created(state: State, reply: Reply) -> Verdict:
    if reply.complete and state.protocol is Protocol.IETF:
        return _said_complete(state, reply)
    if 200 <= reply.status <= 299:
        return _CREATED[state.protocol](state, reply)
    is_ietf = state.protocol is Protocol.IETF
    if reply.status == 413:
        return _create_smaller(state, reply) if is_ietf else _create_empty(state, reply)
    if reply.status == 412 and state.protocol is Protocol.TUS and not state.offer.tus:
        return refuse(state, reply, NotOffered(state.create_url, 412, "it lacks tus 1.0.0"))
    if may_pass(reply.status) and state.upload_url is not None:
        return unsure(state, reply)
    if may_pass(reply.status) and _is_harmless_again(state):
        return again(speaking_otherwise(state), reply)
    return refuse(state, reply)


def _is_harmless_again(state: State) -> bool:
    """An answer that asks to come again has had no effect; only the body may be gone."""
    return state.protocol is not Protocol.PLAIN or state.plan.is_replayable


def _created_tus(state: State, reply: Reply) -> Verdict:
    if reply.location is None:
        return refuse(state, reply, senseless(state, reply, "no Location of the upload"))
    elsewhere = why_not_there(state, reply.location, reply.status)
    if elsewhere is not None:
        return refuse(state, reply, elsewhere)
    state = attrs.evolve(
        state,
        upload_url=reply.location,
        is_supported=True,
        is_length_told=state.length is not None,
    )
    if state.request.stop and reply.offset is None:
        return unsure(state, reply, is_at_once=True)
    return _has(state, reply, reply.offset or 0)


def _created_ietf(state: State, reply: Reply) -> Verdict:
    request = state.request
    if request.is_last and reply.complete is None:
        # The answer of the target itself, which has everything.
        return _said_complete(state, reply)
    if reply.location is not None:
        elsewhere = why_not_there(state, reply.location, reply.status)
        if elsewhere is not None:
            return refuse(state, reply, elsewhere)
        state = attrs.evolve(state, upload_url=reply.location)
    if state.upload_url is None:
        detail = "it does not say where the upload can be gone on with"
        return refuse(state, reply, NotOffered(state.create_url, reply.status, detail))
    state = attrs.evolve(state, is_supported=True)
    if request.is_last:
        return unsure(state, reply, is_at_once=True)
    return _has(state, reply, (request.stop or 0) if reply.offset is None else reply.offset)


def _created_plain(state: State, reply: Reply) -> Verdict:
    return Verdict(state, Event.COMPLETE, status=reply.status)


def _create_smaller(state: State, reply: Reply) -> Verdict:
    smaller = _smaller(state)
    too_large = why_too_large(state, state.limits, reply.status)
    if too_large is not None or not state.is_supported or smaller is None:
        # If it is not certain that it can be resumed, less than all would be a part of a file.
        return refuse(state, reply, too_large) if too_large else refuse_size(state, reply)
    state = attrs.evolve(state, append_limit=smaller)
    event = Event.AGAIN if state.upload_url is None else Event.UNSURE
    return Verdict(state, event, error_of(state, reply), reply.status, is_progress=True)


def _create_empty(state: State, reply: Reply) -> Verdict:
    """The content that went along may be what was too large (tus)."""
    smaller = _smaller(state) if state.request.has_content else None
    if state.protocol is not Protocol.TUS or smaller is None:
        return refuse_size(state, reply)
    state = attrs.evolve(state, append_limit=smaller)
    return Verdict(state, Event.AGAIN, error_of(state, reply), reply.status, is_progress=True)


def _asked(state: State, reply: Reply) -> Verdict:
    if reply.status in _GONE:
        if state.is_answered:
            # It took the end of the body with a success and has tidied up since then.
            return Verdict(state, Event.COMPLETE, status=reply.status)
        return Verdict(state, Event.GONE, error_of(state, reply), reply.status)
    if reply.status in _MOVED and reply.location is not None:
        return _moved(state, reply, Event.AGAIN)
    if may_pass(reply.status) or reply.status == 409:
        return again(state, reply)
    if not 200 <= reply.status <= 299:
        return refuse(state, reply)
    if reply.offset is None:
        return refuse(state, reply, senseless(state, reply, "no Upload-Offset"))
    state = attrs.evolve(state, is_answered=False)
    if reply.length is not None:
        if state.length is not None and reply.length != state.length:
            what = f"an Upload-Length of {reply.length} for {state.length} bytes"
            return refuse(state, reply, senseless(state, reply, what))
        state = attrs.evolve(state, is_length_told=True)
    if reply.complete and state.protocol is Protocol.IETF:
        return _said_complete(state, reply)
    return _has(state, reply, reply.offset)


def _appended(state: State, reply: Reply) -> Verdict:
    if reply.complete and state.protocol is Protocol.IETF:
        return _said_complete(state, reply)
    if 200 <= reply.status <= 299:
        return _took(state, reply)
    if reply.status in _GONE:
        return Verdict(state, Event.GONE, error_of(state, reply), reply.status)
    if reply.status in _MOVED and reply.location is not None:
        return _moved(state, reply, Event.UNSURE)
    if reply.status == 413:
        smaller = _smaller(state)
        if smaller is None:
            return refuse_size(state, reply)
        state = attrs.evolve(state, append_limit=smaller)
        return Verdict(state, Event.UNSURE, error_of(state, reply), reply.status, is_progress=True)
    if reply.status == 409 and state.failures >= _CONFLICTS and _was_conflict(state):
        return refuse(state, reply)
    if may_pass(reply.status) or reply.status == 409:
        return unsure(state, reply, is_at_once=reply.status == 409)
    return refuse(state, reply)


def _was_conflict(state: State) -> bool:
    """Whether the server refused the same offset before, which it has named itself since then."""
    last = state.last_error
    return isinstance(last, RemoteError) and last.status == 409


def _took(state: State, reply: Reply) -> Verdict:
    request = state.request
    if state.protocol is Protocol.TUS:
        if reply.offset is None:
            return unsure(state, reply, is_at_once=True)
        return _has(attrs.evolve(state, is_length_told=state.length is not None), reply)
    if request.is_last:
        # Not said to be complete: an older dialect may leave that out.
        state = attrs.evolve(state, is_answered=reply.complete is None)
        return unsure(state, reply, is_at_once=True)
    return _has(state, reply, (request.stop or 0) if reply.offset is None else reply.offset)


def _joined(state: State, reply: Reply) -> Verdict:
    if 200 <= reply.status <= 299:
        if reply.location is None:
            return refuse(state, reply, senseless(state, reply, "no Location of the upload"))
        state = attrs.evolve(state, upload_url=reply.location)
        return Verdict(state, Event.COMPLETE, status=reply.status)
    if reply.status in _MOVED and reply.location is not None:
        return _create_elsewhere(state, reply)
    return again(state, reply) if may_pass(reply.status) else refuse(state, reply)


def _create_elsewhere(state: State, reply: Reply) -> Verdict:
    """The same request to where it was redirected; its references are relative to that."""
    location = reply.location or ""
    if state.failures >= _REDIRECTS:
        return refuse(state, reply)
    if is_in_the_clear(state.create_url, location):
        error = ResumeError(state.create_url, reply.status, in_the_clear(location))
        return refuse(state, reply, error)
    state = attrs.evolve(state, create_url=location)
    return Verdict(state, Event.AGAIN, error_of(state, reply), reply.status, is_at_once=True)


def _cancelled(state: State, reply: Reply) -> Verdict:
    # One that cannot end an upload lets it expire.
    if 200 <= reply.status <= 299 or reply.status in _GONE | {405, 501}:
        return Verdict(state, Event.COMPLETE, status=reply.status)
    if reply.status in _MOVED and reply.location is not None:
        return _moved(state, reply, Event.AGAIN)
    return again(state, reply) if may_pass(reply.status) else refuse(state, reply)


def _late(state: State, reply: Reply) -> Verdict:
    return Verdict(state, Event.AGAIN, error_of(state, reply), reply.status)


_JUDGES: dict[Phase, Callable[[State, Reply], Verdict]] = {
    Phase.DISCOVERING: discovered,
    Phase.CREATING: _created,
    Phase.ASKING: _asked,
    Phase.APPENDING: _appended,
    Phase.STARVED: _late,
    Phase.JOINING: _joined,
    Phase.CANCELLING: _cancelled,
    Phase.DONE: _late,
    Phase.FAILED: _late,
}
_CREATED: dict[Protocol, Callable[[State, Reply], Verdict]] = {
    Protocol.TUS: _created_tus,
    Protocol.IETF: _created_ietf,
    Protocol.PLAIN: _created_plain,
    Protocol.AUTO: _created_plain,
}


# What they share.


def _has(state: State, reply: Reply, offset: int | None = None) -> Verdict:
    """The server says how much it has, or it follows from what it says."""
    confirmed = confirm(state, (reply.offset or 0) if offset is None else offset, reply.status)
    if isinstance(confirmed, Exception):
        return refuse(state, reply, confirmed)
    if confirmed.protocol is Protocol.TUS and confirmed.is_whole:
        return Verdict(confirmed, Event.COMPLETE, status=reply.status)
    return Verdict(confirmed, Event.DRY if confirmed.is_dry else Event.OFFSET, status=reply.status)


def _said_complete(state: State, reply: Reply) -> Verdict:
    """The server says that there is nothing more to do; believed only where that can be."""
    if reply.status >= 300:
        return refuse(state, reply)
    offset = state.length if reply.offset is None else reply.offset
    if state.length is None or state.sent < state.length:
        return refuse(state, reply, senseless(state, reply, "a completeness that cannot be"))
    if offset != state.length:
        wrong = WrongOffset(
            state.request.url, reply.status, offset or 0, state.length, state.length
        )
        return refuse(state, reply, wrong)
    confirmed = confirm(state, state.length, reply.status)
    if isinstance(confirmed, Exception):
        return refuse(state, reply, confirmed)
    if reply.complete:
        confirmed = attrs.evolve(confirmed, is_supported=True)
    return Verdict(confirmed, Event.COMPLETE, status=reply.status)


def _smaller(state: State) -> int | None:
    """How much to try after a request was too large; None if there is no sense in it."""
    carried = (state.request.stop or 0) - state.request.start
    limit = state.limits.max_append_size
    if limit is not None and limit < carried:
        return limit
    half = carried // 2
    least = state.limits.min_append_size or 0
    return half if half >= max(SMALLEST_APPEND_BYTES, least) else None


def _moved(state: State, reply: Reply, event: Event) -> Verdict:
    location = reply.location or ""
    url = state.upload_url or ""
    if state.failures >= _REDIRECTS:
        return refuse(state, reply)
    if is_in_the_clear(url, location):
        return refuse(state, reply, ResumeError(url, reply.status, in_the_clear(location)))
    state = attrs.evolve(state, upload_url=location)
    return Verdict(state, event, error_of(state, reply), reply.status, is_at_once=True)
