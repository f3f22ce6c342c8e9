"""The head of a request: the user's fields, and those that the body and the target demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import attrs
from twisted.web.http_headers import Headers

from filebody._version import __version__
from filebody.agent._framing import check_field, check_method, request_head
from filebody.errors import UsageError
from filebody.wire import Target, format_basic

__all__ = ["DEFAULTS", "USER_AGENT", "Head", "make_head"]

USER_AGENT: Final = (b"User-Agent", f"filebody/{__version__}".encode())
# Firewalls for web applications refuse requests without these, which no browser sends.
DEFAULTS: Final[Mapping[bytes, tuple[bytes, bytes]]] = {
    b"user-agent": USER_AGENT,
    b"accept": (b"Accept", b"*/*"),
}

# Methods whose requests without a body say so (RFC 9110 section 8.6).
_ANTICIPATE_BODY = frozenset({b"PUT", b"POST", b"PATCH"})
# These are ours, or would change what the bytes that follow mean.
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
# What they say concerns us too.
_LISTS = frozenset({b"connection", b"expect"})


@attrs.frozen
class Head:
    """A request up to its body.

    Attributes:
        data: The request line and the fields, as they go out.
        expects: Whether it asks for a 100 (Continue).
        closes: Whether it says that the connection is not used again.
    """

    data: bytes
    expects: bool
    closes: bool


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
        headers: The user's fields; they come first, in their order, behind `Host`. `User-Agent` and
            `Accept` are added unless they are there; without a value they are left out.
        has_body: Whether there is a body.
        length: Of the body in bytes; None for a chunked one.
        expects: Whether to ask for a 100 (Continue), unless the user's fields say so already.
        extra: Fields of ours besides.

    Raises:
        UsageError: A field cannot be sent, or contradicts the body.
    """
    fields: list[tuple[bytes, bytes]] = []
    tokens: set[bytes] = set()
    names: set[bytes] = set()
    try:
        check_method(method)
        for name, values in headers.getAllRawHeaders():
            lower = name.lower()
            names.add(lower)
            if lower in _FRAMING:
                _check_framing(lower, values, has_body=has_body, length=length)
                continue
            if lower in _LISTS:
                tokens |= {token.strip() for value in values for token in value.lower().split(b",")}
            elif lower == b"host" and len(values) != 1:
                raise ValueError(f"it has {len(values)} fields Host instead of one")
            for value in values:
                check_field(name, value)
                fields.append((name, value))
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(
            f"{method.decode('latin-1')} {target.url}: this request cannot be sent: {error}"
        ) from error
    fields[:0] = [field for name, field in DEFAULTS.items() if name not in names]
    if b"host" not in names:
        fields.insert(0, (b"Host", target.origin.authority))
    if target.credentials is not None and b"authorization" not in names:
        fields.append((b"Authorization", format_basic(*target.credentials)))
    if has_body and length is None:
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif has_body or method in _ANTICIPATE_BODY:
        fields.append((b"Content-Length", b"%d" % (length or 0)))
    fields += extra
    asked = b"100-continue" in tokens
    if expects and not asked:
        fields.append((b"Expect", b"100-continue"))
    return Head(
        request_head(method, target.path, fields),
        (expects or asked) and has_body,
        b"close" in tokens,
    )


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
