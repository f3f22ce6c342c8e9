"""What a server offers, and how an upload is sent because of that."""

from __future__ import annotations

import attrs

from filebody.errors import NotOffered, ResumeError
from filebody.resumable import _tus
from filebody.resumable._belief import why_too_large
from filebody.resumable._phases import Event
from filebody.resumable._state import State
from filebody.resumable._values import NO_OFFER, Offer, Protocol, Reply, may_pass
from filebody.resumable._verdict import Verdict, again

__all__ = ["discovered", "speaking_otherwise"]

_TRIES_OF_500 = 3


def discovered(state: State, reply: Reply) -> Verdict:
    """Say what the response to OPTIONS means."""
    # 500 is what some say to a method that they do not know, and others for a moment only.
    is_passing = may_pass(reply.status)
    if is_passing and (reply.status != 500 or state.failures < _TRIES_OF_500):
        return again(state, reply)
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
    error: ResumeError | None = why_too_large(state, offer.limits, reply.status)
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


def speaking_otherwise(state: State) -> State:
    """The next dialect: the server has said that it speaks one, and did not react to this one."""
    versions = state.plan.interop_versions
    if state.protocol is not Protocol.IETF or state.is_supported or not state.offer.ietf:
        return state
    following = (versions.index(state.interop_version) + 1) % len(versions)
    return attrs.evolve(state, interop_version=versions[following])
