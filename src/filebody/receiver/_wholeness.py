"""Fields that say that a body is not the file, or that the file may not be replaced.

A server that does not know such a field ignores it, and stores a part as if it were the whole. So
what is unclear is refused: an answer of 201 must mean that the file is there.

Source: RFC 9110 sections 8.4, 13.1 and 14.5; draft-ietf-httpbis-resumable-upload; tus 1.0.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from filebody.receiver._refusal import Refusal
from filebody.receiver._request import coding_of, field
from filebody.wire import DIALECTS, parse_bool, parse_integer

if TYPE_CHECKING:
    import h11

    from filebody.receiver._config import ReceiverConfig

__all__ = ["check_conditions", "check_not_coded", "check_start", "check_whole", "wants_new"]

# Other protocols that put something else into a body than the file.
_FOREIGN: Final = (b"x-amz-copy-source", b"x-amz-decoded-content-length")
_TUS_ONLY: Final = (b"upload-concat", b"upload-defer-length")


def check_whole(request: h11.Request, size_bytes: int | None) -> None:
    """Check that a body is a whole file.

    Args:
        request: The head of a PUT or POST of no resumable upload.
        size_bytes: How long the body is; None for a chunked one.

    Raises:
        Refusal: 400, or 415 for a body that has other things in it than the file.
    """
    check_start(request)
    complete = field(request, b"upload-complete")
    if complete is not None and parse_bool(complete) is not True:
        # Ordinary servers do not know this field. We do: this would be stored as if it were whole.
        spoken = ", ".join(map(str, DIALECTS))
        raise Refusal(
            400, f"parts are stored with Upload-Draft-Interop-Version: one of {spoken}; or send all"
        )
    for name in _TUS_ONLY:
        if field(request, name) is not None:
            raise Refusal(400, f"{name.decode()} is for tus: POST it with Tus-Resumable: 1.0.0")
    length = field(request, b"upload-length")
    is_plain = length is not None and size_bytes is not None and coding_of(request) is None
    if is_plain and parse_integer(length) != size_bytes:
        raise Refusal(400, f"the body has {size_bytes} bytes, and Upload-Length is another number")
    for name in _FOREIGN:
        if field(request, name) is not None:
            raise Refusal(415, f"{name.decode()} is for S3: send the file itself, without it")


def check_start(request: h11.Request) -> None:
    """Check that a body begins where its file begins, and is no part by an older draft.

    Raises:
        Refusal: 400.
    """
    offset = field(request, b"upload-offset")
    if offset is not None and parse_integer(offset) != 0:
        raise Refusal(400, "a new file begins at byte 0: send it without Upload-Offset")
    incomplete = field(request, b"upload-incomplete")
    if incomplete is not None and parse_bool(incomplete) is not False:
        raise Refusal(400, "parts are not stored with Upload-Incomplete: send Upload-Complete")


def check_not_coded(request: h11.Request) -> None:
    """Check that what comes in several requests is the file itself.

    Raises:
        Refusal: 415.
    """
    if coding_of(request) is not None:
        raise Refusal(
            415,
            "what comes in several requests is stored as it comes: send it without "
            "Content-Encoding",
            [("Accept-Encoding", "identity")],
        )


def check_conditions(request: h11.Request, config: ReceiverConfig) -> None:
    """Refuse conditions on the file that would be replaced: they cannot be tested here.

    Raises:
        Refusal: 412.
    """
    if field(request, b"if-match") is not None:
        raise Refusal(412, "files here have no entity tags that If-Match could match")
    if config.overwrite and field(request, b"if-unmodified-since") is not None:
        # Between the test and the end of the body the file could change.
        raise Refusal(412, "files here are not replaced on a condition: no If-Unmodified-Since")


def wants_new(request: h11.Request) -> bool:
    """Whether the client wants no file replaced: If-None-Match with `*`, in whatever list."""
    listed = (field(request, b"if-none-match") or "").split(",")
    return any(part.strip(" \t") == "*" for part in listed)
