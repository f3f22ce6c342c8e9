"""Responses as the machine takes them: the fields that it knows, read and checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.web.http_headers import Headers

from filebody.agent import Informational
from filebody.errors import UsageError
from filebody.resumable._values import NO_LIMITS, NO_OFFER, Interim, Kind, Offer, Protocol, Reply
from filebody.wire import (
    IETF_MEDIA_TYPE,
    TUS_VERSION,
    Field,
    UploadLimits,
    parse_bool,
    parse_http_date,
    parse_integer,
    parse_limits,
    parse_retry_after,
    parse_target,
    parse_tus_size,
)

__all__ = ["lookup_in", "read_interim", "read_reply"]

# Answers the value of a field, lines that were repeated joined by commas; None if it is absent.
Lookup = Callable[[str], str | None]


def lookup_in(headers: Headers) -> Lookup:
    """The fields of a header section."""

    def field(name: str) -> str | None:
        values = headers.getRawHeaders(name.encode("ascii"))
        return None if values is None else ", ".join(value.decode("latin-1") for value in values)

    return field


def read_reply(
    status: int,
    field: Lookup,
    *,
    kind: Kind,
    protocol: Protocol,
    url: str,
    detail: str,
    date_seconds: float,
) -> Reply:
    """Read a final response.

    Args:
        status: Its status code.
        field: Its fields.
        kind: What the request was for.
        protocol: What is spoken: both protocols have fields of the same names.
        url: Where it came from, which a relative Location is relative to.
        detail: What it said in words.
        date_seconds: The date, in seconds since 1970, where the response does not say it.
    """
    is_tus = protocol is Protocol.TUS
    said = parse_http_date(field("Date"))
    now = date_seconds if said is None else said
    return Reply(
        status=status,
        location=_location(url, field("Location")),
        offset=_number(field(Field.UPLOAD_OFFSET), is_tus=is_tus),
        length=_number(field(Field.UPLOAD_LENGTH), is_tus=is_tus),
        complete=None if is_tus else parse_bool(field(Field.UPLOAD_COMPLETE)),
        limits=None if is_tus else parse_limits(field(Field.UPLOAD_LIMIT)),
        offer=_offer(status, field) if kind is Kind.DISCOVER else None,
        expires_at=parse_http_date(field(Field.UPLOAD_EXPIRES)) if is_tus else None,
        retry_after_seconds=parse_retry_after(field("Retry-After"), now=now),
        detail=detail,
    )


def read_interim(informational: Informational, url: str) -> Interim:
    """Read a 104."""
    found: dict[str, str] = {}
    for name, value in informational.headers:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return Interim(
        location=_location(url, found.get("location")),
        offset=parse_integer(found.get(Field.UPLOAD_OFFSET.lower())),
        limits=parse_limits(found.get(Field.UPLOAD_LIMIT.lower())),
    )


def _offer(status: int, field: Lookup) -> Offer:
    """What a response to OPTIONS says; nothing where it is no success."""
    if not 200 <= status <= 299:
        return NO_OFFER
    limits = parse_limits(field(Field.UPLOAD_LIMIT))
    is_tus = TUS_VERSION in _listed(field(Field.TUS_VERSION))
    accepted = {kind.partition(";")[0].strip().lower() for kind in _listed(field("Accept-Patch"))}
    max_size = _number(field(Field.TUS_MAX_SIZE), is_tus=True) if is_tus else None
    if limits is None and max_size is not None:
        limits = UploadLimits(max_size=max_size)
    return Offer(
        tus=is_tus,
        extensions=frozenset(_listed(field(Field.TUS_EXTENSION))),
        checksum_algorithms=frozenset(_listed(field(Field.TUS_CHECKSUM_ALGORITHM))),
        ietf=IETF_MEDIA_TYPE in accepted or parse_limits(field(Field.UPLOAD_LIMIT)) is not None,
        interop_version=parse_integer(field(Field.INTEROP_VERSION)),
        limits=limits or NO_LIMITS,
    )


def _listed(value: str | None) -> Sequence[str]:
    return [item.strip() for item in (value or "").split(",") if item.strip()]


def _number(value: str | None, *, is_tus: bool) -> int | None:
    if value is None or not is_tus:
        return parse_integer(value)
    try:
        return parse_tus_size(value)
    except ValueError:
        return None


def _location(url: str, value: str | None) -> str | None:
    """An absolute http URL without credentials, or None if it leads nowhere."""
    if not value:
        return None
    try:
        return parse_target(url).join(value.strip().encode("latin-1")).url
    except UsageError:
        return None
