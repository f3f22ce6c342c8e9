"""Resumable Uploads for HTTP, the IETF's draft: heads of requests read, and answers worded.

Source: draft-ietf-httpbis-resumable-upload, in the dialects of `filebody.wire.DIALECTS`.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import attrs

from filebody.receiver._digest import SUPPORTED, requested
from filebody.receiver._manner import (
    Append,
    Create,
    Reply,
    final_refusal,
    location_of,
    state_fields,
)
from filebody.receiver._names import Name, Target, fault_of
from filebody.receiver._record import Ending, Kind, Record
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import field, length_of, media_type_of, too_large
from filebody.receiver._wholeness import (
    check_conditions,
    check_not_coded,
    check_start,
    wants_new,
)
from filebody.wire import (
    IETF_MEDIA_TYPE,
    Dialect,
    Field,
    Problem,
    ProblemType,
    UploadLimits,
    format_bool,
    format_limits,
    parse_bool,
    parse_filename,
    parse_integer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import h11

    from filebody.receiver._config import ReceiverConfig
    from filebody.receiver._part import WrongChecksum
    from filebody.receiver._responses import Fields
    from filebody.receiver._shelf import State

__all__ = ["Ietf", "append_of", "checks_of", "create_of"]

_CONTENT_DIGEST: Final = (b"content-digest",)


def create_of(
    request: h11.Request,
    config: ReceiverConfig,
    target: Target,
    taken_status: Callable[[bool], int | None],
) -> Create:
    """Read a request with Upload-Complete that makes an upload.

    Raises:
        Refusal: 400, 411, 412 or 413.
    """
    size = length_of(request, config.max_upload_size)
    completes = parse_bool(field(request, b"upload-complete")) or False
    length = parse_integer(field(request, b"upload-length"))
    if completes and size is not None:
        if length not in {None, size}:
            raise _inconsistent(f"the body has {size} bytes, and Upload-Length says {length}")
        length = size
    elif length is not None and size is not None and size > length:
        raise _inconsistent(f"the body has more than the {length} bytes of Upload-Length")
    if (
        config.max_upload_size is not None
        and length is not None
        and length > config.max_upload_size
    ):
        raise too_large(config.max_upload_size)
    check_start(request)
    check_conditions(request, config)
    return Create(
        record=Record(
            kind=Kind.IETF,
            name=_name(target, field(request, b"content-disposition")),
            taken_status=taken_status(wants_new(request)),
            length=length,
            promised={
                algorithm: digest.hex()
                for algorithm, digest in requested(request.headers, (b"repr-digest",)).items()
            },
        ),
        completes=completes,
        checks=checks_of(request.headers),
        trailing=_trailing(request),
    )


def append_of(
    request: h11.Request, config: ReceiverConfig, dialect: Dialect, upload_id: str
) -> Append:
    """Read a PATCH to an upload.

    Raises:
        Refusal: 400, 411, 413 or 415.
    """
    if media_type_of(request) != IETF_MEDIA_TYPE:
        raise Refusal(
            415,
            f"send bytes as Content-Type: {IETF_MEDIA_TYPE}",
            [("Accept-Patch", IETF_MEDIA_TYPE)],
        )
    check_not_coded(request)
    offset = parse_integer(field(request, b"upload-offset"))
    if offset is None:
        raise Refusal(400, "say with Upload-Offset where the bytes belong")
    completes = parse_bool(field(request, b"upload-complete"))
    if completes is None and dialect.needs_complete:
        raise Refusal(400, "say with Upload-Complete whether these bytes are the last")
    size = length_of(request, config.max_upload_size)
    length = parse_integer(field(request, b"upload-length"))
    if completes and size is not None:
        if length not in {None, offset + size}:
            raise _inconsistent(f"{offset + size} bytes complete it, and Upload-Length is {length}")
        length = offset + size
    return Append(
        upload_id=upload_id,
        offset=offset,
        size_bytes=size,
        length=length,
        completes=completes or False,
        checks=checks_of(request.headers),
        trailing=_trailing(request),
    )


def checks_of(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Read Content-Digest from a header or trailer section.

    Raises:
        Refusal: 400 if it is not one.
    """
    found = requested(fields, _CONTENT_DIGEST)
    return {algorithm.replace("-", ""): digest for algorithm, digest in found.items()}


