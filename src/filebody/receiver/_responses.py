"""The fields of every response, and the small bodies."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

from filebody.receiver._digest import repr_digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from filebody.receiver._library import Found
    from filebody.receiver._request import Upload
    from filebody.receiver._store import StoredFile

__all__ = [
    "PAGE_FIELDS",
    "Fields",
    "file_fields",
    "response_fields",
    "stored_fields",
    "stored_text",
]

Fields = list[tuple[str, str]]

# What others have stored must not act in our name: no scripts, no frames, an origin of its own
# (Content Security Policy Level 3 section 6.3.2), no guessing of types (Fetch section 3.6), and no
# inclusion in other sites' pages (Fetch section 3.7).
_STORED_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
_PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"

PAGE_FIELDS: Final[Fields] = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-cache"),
    ("Content-Security-Policy", _PAGE_POLICY),
]


def response_fields(fields: Sequence[tuple[str, str]], *, close: bool) -> Fields:
    """Add what every final response has (RFC 9110 sections 6.6.1, 7.6.1 and 10.2.4)."""
    common: Fields = [
        ("Date", formatdate(usegmt=True)),
        ("Server", "filebody"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        *fields,
    ]
    if close:
        common.append(("Connection", "close"))
    return common


def stored_fields(upload: Upload, stored: StoredFile) -> Fields:
    """Say where the file is and what it is (RFC 9110 section 15.3.2, RFC 9530 section 3)."""
    return [
        ("Content-Type", "application/json"),
        ("Location", upload.target.url_path),
        # Of the file, not of the line of JSON: the resource's new state is what a client wants to
        # check (RFC 9530 section 3.1 leaves it to the method which representation is meant).
        ("Repr-Digest", repr_digest(stored.sha256)),
    ]


def stored_text(upload: Upload, stored: StoredFile) -> bytes:
    """Say the same in one line of JSON."""
    facts = {
        "name": "/".join(upload.name),
        "size_bytes": stored.size_bytes,
        "sha256": stored.sha256.hex(),
        "replaced": stored.replaced,
    }
    return json.dumps(facts).encode() + b"\n"


def file_fields(found: Found, part: tuple[int, int] | None) -> Fields:
    """Describe a file, or the range of it that is sent (RFC 9110 sections 14.3 and 14.4)."""
    fields: Fields = [
        ("Content-Type", found.media_type),
        ("Content-Length", str(found.size_bytes if part is None else part[1])),
        ("Last-Modified", formatdate(found.modified, usegmt=True)),
        ("Accept-Ranges", "bytes"),
        ("Content-Security-Policy", _STORED_POLICY),
    ]
    if part is not None:
        first, length = part
        content_range = f"bytes {first}-{first + length - 1}/{found.size_bytes}"
        fields.append(("Content-Range", content_range))
    return fields
