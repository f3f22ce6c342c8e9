"""Advice after a refusal: what to do, by what was sent and what the server said besides."""

from __future__ import annotations

import re
from http import HTTPStatus

from filebody.agent import Response
from filebody.cli._answer import accepted_codings
from filebody.cli._load import Reached
from filebody.errors import RemoteError

__all__ = ["advice_after", "may_take_tus_only"]

_BY_STATUS = {
    401: "give --token, --user or --netrc",
    403: "you may not store that there; check the token and the URL",
    404: "check the URL",
    408: "the server did not get it in time; try again",
    413: "it is longer than the server takes",
    415: "try another -H 'Content-Type: ...'",
    421: "check the host and the scheme of the URL",
    507: "the server's disk is full",
}
_LATER = "the server has a problem; try again later"
_NO_FORMS = "it may take no forms there: check the URL, or send the file without --form"
_FORM_ADVICE = {
    400: "check the names of the fields, and whether it takes forms there",
    405: _NO_FORMS,
    415: _NO_FORMS,
    501: _NO_FORMS,
}
_TUS_FIELDS = (b"Tus-Resumable", b"Tus-Version", b"Tus-Extension")
# What servers for tus answer to a request that is none of tus.
_NOT_TUS = frozenset({400, 404, 405, 412, 415, 501})
_SECONDS = re.compile(r"[0-9]{1,6}")
_CONDITIONS = (b"If-None-Match", b"If-Match", b"If-Unmodified-Since", b"If-Modified-Since")


def may_take_tus_only(error: RemoteError) -> bool:
    """Tell whether a refusal of PUT may come from a server that takes uploads by tus only."""
    response = error.response if isinstance(error.response, Response) else None
    is_said = response is not None and _has_any(response, _TUS_FIELDS)
    return error.status in {405, 412, 501} or (is_said and error.status in _NOT_TUS)


def advice_after(error: RemoteError, reached: Reached) -> str | None:
    """Say what to do about a refusal; None if there is nothing to say.

    Args:
        error: The refusal, with its response if the agent has given one.
        reached: What was sent, and how.
    """
    response = error.response if isinstance(error.response, Response) else None
    status = error.status
    is_plain = reached.protocol is None and status in _NOT_TUS
    if is_plain and response is not None and _has_any(response, _TUS_FIELDS):
        return _tus_advice(reached)
    if status in {415, 501} and reached.coding is not None:
        advice = _coding_advice(response, reached.coding, is_form=reached.is_form)
        if advice is not None:
            return advice
    if reached.is_form and status in _FORM_ADVICE:
        return _FORM_ADVICE[status]
    match status:
        case HTTPStatus.BAD_REQUEST if "plain HTTP request was sent to HTTPS" in error.detail:
            return "write https:// in the URL"
        case HTTPStatus.UNAUTHORIZED if response is not None:
            return _credentials_advice(response)
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return _method_advice(response)
        case HTTPStatus.CONFLICT:
            return _conflict_advice(error, reached)
        case HTTPStatus.LENGTH_REQUIRED:
            return _length_advice(reached)
        case HTTPStatus.PRECONDITION_FAILED if response is not None:
            is_conditional = any(map(response.request.headers.hasHeader, _CONDITIONS))
            return "the condition that was given with -H does not hold" if is_conditional else None
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
            return _waiting_advice(response, reached)
        case HTTPStatus.NOT_IMPLEMENTED:
            return _not_implemented_advice(reached)
        case _:
            return _BY_STATUS.get(status, _LATER if status >= 500 else None)


def _has_any(response: Response, names: tuple[bytes, ...]) -> bool:
    return any(map(response.headers.hasHeader, names))


def _tus_advice(reached: Reached) -> str:
    if reached.is_form:
        return "it takes resumable uploads (tus): send the file without --form, with --resume"
    if reached.coding is not None:
        return "it takes resumable uploads (tus): write --resume in place of --compress"
    return "it takes resumable uploads (tus): add --resume"


def _coding_advice(response: Response | None, coding: str, *, is_form: bool) -> str | None:
    """What to do about 415 or 501 where there is a coding; None if that was not the reason.

    Source: RFC 9110 section 15.5.16: the fields of the response tell which it was.
    """
    codings = None if response is None else accepted_codings(response)
    if codings is None:
        form = "forms, or not " if is_form else ""
        without = "without --form, or " if is_form else ""
        return f"it may not take {form}{coding}: send it {without}without --compress"
    if coding in codings:
        return None
    if codings:
        return f"it does not take {coding}; --compress={codings[0]} would do"
    return f"it does not take {coding}: send it without --compress"


def _credentials_advice(response: Response) -> str:
    if response.request.headers.hasHeader(b"Authorization"):
        return "the credentials were not accepted: check them"
    return _BY_STATUS[401]


def _method_advice(response: Response | None) -> str:
    """Name the methods that the server allows, if it says so (RFC 9110 section 10.2.1)."""
    sent = "PUT" if response is None else response.request.method.decode("ascii", "replace")
    other = "PUT" if sent == "POST" else "POST"
    lines = None if response is None else response.headers.getRawHeaders(b"Allow")
    if lines is None:
        return f"it may take another method: -X {other}, or a form: --form file=@FILE"
    allowed = {name.strip().upper() for name in b",".join(lines).decode("latin-1").split(",")}
    usable = [method for method in ("PUT", "POST", "PATCH") if method in allowed - {sent}]
    if not usable:
        return "nothing can be stored there: check the URL"
    form = ", or send a form: --form file=@FILE" if usable[0] == "POST" else ""
    return f"it takes {' and '.join(usable)} there: try -X {usable[0]}{form}"


def _conflict_advice(error: RemoteError, reached: Reached) -> str:
    # RFC 4918 section 9.7.1: 409 to PUT is for a collection that is missing.
    if "exist" in error.detail or " is there" in error.detail or reached.protocol is not None:
        return "choose another name"
    return "the name may be taken, or a directory of the URL be missing there: check both"


def _length_advice(reached: Reached) -> str | None:
    if reached.coding is not None:
        return "it wants to know the length: send it without --compress"
    if reached.total_bytes is None:
        return "it wants to know the length: send a file instead of a pipe"
    return None


def _waiting_advice(response: Response | None, reached: Reached) -> str:
    lines = None if response is None else response.headers.getRawHeaders(b"Retry-After")
    value = "" if lines is None else lines[0].decode("latin-1").strip()
    when = f"wait {int(value):,} s" if _SECONDS.fullmatch(value) else "wait a while"
    # What can be read only once cannot be sent again, and what can be resumed was tried again.
    is_done_by_retry = reached.total_bytes is not None and reached.protocol is None
    return f"{when} and try again{', or have it done by --retry 5' if is_done_by_retry else ''}"


def _not_implemented_advice(reached: Reached) -> str:
    if reached.total_bytes is None:
        return "it may take no body of unknown length: send a file instead of a pipe"
    return "it may not know the method: try -X POST or -X PUT"