@attrs.frozen
class Ietf:
    """The manner of one dialect of the draft (see `Manner`).

    Attributes:
        dialect: Which.
        max_size: How long an upload may be, in bytes; None for any length.
    """

    dialect: Dialect
    max_size: int | None

    def always(self) -> Fields:
        """See `Manner`."""
        return [(Field.INTEROP_VERSION, str(self.dialect.version))]

    def check(self, append: Append, state: State) -> Record:
        """See `Manner`."""
        record = state.record
        if record.kind is not Kind.IETF:
            raise Refusal(400, "this upload was begun by tus")
        if record.is_stored:
            raise self._ended(append)
        if append.offset != state.offset:
            raise Refusal(
                409,
                f"there are {state.offset} bytes of this upload, not {append.offset}",
                [
                    (Field.UPLOAD_OFFSET, str(state.offset)),
                    (Field.UPLOAD_COMPLETE, format_bool(False)),
                ],
                problem=Problem(
                    type=ProblemType.MISMATCHING_OFFSET,
                    title="offset from request does not match offset of resource",
                    expected_offset=state.offset,
                    provided_offset=append.offset,
                ),
            )
        if append.length is not None:
            if record.length not in {None, append.length} or append.length < state.offset:
                raise _inconsistent(
                    f"the length of this upload cannot become {append.length} bytes"
                )
            record = attrs.evolve(record, length=append.length)
        if self.max_size is not None and (record.length or 0) > self.max_size:
            raise too_large(self.max_size)
        if (
            record.length is not None
            and append.size_bytes is not None
            and append.offset + append.size_bytes > record.length
        ):
            raise _inconsistent(f"that is more than the {record.length} bytes of the upload")
        return record

    def is_complete(self, state: State, completes: bool | None) -> bool:
        """See `Manner`."""
        if completes and state.record.length not in {None, state.offset}:
            raise _inconsistent(
                f"complete are {state.record.length} bytes, and there are {state.offset}"
            )
        return bool(completes)

    def begun(self, state: State) -> Fields | None:
        """See `Manner`."""
        return [("Location", location_of(state)), *self._limits(state)]

    def come(self, offset: int) -> Fields | None:
        """See `Manner`."""
        return [(Field.UPLOAD_OFFSET, str(offset))]

    def created(self, state: State) -> Reply:
        """See `Manner`."""
        if state.record.ending is not None:
            return self._stored(state, state.record.ending)
        return 201, [("Location", location_of(state)), *self._fields(state)], b""

    def appended(self, state: State) -> Reply:
        """See `Manner`."""
        if state.record.ending is not None:
            return self._stored(state, state.record.ending)
        return 204, self._fields(state), b""

    def looked(self, state: State) -> Reply:
        """See `Manner`."""
        fields = self._fields(state)
        if state.record.length is not None:
            fields.append((Field.UPLOAD_LENGTH, str(state.record.length)))
        return 204, fields, b""

    def concluding(self, state: State) -> Reply:
        """See `Manner`."""
        return self.looked(state)

    def checksum_wrong(self, refusal: WrongChecksum, state: State) -> Refusal:
        """See `Manner`."""
        fields = [
            (Field.UPLOAD_OFFSET, str(state.offset)),
            (Field.UPLOAD_COMPLETE, format_bool(False)),
        ]
        return Refusal(refusal.status, refusal.reason, fields)

    def not_stored(self, refusal: Refusal) -> Refusal:
        """See `Manner`."""
        has_ended = refusal.status < 500 and refusal.status != 403
        ended = (Field.UPLOAD_COMPLETE, format_bool(has_ended))
        return Refusal(refusal.status, refusal.reason, [*refusal.fields, ended])

    def _stored(self, state: State, ending: Ending) -> Reply:
        """What a PUT of the whole would have been answered with."""
        facts = {
            "name": "/".join(state.record.name),
            "size_bytes": ending.size_bytes,
            "sha256": ending.sha256,
            "replaced": ending.replaced,
        }
        fields = [
            ("Content-Type", "application/json"),
            ("Location", Target(state.record.name, False).url_path),
            *self._fields(state),
        ]
        return 200 if ending.replaced else 201, fields, json.dumps(facts).encode() + b"\n"

    def _fields(self, state: State) -> Fields:
        return [
            (Field.UPLOAD_OFFSET, str(state.offset)),
            (Field.UPLOAD_COMPLETE, format_bool(state.record.is_stored)),
            *self._limits(state),
            *state_fields(state),
        ]

    def refused(self, refusal: Refusal) -> Refusal:
        """See `Manner`."""
        if refusal.status != HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return final_refusal(refusal)
        # Section 4.1.4: the limits that were exceeded are told.
        limits = format_limits(UploadLimits(max_size=self.max_size), self.dialect)
        return Refusal(413, refusal.reason, [*refusal.fields, (Field.UPLOAD_LIMIT, limits)])

    def _limits(self, state: State) -> Fields:
        limits = UploadLimits(max_size=self.max_size, max_age_seconds=int(state.left_seconds))
        return [(Field.UPLOAD_LIMIT, format_limits(limits, self.dialect))]

    @staticmethod
    def _ended(append: Append) -> Refusal:
        fields = [(Field.UPLOAD_COMPLETE, format_bool(True))]
        if append.size_bytes == 0:
            reason = "upload is already completed"
            problem = Problem(type=ProblemType.COMPLETED, title=reason)
            return Refusal(400, reason, fields, problem=problem)
        refusal = _inconsistent("the upload is complete, and nothing can be appended")
        return Refusal(400, refusal.reason, fields, problem=refusal.problem)


def _inconsistent(reason: str) -> Refusal:
    problem = Problem(type=ProblemType.INCONSISTENT_LENGTH, title=reason)
    return Refusal(400, reason, problem=problem)


def _trailing(request: h11.Request) -> tuple[str, ...]:
    announced = (field(request, b"trailer") or "").lower().replace(" ", "").split(",")
    names = tuple(algorithm.replace("-", "") for algorithm in SUPPORTED)
    return names if "content-digest" in announced else ()


def _name(target: Target, disposition: str | None) -> Name:
    """The name of the URL, or where that is a directory, the one of RFC 6266 below it."""
    if not target.is_directory and target.name:
        return target.name
    name = parse_filename(disposition or "")
    if name is None:
        raise Refusal(400, f"give the file a name: PUT {target.url_path.rstrip('/')}/NAME")
    if fault := fault_of(name):
        raise Refusal(400, f"the file's name in Content-Disposition: {fault}")
    return (*target.name, name)
