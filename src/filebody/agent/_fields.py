"""The head of a request: the user's fields, and those that the body and the target demand."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import attrs
import h11
from twisted.web.http_headers import Headers

from filebody.agent._origin import Target
from filebody.errors import UsageError

__all__ = ["Head", "make_head"]

# Methods whose requests without a body say so (RFC 9110 section 8.6).
_ANTICIPATE_BODY = frozenset({b"PUT", b"POST", b"PATCH"})
# These are ours, or would change what the bytes that follow mean.
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


@attrs.frozen
class Head:
    """A request up to its body.

    Attributes:
        request: For h11.
        expects: Whether it asks for a 100 (Continue).
    """

    request: h11.Request
    expects: bool


def make_head(
    method: bytes,
    target: Target,
    headers: Headers,
    *,
    has_body: bool,
    length: int | None,
    expects: bool,
    extra: Sequence[tuple[bytes, bytes]] = (),
) -> Head:
    """Put a head together.

    Args:
        method: The method.
        target: Where to.
        headers: The user's fields; they come first, in their order, behind `Host`.
        has_body: Whether there is a body.
        length: Of the body in bytes; None for a chunked one.
        expects: Whether to ask for a 100 (Continue), unless the user's fields say so already.
        extra: Fields of ours besides.

    Raises:
        UsageError: A field cannot be sent, or contradicts the body.
    """
    names = {name.lower() for name, _ in headers.getAllRawHeaders()}
    fields: list[tuple[bytes, bytes]] = []
    if b"host" not in names:
        fields.append((b"Host", target.origin.authority))
    for name, values in headers.getAllRawHeaders():
        lower = name.lower()
        if lower in _FRAMING:
            _check_framing(lower, values, has_body=has_body, length=length)
            continue
        fields += [(name, value) for value in values]
    if target.credentials is not None and b"authorization" not in names:
        fields.append((b"Authorization", basic(*target.credentials)))
    if has_body and length is None:
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif has_body or method in _ANTICIPATE_BODY:
        fields.append((b"Content-Length", b"%d" % (length or 0)))
    asked = b"100-continue" in [
        value.lower().strip() for value in headers.getRawHeaders(b"expect", [])
    ]
    fields += extra
    if expects and not asked:
        fields.append((b"Expect", b"100-continue"))
    try:
        request = h11.Request(method=method, target=target.path, headers=fields)
    except h11.LocalProtocolError as error:
        raise UsageError(
            f"{method.decode('latin-1')} {target.url}: this request cannot be sent: {error}"
        ) from error
    return Head(request, (expects or asked) and has_body)


def basic(user: str, password: str) -> bytes:
    """Credentials as the Basic scheme has them (RFC 7617)."""
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def _check_framing(
    name: bytes, values: Sequence[bytes], *, has_body: bool, length: int | None
) -> None:
    """Refuse what contradicts the body; what agrees with it is said once, by us."""
    if name == b"content-length":
        expected = b"%d" % (length or 0) if has_body and length is not None else b"0"
        agrees = not (has_body and length is None) and {v.strip() for v in values} == {expected}
    else:
        agrees = has_body and length is None and [v.strip().lower() for v in values] == [b"chunked"]
    if not agrees:
        what = "no body" if not has_body else "a body of unknown length"
        if has_body and length is not None:
            what = f"a body of {length} bytes"
        said = b", ".join(values).decode("latin-1")
        raise UsageError(
            f"the field {name.decode().title()}: {said} contradicts {what}: leave it out, it is "
            "written for you"
        )
