"""Scope of a header field: the origin that the user named, or every origin that is asked."""

from __future__ import annotations

from typing import Final

from filebody._redaction import is_secret_name
from filebody.wire._fields import Field

__all__ = ["is_bound_to_origin"]

# Fields that say how to speak HTTP, or what the content is. Nothing else may be told to another
# server than the one that the user named: nobody knows whether `X-Team: red` opens a door there.
_FOR_EVERY_ORIGIN: Final = frozenset(
    {
        *("accept", "cache-control", "connection", "dnt", "expect", "pragma", "prefer", "te"),
        *("user-agent", "x-requested-with"),
        *("digest", "repr-digest", "want-digest", "want-repr-digest", "want-content-digest"),
        *("last-modified", "range", "trailer", "transfer-encoding"),
        *("traceparent", "tracestate"),
        *(field.lower() for field in Field),
    }
)
_PREFIXES_FOR_EVERY_ORIGIN: Final = ("accept-", "content-", "if-")


def is_bound_to_origin(name: bytes) -> bool:
    """Tell a field that goes to no other origin (scheme, host, port) than the first one.

    Redirects, the Locations of uploads and what `-v` shows all follow this rule. A field that `-v`
    has to blot is always bound.

    Args:
        name: Of a field that the user gave.

    Source: RFC 9110 section 15.4; there only what is about credentials is named.
    """
    text = name.decode("latin-1").lower()
    is_known = text in _FOR_EVERY_ORIGIN or text.startswith(_PREFIXES_FOR_EVERY_ORIGIN)
    return not is_known or is_secret_name(text)
