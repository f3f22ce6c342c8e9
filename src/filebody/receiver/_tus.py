"""tus 1.0: heads of requests read, and answers worded.

Source: tus 1.0.0, with the extensions that `EXTENSIONS` names.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING, Final

import attrs

from filebody.receiver._digest import merge, requested
from filebody.receiver._manner import (
    Append,
    Create,
    Reply,
    final_refusal,
    location_of,
    state_fields,
)
from filebody.receiver._names import Name, Target, fault_of, made_up_segment
from filebody.receiver._record import UPLOAD_ID, Kind, Record
from filebody.receiver._references import upload_id_in
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import field, length_of, media_type_of, too_large
from filebody.receiver._wholeness import check_conditions, check_not_coded, wants_new
from filebody.wire import (
    CHECKSUM_ALGORITHMS,
    TUS_CHECKSUM_MISMATCH,
    TUS_MEDIA_TYPE,
    TUS_VERSION,
    Concat,
    Field,
    format_concat,
    parse_checksum,
    parse_concat,
    parse_metadata,
    parse_tus_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeVar

    import h11

    from filebody.receiver._config import ReceiverConfig
    from filebody.receiver._part import WrongChecksum
    from filebody.receiver._responses import Fields
    from filebody.receiver._shelf import State

    _T = TypeVar("_T")

__all__ = ["EXTENSIONS", "Tus", "append_of", "check_version", "checks_of", "create_of", "joined_of"]

EXTENSIONS: Final = (
    "creation",
    "creation-with-upload",
    "creation-defer-length",
    "checksum",
    "checksum-trailer",
    "concatenation",
    "expiration",
    "termination",
)
# What clients call the file in their metadata; the first is the custom of all of them.
_NAME_KEYS: Final = ("filename", "name")


def check_version(request: h11.Request) -> None:
    """Check that the client speaks the version that we do.

    Raises:
        Refusal: 412.
    """
    if field(request, b"tus-resumable") != TUS_VERSION:
        raise Refusal(
            412,
            f"uploads speak tus {TUS_VERSION} here, or a draft of Resumable Uploads for HTTP",
            [(Field.TUS_VERSION, TUS_VERSION)],
        )


def create_of(
    request: h11.Request,
    config: ReceiverConfig,
    target: Target,
    taken_status: Callable[[bool], int | None],
) -> Create:
    """Read a POST that makes an upload.

    Raises:
        Refusal: 400, 411, 413 or 415.
    """
    try:
        check_conditions(request, config)
    except Refusal as refusal:
        raise Tus().refused(refusal) from refusal
    check_not_coded(request)
    size = length_of(request, config.max_upload_size) if _has_content(request) else 0
    value = field(request, b"upload-concat")
    concat = None if value is None else _read(parse_concat, value)
    value = None if concat is None else format_concat(concat)
    length = _length_of(request, must=concat is None or not concat.is_final)
    if concat is not None and concat.is_final and (length is not None or size != 0):
        raise Refusal(400, "what is made of parts has neither a length of its own nor a body")
    if (
        config.max_upload_size is not None
        and length is not None
        and length > config.max_upload_size
    ):
        raise too_large(config.max_upload_size)
    if size != 0:
        _check_media_type(request)
    if size is not None and length is not None and size > length:
        raise Refusal(413, f"the body has more than the {length} bytes of the upload")
    metadata = field(request, b"upload-metadata")
    named = {} if metadata is None else _read(parse_metadata, metadata)
    is_part = concat is not None and not concat.is_final
    return Create(
        record=Record(
            kind=Kind.TUS,
            name=() if is_part else _name(target, named),
            taken_status=taken_status(wants_new(request)),
            length=length,
            metadata=metadata,
            concat=value,
            promised={
                algorithm: digest.hex()
                for algorithm, digest in requested(request.headers, (b"repr-digest",)).items()
            },
        ),
        completes=None,
        checks=checks_of(request.headers),
        trailing=_trailing(request),
    )


def joined_of(record: Record) -> tuple[str, ...]:
    """The identifiers of the parts that an upload is to be made of; none for others.

    Raises:
        Refusal: 400 for URLs that are not ours.
    """
    concat = Concat() if record.concat is None else _read(parse_concat, record.concat)
    return tuple(_upload_id(url) for url in concat.parts)


def append_of(request: h11.Request, config: ReceiverConfig, upload_id: str) -> Append:
    """Read a PATCH.

    Raises:
        Refusal: 400, 411, 413 or 415.
    """
    _check_media_type(request)
    check_not_coded(request)
    value = field(request, b"upload-offset")
    if value is None:
        raise Refusal(400, "say with Upload-Offset where the bytes belong")
    return Append(
        upload_id=upload_id,
        offset=_read(parse_tus_size, value),
        size_bytes=length_of(request, config.max_upload_size),
        length=_length_of(request, must=False),
        completes=None,
        checks=checks_of(request.headers),
        trailing=_trailing(request),
    )


def checks_of(fields: Iterable[tuple[bytes, bytes]]) -> dict[str, bytes]:
    """Read Upload-Checksum and Content-Digest from a header or trailer section.

    Raises:
        Refusal: 400 if one is not one, or of an algorithm that we do not have, or if two
            contradict each other.
    """
    fields = list(fields)
    found = {
        algorithm.replace("-", ""): digest
        for algorithm, digest in requested(fields, (b"content-digest",)).items()
    }
    for name, value in fields:
        if name == b"upload-checksum":
            checksum = _read(parse_checksum, value.decode("latin-1"))
            algorithm = CHECKSUM_ALGORITHMS.get(checksum.algorithm)
            if algorithm is None:
                raise Refusal(400, f"checksums here are {', '.join(CHECKSUM_ALGORITHMS)}")
            found = merge(found, {algorithm: checksum.digest})
    return found


class Tus:
    """The manner of tus (see `Manner`)."""

    def always(self) -> Fields:
        """See `Manner`."""
        return [(Field.TUS_RESUMABLE, TUS_VERSION)]

    def check(self, append: Append, state: State) -> Record:
        """See `Manner`."""
        record = state.record
        if record.kind is not Kind.TUS:
            raise Refusal(400, "this upload was begun by another protocol than tus")
        if record.concat is not None and _read(parse_concat, record.concat).is_final:
            raise Refusal(403, "nothing can be appended to what was made of parts")
        if append.offset != state.offset:
            raise Refusal(
                409,
                f"there are {state.offset} bytes of this upload, not {append.offset}",
                [(Field.UPLOAD_OFFSET, str(state.offset))],
            )
        if append.length is not None:
            if record.length not in {None, append.length} or append.length < state.offset:
                raise Refusal(400, f"the length of this upload cannot become {append.length}")
            record = attrs.evolve(record, length=append.length)
        if (
            record.length is not None
            and append.size_bytes is not None
            and append.offset + append.size_bytes > record.length
        ):
            raise Refusal(413, f"that is more than the {record.length} bytes of the upload")
        return record

    def is_complete(self, state: State, completes: bool | None) -> bool:  # noqa: ARG002
        """See `Manner`."""
        return state.offset == state.record.length

    def begun(self, state: State) -> Fields | None:  # noqa: ARG002
        """See `Manner`."""
        return None

    def come(self, offset: int) -> Fields | None:  # noqa: ARG002
        """See `Manner`."""
        return None

    def created(self, state: State) -> Reply:
        """See `Manner`."""
        return 201, [("Location", location_of(state)), *self._fields(state)], b""

    def appended(self, state: State) -> Reply:
        """See `Manner`."""
        return 204, self._fields(state), b""

    def looked(self, state: State) -> Reply:
        """See `Manner`."""
        record, fields = state.record, self._fields(state)
        if record.length is None:
            fields.append((Field.UPLOAD_DEFER_LENGTH, "1"))
        else:
            fields.append((Field.UPLOAD_LENGTH, str(record.length)))
        if record.metadata is not None:
            fields.append((Field.UPLOAD_METADATA, record.metadata))
        if record.concat is not None:
            fields.append((Field.UPLOAD_CONCAT, record.concat))
        return 200, fields, b""

    def concluding(self, state: State) -> Reply:
        """See `Manner`."""
        if state.record.joined_into is not None or state.offset != state.record.length:
            return self.looked(state)
        # An offset of the whole length would say that the file is stored.
        raise Refusal(
            423,
            f"all {state.offset} bytes are here, and the file is being stored",
            [("Retry-After", "1")],
        )

    def checksum_wrong(self, refusal: WrongChecksum, state: State) -> Refusal:  # noqa: ARG002
        """See `Manner`."""
        return Refusal(TUS_CHECKSUM_MISMATCH, refusal.reason)

    def not_stored(self, refusal: Refusal) -> Refusal:
        """See `Manner`."""
        return self.refused(refusal)

    def refused(self, refusal: Refusal) -> Refusal:
        """See `Manner`."""
        # 412 would mean that the version of the protocol is not spoken here.
        return final_refusal(refusal, (409, 412))

    @staticmethod
    def _fields(state: State) -> Fields:
        return [
            (Field.UPLOAD_OFFSET, str(state.offset)),
            (Field.UPLOAD_EXPIRES, formatdate(state.expires, usegmt=True)),
            *state_fields(state),
        ]


def _read(parse: Callable[[str], _T], value: str) -> _T:
    try:
        return parse(value)
    except ValueError as error:
        raise Refusal(400, str(error)) from error


def _has_content(request: h11.Request) -> bool:
    framing = {b"content-length", b"transfer-encoding"}
    return any(name in framing for name, _ in request.headers)


def _length_of(request: h11.Request, *, must: bool) -> int | None:
    value, deferred = field(request, b"upload-length"), field(request, b"upload-defer-length")
    if deferred not in {None, "1"} or (deferred is not None and value is not None):
        raise Refusal(400, "Upload-Defer-Length is 1, and stands in the place of Upload-Length")
    if must and value is None and deferred is None:
        raise Refusal(400, "say with Upload-Length how long the upload is, or Upload-Defer-Length")
    return None if value is None else _read(parse_tus_size, value)


def _check_media_type(request: h11.Request) -> None:
    if media_type_of(request) != TUS_MEDIA_TYPE:
        raise Refusal(
            415, f"send bytes as Content-Type: {TUS_MEDIA_TYPE}", [("Accept-Patch", TUS_MEDIA_TYPE)]
        )


def _trailing(request: h11.Request) -> tuple[str, ...]:
    announced = (field(request, b"trailer") or "").lower().replace(" ", "").split(",")
    return tuple(CHECKSUM_ALGORITHMS.values()) if "upload-checksum" in announced else ()


def _name(target: Target, metadata: Mapping[str, bytes]) -> Name:
    """The name of the URL, or where that is a directory, the one in the metadata below it."""
    if not target.is_directory and target.name:
        return target.name
    raw = next((metadata[key] for key in _NAME_KEYS if metadata.get(key)), None)
    if raw is None:
        return (*target.name, made_up_segment())
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise Refusal(400, "the file's name in the metadata must be UTF-8") from error
    if fault := fault_of(name):
        raise Refusal(400, f"the file's name in the metadata: {fault}")
    return (*target.name, name)


def _upload_id(url: str) -> str:
    # A relative reference may lack the slash: `.uploads/ID`, beside the file that is made.
    upload_id = upload_id_in(url if url.startswith("/") else f"/{url}")
    if upload_id is None:
        raise Refusal(400, "Upload-Concat names something that is no upload of this receiver")
    if not UPLOAD_ID.fullmatch(upload_id):
        raise Refusal(404, "Upload-Concat names an upload that is not here")
    return upload_id
