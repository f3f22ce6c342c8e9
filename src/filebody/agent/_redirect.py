"""Where a redirection leads: what the next request is, and what it must not take along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
from twisted.web.http_headers import Headers

from filebody.errors import RedirectError, UsageError
from filebody.wire import Target, is_bound_to_origin

__all__ = ["ANY", "CHANGES", "Request", "redirected"]

ANY: Final = b"*"

CHANGES: Final[Mapping[int, Mapping[bytes, bytes]]] = {
    301: {b"POST": b"GET"},
    302: {b"POST": b"GET"},
    303: {b"HEAD": b"HEAD", ANY: b"GET"},
    307: {},
    308: {},
}
"""The statuses that are followed, and which method becomes which; `ANY` is every other method.

What is here asks for something else than the first request did: without its body. What is not
stays the same request, with its body.

Source: RFC 9110 sections 15.4.2 to 15.4.4, 15.4.8 and 15.4.9. For 301 and 302 it allows POST to
become GET, and everybody does that. 300 leaves the choice to the user, 304 is no redirection, 305
is not to be trusted.
"""

# They are about the body; so are all that begin with Content-.
_FOR_THE_BODY: Final = frozenset(
    {b"digest", b"repr-digest", b"expect", b"last-modified", b"trailer", b"transfer-encoding"}
)
# They are about what the first URL names: `If-None-Match: *` with a PUT that is answered by 303
# would have the page about it answered by 304.
_FOR_THE_RESOURCE: Final = frozenset(
    {
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"range",
    }
)


@attrs.frozen
class Request:
    """What to send.

    Attributes:
        method: The method.
        target: Where to.
        headers: The fields that the caller gave it; the first request's own are not changed.
        keeps_body: Whether the body, if there is one, goes along: from its beginning.
    """

    method: bytes
    target: Target
    headers: Headers = attrs.field(repr=False)
    keeps_body: bool = True


def redirected(
    request: Request, *, status: int, location: bytes | None, has_body: bool
) -> Request | None:
    """Say what request follows.

    To another origin (scheme, host or port) only fields go along that say how to speak HTTP and
    what the content is: see `is_bound_to_origin`. The others are gone for good, also when a later
    redirection leads back: another server has chosen where. Counting is left to who calls this.

    Args:
        request: What was sent.
        status: Of the response.
        location: The value of the response's `Location` field, if it has one.
        has_body: Whether `request` had a body.

    Returns:
        The next request; or None if the response is not one to be followed.

    Raises:
        RedirectError: It leads to where no request can be sent; or it names a user, which serves to
            mislead (RFC 9110 section 4.2.4); or it would have the body, which was meant to be sent
            over TLS, sent in the clear: nobody who wrote https has agreed to that. A request
            without a body may go from https to http.
    """
    changes = CHANGES.get(status)
    location = (location or b"").strip()
    if changes is None or not location:
        return None
    new_method = changes.get(request.method, changes.get(ANY))
    keeps_body = new_method is None
    target = _target(request.target, status, location)
    is_elsewhere = target.origin != request.target.origin
    schemes = (request.target.origin.scheme, target.origin.scheme)
    if has_body and keeps_body and schemes == ("https", "http"):
        raise RedirectError(
            request.target.url, status, f"it would have the body sent in the clear, to {target.url}"
        )
    if not is_elsewhere:
        target = attrs.evolve(target, credentials=request.target.credentials)
    headers = _fields(request.headers, is_elsewhere=is_elsewhere, keeps_body=keeps_body)
    return Request(new_method or request.method, target, headers, keeps_body)


def _target(base: Target, status: int, location: bytes) -> Target:
    try:
        target = attrs.evolve(base, credentials=None).join(location)
    except UsageError as error:
        detail = f"its Location leads nowhere: {error}"
        raise RedirectError(base.url, status, detail) from error
    if target.credentials is not None:
        raise RedirectError(base.url, status, f"its Location names a user, for {target.url}")
    return target


def _fields(headers: Headers, *, is_elsewhere: bool, keeps_body: bool) -> Headers:
    kept = Headers()
    for name, values in headers.getAllRawHeaders():
        lower = name.lower()
        is_about_the_request = (
            lower.startswith(b"content-") or lower in _FOR_THE_BODY or lower in _FOR_THE_RESOURCE
        )
        if (is_elsewhere and is_bound_to_origin(name)) or (is_about_the_request and not keeps_body):
            continue
        kept.setRawHeaders(name, list(values))
    return kept
