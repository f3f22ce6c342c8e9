"""What a response means, for each phase and each protocol: pure decisions of the machine."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from filebody.errors import NotOffered, RemoteError, ResumeError, UploadTooLarge, WrongOffset
from filebody.resumable import _tus
from filebody.resumable._phases import Event, Phase
from filebody.resumable._state import State
from filebody.resumable._values import (
    AGAIN_STATUSES,
    NO_OFFER,
    Interim,
    Offer,
    Protocol,
    Reply,
)
from filebody.wire import RESUMPTION_SUPPORTED, UploadLimits

__all__ = ["SMALLEST_APPEND_BYTES", "Verdict", "confirm", "interim", "judge", "speaking_otherwise"]

SMALLEST_APPEND_BYTES = 1 << 14
"""Where a server finds even less too large for one request, it is not the size."""

_MOVED = frozenset({307, 308})
_GONE = frozenset({404, 410})
_TRIES_OF_500 = 3


@attrs.frozen
class Verdict:
    """What came means.

    Attributes:
        state: With what was learnt.
        event: What follows.
        error: Why, where it is nothing good.
        status: Of the response.
        retry_after_seconds: How long the server asks to wait, or None.
        is_at_once: Whether the first such thing needs no wait.
    """

    state: State
    event: Event
    error: Exception | None = None
    status: int = 0
    retry_after_seconds: float | None = None
    is_at_once: bool = False


def judge(state: State, reply: Reply) -> Verdict:
    """Say what a response means in a phase."""
    request = state.request
    if request.has_content:  # more than that it cannot have
        state = attrs.evolve(state, sent=max(state.sent, request.stop or 0))
    if reply.expires_at is not None:
        state = attrs.evolve(state, expires_at=reply.expires_at)
    if state.phase is not Phase.DISCOVERING and reply.limits is not None:
        state = attrs.evolve(state, limits=reply.limits)
    return _JUDGES[state.phase](state, reply)


def speaking_otherwise(state: State) -> State:
    """The next dialect: the server has said that it speaks one, and did not react to this one."""
    versions = state.plan.interop_versions
    if state.protocol is not Protocol.IETF or state.is_supported or not state.offer.ietf:
        return state
    following = (versions.index(state.interop_version) + 1) % len(versions)
    return attrs.evolve(state, interop_version=versions[following])


def interim(state: State, given: Interim) -> Verdict:
    """Say what a 104 means: OFFSET where it says something, REFUSED where that cannot be."""
    if state.protocol is not Protocol.IETF or not state.request.has_content:
        return Verdict(state, Event.OFFSET)
    if given.limits is not None:
        state = attrs.evolve(state, limits=given.limits)
        too_large = _too_large(state, given.limits, RESUMPTION_SUPPORTED)
        if too_large is not None:
            return Verdict(state, Event.REFUSED, too_large)
    if state.phase is Phase.CREATING and given.location is not None:
        elsewhere = _elsewhere(state, given.location, RESUMPTION_SUPPORTED)
        if elsewhere is not None:
            return Verdict(state, Event.REFUSED, elsewhere)
        state = attrs.evolve(state, upload_url=given.location, is_supported=True)
    if given.offset is None or state.upload_url is None:
        return Verdict(state, Event.OFFSET)
    under_way = attrs.evolve(state, sent=max(state.sent, state.request.stop or 0))
    confirmed = confirm(under_way, given.offset, RESUMPTION_SUPPORTED)
    if isinstance(confirmed, Exception):
        return Verdict(state, Event.REFUSED, confirmed)
    sent = max(state.sent, confirmed.confirmed)
    return Verdict(attrs.evolve(confirmed, sent=sent), Event.OFFSET)


def confirm(state: State, offset: int, status: int) -> State | ResumeError:
    """Take what the server says that it has; or say why that cannot be."""
    if not state.confirmed <= offset <= state.sent:
        url = state.request.url
        return WrongOffset(url, status, offset, state.confirmed, state.sent)
    if offset == state.confirmed:
        return state
    return attrs.evolve(
        state,
        confirmed=offset,
        failures=0,
        failing_since=None,
        furthest=max(state.furthest, offset),
        restarts=0 if offset > state.furthest else state.restarts,
    )


# For each phase.


def _discovered(state: State, reply: Reply) -> Verdict:
    # 500 is what some say to a method that they do not know, and others for a moment only.
    is_passing = reply.status in AGAIN_STATUSES
    if is_passing and (reply.status != 500 or state.failures < _TRIES_OF_500):
        return _again(state, reply)
    plan, offer = state.plan, reply.offer or NO_OFFER
    versions = plan.interop_versions
    is_certain = len(versions) == 1 or offer.interop_version in versions
    protocol = plan.protocol
    if protocol is Protocol.AUTO:
        protocol = _choose(state, offer, is_certain=is_certain)
    version = offer.interop_version if offer.interop_version in versions else versions[0]
    is_tus = protocol is Protocol.TUS
    state = attrs.evolve(
        state,
        protocol=protocol,
        offer=offer,
        limits=offer.limits,
        interop_version=version or 0,
        is_supported=offer.tus if is_tus else is_certain and offer.ietf,
    )
    error: ResumeError | None = _too_large(state, offer.limits, reply.status)
    if is_tus and offer.tus:
        error = error or _lacking(state, reply.status)
        if plan.wants_checksum and "checksum" in offer.extensions:
            state = attrs.evolve(state, checksum=_tus.choose_checksum(offer.checksum_algorithms))
    elif protocol is Protocol.IETF and not is_certain and not _goes_in_one(state):
        detail = "it does not say which dialect of resumable uploads it speaks"
        error = error or NotOffered(plan.url, reply.status, detail)
    return Verdict(state, Event.REFUSED if error else Event.FOUND, error, reply.status)


def _choose(state: State, offer: Offer, *, is_certain: bool) -> Protocol:
    can_tus = offer.tus and "creation" in offer.extensions
    if state.length is None:
        can_tus = can_tus and "creation-defer-length" in offer.extensions
    if can_tus and state.plan.wants_parts and "concatenation" in offer.extensions:
        return Protocol.TUS
    if offer.ietf and (is_certain or _goes_in_one(attrs.evolve(state, limits=offer.limits))):
        return Protocol.IETF
    if can_tus:
        return Protocol.TUS
    # To an ordinary server this is an ordinary request with a few fields that it does not know; one
    # that speaks the draft and says so in a 104 only can resume it. What has no end that is known
    # could not be sent in one piece like that.
    return Protocol.IETF if _is_all_there(state) else Protocol.PLAIN


def _goes_in_one(state: State) -> bool:
    """Whether one request can carry everything.

    A server that speaks another dialect takes it for an ordinary request then. One that carried
    only the beginning would put a part of the file in the place of the whole.
    """
    limit = state.limits.max_append_size
    return _is_all_there(state) and (limit is None or state.available <= limit)


def _is_all_there(state: State) -> bool:
    return state.length is not None and state.available == state.length


def _lacking(state: State, status: int) -> NotOffered | None:
    """Which extensions of tus this upload needs and the server lacks."""
    needed = {"creation"}
    if state.length is None:
        needed.add("creation-defer-length")
    if state.plan.is_part:
        needed.add("concatenation")
    lacking = sorted(needed - state.offer.extensions)
    if not lacking:
        return None
    detail = f"it lacks what this upload needs of tus: {', '.join(lacking)}"
    return NotOffered(state.plan.url, status, detail)


def _created(state: State, reply: Reply) -> Verdict:
    if reply.complete and state.protocol is Protocol.IETF:
        return _said_complete(state, reply)
    if 200 <= reply.status <= 299:
        return _CREATED[state.protocol](state, reply)
    is_ietf = state.protocol is Protocol.IETF
    if reply.status == 413:
        return _create_smaller(state, reply) if is_ietf else _refuse_size(state, reply)
    if reply.status == 412 and state.protocol is Protocol.TUS:
        return _refuse(state, reply, NotOffered(state.create_url, 412, "it lacks tus 1.0.0"))
    if reply.status in AGAIN_STATUSES and state.upload_url is not None:
        return _unsure(state, reply)
    if reply.status in AGAIN_STATUSES and _is_harmless_again(state):
        return _again(speaking_otherwise(state), reply)
    return _refuse(state, reply)


def _is_harmless_again(state: State) -> bool:
    """An answer that asks to come again has had no effect; only the body may be gone."""
    return state.protocol is not Protocol.PLAIN or state.plan.is_replayable


def _created_tus(state: State, reply: Reply) -> Verdict:
    if reply.location is None:
        return _refuse(state, reply, _senseless(state, reply, "no Location of the upload"))
    elsewhere = _elsewhere(state, reply.location, reply.status)
    if elsewhere is not None:
        return _refuse(state, reply, elsewhere)
    state = attrs.evolve(
        state,
        upload_url=reply.location,
        is_supported=True,
        is_length_told=state.length is not None,
    )
    if state.request.stop and reply.offset is None:
        return _unsure(state, reply, is_at_once=True)
    return _has(state, reply, reply.offset or 0)


def _created_ietf(state: State, reply: Reply) -> Verdict:
    request = state.request
    if request.is_last and reply.complete is None:
        # The answer of the target itself, which has everything.
        return _said_complete(state, reply)
    if reply.location is not None:
        elsewhere = _elsewhere(state, reply.location, reply.status)
        if elsewhere is not None:
            return _refuse(state, reply, elsewhere)
        state = attrs.evolve(state, upload_url=reply.location)
    if state.upload_url is None:
        detail = "it does not say where the upload can be gone on with"
        return _refuse(state, reply, NotOffered(state.create_url, reply.status, detail))
    state = attrs.evolve(state, is_supported=True)
    if request.is_last:
        return _unsure(state, reply, is_at_once=True)
    return _has(state, reply, (request.stop or 0) if reply.offset is None else reply.offset)


def _created_plain(state: State, reply: Reply) -> Verdict:
    return Verdict(state, Event.COMPLETE, status=reply.status)


def _create_smaller(state: State, reply: Reply) -> Verdict:
    smaller = _smaller(state)
    too_large = _too_large(state, state.limits, reply.status)
    if too_large is not None or not state.is_supported or smaller is None:
        # If it is not certain that it can be resumed, less than all would be a part of a file.
        return _refuse(state, reply, too_large) if too_large else _refuse_size(state, reply)
    state = attrs.evolve(state, append_limit=smaller)
    if state.upload_url is not None:
        return _unsure(state, reply, is_at_once=True)
    return Verdict(state, Event.AGAIN, _error(state, reply), reply.status, is_at_once=True)


def _asked(state: State, reply: Reply) -> Verdict:
    if reply.status in _GONE:
        if state.is_answered:
            # It took the end of the body with a success and has tidied up since then.
            return Verdict(state, Event.COMPLETE, status=reply.status)
        return Verdict(state, Event.GONE, _error(state, reply), reply.status)
    if reply.status in _MOVED and reply.location is not None:
        return _moved(state, reply, Event.AGAIN)
    if reply.status in AGAIN_STATUSES | {409}:
        return _again(state, reply)
    if not 200 <= reply.status <= 299:
        return _refuse(state, reply)
    if reply.offset is None:
        return _refuse(state, reply, _senseless(state, reply, "no Upload-Offset"))
    state = attrs.evolve(state, is_answered=False)
    if reply.length is not None:
        if state.length is not None and reply.length != state.length:
            what = f"an Upload-Length of {reply.length} for {state.length} bytes"
            return _refuse(state, reply, _senseless(state, reply, what))
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
        return Verdict(state, Event.GONE, _error(state, reply), reply.status)
    if reply.status in _MOVED and reply.location is not None:
        return _moved(state, reply, Event.UNSURE)
    if reply.status == 413:
        smaller = _smaller(state)
        if smaller is None:
            return _refuse_size(state, reply)
        return _unsure(attrs.evolve(state, append_limit=smaller), reply, is_at_once=True)
    if reply.status in AGAIN_STATUSES | {409}:
        return _unsure(state, reply, is_at_once=reply.status == 409)
    return _refuse(state, reply)


def _took(state: State, reply: Reply) -> Verdict:
    request = state.request
    if state.protocol is Protocol.TUS:
        if reply.offset is None:
            return _unsure(state, reply, is_at_once=True)
        return _has(attrs.evolve(state, is_length_told=state.length is not None), reply)
    if request.is_last:
        # Not said to be complete: an older dialect may leave that out.
        state = attrs.evolve(state, is_answered=reply.complete is None)
        return _unsure(state, reply, is_at_once=True)
    return _has(state, reply, (request.stop or 0) if reply.offset is None else reply.offset)


def _joined(state: State, reply: Reply) -> Verdict:
    if 200 <= reply.status <= 299:
        if reply.location is None:
            return _refuse(state, reply, _senseless(state, reply, "no Location of the upload"))
        state = attrs.evolve(state, upload_url=reply.location)
        return Verdict(state, Event.COMPLETE, status=reply.status)
    return _again(state, reply) if reply.status in AGAIN_STATUSES else _refuse(state, reply)


def _cancelled(state: State, reply: Reply) -> Verdict:
    if 200 <= reply.status <= 299 or reply.status in _GONE:
        return Verdict(state, Event.COMPLETE, status=reply.status)
    if reply.status in _MOVED and reply.location is not None:
        return _moved(state, reply, Event.AGAIN)
    return _again(state, reply) if reply.status in AGAIN_STATUSES else _refuse(state, reply)


def _late(state: State, reply: Reply) -> Verdict:
    return Verdict(state, Event.AGAIN, _error(state, reply), reply.status)


_JUDGES: dict[Phase, Callable[[State, Reply], Verdict]] = {
    Phase.DISCOVERING: _discovered,
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
        return _refuse(state, reply, confirmed)
    if confirmed.protocol is Protocol.TUS and confirmed.is_whole:
        return Verdict(confirmed, Event.COMPLETE, status=reply.status)
    return Verdict(confirmed, Event.DRY if confirmed.is_dry else Event.OFFSET, status=reply.status)


def _said_complete(state: State, reply: Reply) -> Verdict:
    """The server says that there is nothing more to do; believed only where that can be."""
    if reply.status >= 300:
        return _refuse(state, reply)
    offset = state.length if reply.offset is None else reply.offset
    if state.length is None or state.sent < state.length:
        return _refuse(state, reply, _senseless(state, reply, "a completeness that cannot be"))
    if offset != state.length:
        wrong = WrongOffset(
            state.request.url, reply.status, offset or 0, state.length, state.length
        )
        return _refuse(state, reply, wrong)
    confirmed = confirm(state, state.length, reply.status)
    if isinstance(confirmed, Exception):
        return _refuse(state, reply, confirmed)
    return Verdict(confirmed, Event.COMPLETE, status=reply.status)


def _too_large(state: State, limits: UploadLimits, status: int) -> UploadTooLarge | None:
    if state.length is None or limits.max_size is None or state.length <= limits.max_size:
        return None
    return UploadTooLarge(state.plan.url, status, state.length, limits.max_size)


def _smaller(state: State) -> int | None:
    """How much to try after a request was too large; None if there is no sense in it."""
    carried = (state.request.stop or 0) - state.request.start
    limit = state.limits.max_append_size
    if limit is not None and limit < carried:
        return limit
    half = carried // 2
    least = state.limits.min_append_size or 0
    return half if half >= max(SMALLEST_APPEND_BYTES, least) else None


def _elsewhere(state: State, location: str, status: int) -> ResumeError | None:
    """Why the upload cannot be there."""
    if _is_in_the_clear(state.create_url, location):
        return ResumeError(state.create_url, status, _in_the_clear(location))
    if state.upload_url in (None, location):
        return None
    detail = f"it says that the upload is at {state.upload_url}, and then at {location}"
    return ResumeError(state.create_url, status, detail)


def _moved(state: State, reply: Reply, event: Event) -> Verdict:
    location = reply.location or ""
    url = state.upload_url or ""
    if _is_in_the_clear(url, location):
        return _refuse(state, reply, ResumeError(url, reply.status, _in_the_clear(location)))
    state = attrs.evolve(state, upload_url=location)
    return Verdict(state, event, _error(state, reply), reply.status, is_at_once=True)


def _is_in_the_clear(url: str, location: str) -> bool:
    return url.startswith("https:") and not location.startswith("https:")


def _in_the_clear(location: str) -> str:
    return f"it would have the body sent in the clear, to {location}"


def _again(state: State, reply: Reply) -> Verdict:
    error = _error(state, reply)
    return Verdict(state, Event.AGAIN, error, reply.status, reply.retry_after_seconds)


def _unsure(state: State, reply: Reply, *, is_at_once: bool = False) -> Verdict:
    return Verdict(
        state,
        Event.UNSURE,
        _error(state, reply),
        reply.status,
        reply.retry_after_seconds,
        is_at_once,
    )


def _refuse(state: State, reply: Reply, error: Exception | None = None) -> Verdict:
    return Verdict(state, Event.REFUSED, error or _error(state, reply), reply.status)


def _refuse_size(state: State, reply: Reply) -> Verdict:
    request = state.request
    size = state.length or (request.stop or 0) - request.start
    max_size = state.limits.max_size
    error = UploadTooLarge(request.url, reply.status, size, max_size, reply.detail)
    return _refuse(state, reply, error)


def _senseless(state: State, reply: Reply, what: str) -> ResumeError:
    return ResumeError(state.request.url, reply.status, f"it answered with {what}")


def _error(state: State, reply: Reply) -> RemoteError:
    return RemoteError(state.request.url, reply.status, reply.detail)
