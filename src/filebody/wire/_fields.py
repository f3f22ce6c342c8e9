"""What fields, media types and status codes are called."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = [
    "IETF_MEDIA_TYPE",
    "MEDIA_TYPE_PROBLEM",
    "RESUMPTION_SUPPORTED",
    "TUS_CHECKSUM_MISMATCH",
    "TUS_MEDIA_TYPE",
    "TUS_VERSION",
    "Field",
]

TUS_VERSION: Final = "1.0.0"

TUS_MEDIA_TYPE: Final = "application/offset+octet-stream"
IETF_MEDIA_TYPE: Final = "application/partial-upload"
MEDIA_TYPE_PROBLEM: Final = "application/problem+json"

# Interim status of the IETF draft, section 5: here is where the upload can be gone on with.
RESUMPTION_SUPPORTED: Final = 104
# tus 1.0, extension checksum: the bytes are not those that the checksum is of.
TUS_CHECKSUM_MISMATCH: Final = 460


class Field(StrEnum):
    """Names of header fields.

    Source: tus 1.0.0; draft-ietf-httpbis-resumable-upload.
    """

    # Both protocols, with values of their own.
    UPLOAD_OFFSET = "Upload-Offset"
    UPLOAD_LENGTH = "Upload-Length"

    # tus 1.0
    TUS_RESUMABLE = "Tus-Resumable"
    TUS_VERSION = "Tus-Version"
    TUS_EXTENSION = "Tus-Extension"
    TUS_MAX_SIZE = "Tus-Max-Size"
    TUS_CHECKSUM_ALGORITHM = "Tus-Checksum-Algorithm"
    UPLOAD_DEFER_LENGTH = "Upload-Defer-Length"
    UPLOAD_METADATA = "Upload-Metadata"
    UPLOAD_CHECKSUM = "Upload-Checksum"
    UPLOAD_EXPIRES = "Upload-Expires"
    UPLOAD_CONCAT = "Upload-Concat"
    METHOD_OVERRIDE = "X-HTTP-Method-Override"

    # IETF
    UPLOAD_COMPLETE = "Upload-Complete"
    UPLOAD_LIMIT = "Upload-Limit"
    INTEROP_VERSION = "Upload-Draft-Interop-Version"
