"""The answer to OPTIONS: what can be done here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from filebody.receiver._cors import is_preflight, preflight_fields
from filebody.receiver._request import ALLOW, field
from filebody.receiver._tus import EXTENSIONS
from filebody.wire import (
    CHECKSUM_ALGORITHMS,
    DIALECTS,
    IETF_MEDIA_TYPE,
    TUS_MEDIA_TYPE,
    TUS_VERSION,
    Field,
    UploadLimits,
    dialect_of,
    format_limits,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h11

    from filebody.receiver._exchange import Line
    from filebody.receiver._responses import Fields

__all__ = ["Options"]


class Options:
    """The exchange of one OPTIONS.

    Source: tus 1.0.0, OPTIONS; draft-ietf-httpbis-resumable-upload-15 section 4.1.4.
    """

    def __init__(self, line: Line, request: h11.Request) -> None:
        self._line = line
        self._request = request

    def start(self, *, has_body: bool) -> None:  # noqa: ARG002 - of no interest
        """Answer."""
        fields: Fields = [("Allow", ALLOW), *self._resumable()]
        if is_preflight(self._request, self._line.site.config):
            fields += preflight_fields(self._request)
        self._line.respond(204, fields)

    def body_received(self, data: bytes | bytearray) -> None:
        """Not called: the body is never read."""

    def body_ended(self, trailer: Sequence[tuple[bytes, bytes]]) -> None:
        """Not called: see `body_received`."""

    def lost(self, reason: str) -> None:
        """There is nothing to let go of."""

    def _resumable(self) -> Fields:
        config = self._line.site.config
        newest = next(iter(DIALECTS.values()))
        dialect = dialect_of(field(self._request, b"upload-draft-interop-version")) or newest
        limits = UploadLimits(
            max_size=config.max_upload_size, max_age_seconds=int(config.expire_after_seconds)
        )
        fields: Fields = [
            ("Accept-Patch", f"{IETF_MEDIA_TYPE}, {TUS_MEDIA_TYPE}"),
            (Field.UPLOAD_LIMIT, format_limits(limits, dialect)),
            (Field.INTEROP_VERSION, str(dialect.version)),
            (Field.TUS_RESUMABLE, TUS_VERSION),
            (Field.TUS_VERSION, TUS_VERSION),
            (Field.TUS_EXTENSION, ",".join(EXTENSIONS)),
            (Field.TUS_CHECKSUM_ALGORITHM, ",".join(CHECKSUM_ALGORITHMS)),
        ]
        if config.max_upload_size is not None:
            fields.append((Field.TUS_MAX_SIZE, str(config.max_upload_size)))
        return fields
