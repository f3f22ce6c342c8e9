"""What a request is answered by: the one place that knows every kind of exchange."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from filebody.receiver import _ietf, _tus
from filebody.receiver._conclusion import Question
from filebody.receiver._cors import cors_fields
from filebody.receiver._download import Download
from filebody.receiver._joining import forget, identifier_of, join
from filebody.receiver._manner import Create, Manner
from filebody.receiver._names import parse_target
from filebody.receiver._options import Options
from filebody.receiver._references import upload_id_in
from filebody.receiver._refusal import Refusal
from filebody.receiver._request import (
    ALLOW,
    authorize,
    check_no_form,
    coding_of,
    field,
    is_tus,
    method_of,
    upload_of,
)
from filebody.receiver._resumption import Errand, Resumption
from filebody.receiver._upload import Reception
from filebody.receiver._wholeness import (
    check_conditions,
    check_not_coded,
    check_whole,
    wants_new,
)
from filebody.wire import dialect_of, parse_bool

if TYPE_CHECKING:
    import h11

    from filebody.receiver._exchange import Exchange, Line
    from filebody.receiver._ietf import Ietf

__all__ = ["exchange_for"]

_ALLOW_UPLOAD: Final = "DELETE, HEAD, OPTIONS, PATCH"


def exchange_for(line: Line, request: h11.Request) -> Exchange:
    """Choose what answers a request.

    Raises:
        Refusal: The head of the request is reason enough to say no.
    """
    config = line.site.config
    line.add_always(cors_fields(request, config))
    authorize(request, config, scheme=line.site.scheme)
    method = method_of(request)
    speaks_tus = request.method != b"OPTIONS" and is_tus(request)
    if speaks_tus:
        line.add_always(_tus.Tus().always())
        _tus.check_version(request)
    if method == b"OPTIONS":
        return Options(line, request)
    if method in {b"PUT", b"POST", b"PATCH"}:
        check_no_form(request)
    upload_id = upload_id_in(request.target.decode("latin-1"))
    if upload_id is not None:
        return _of_upload(line, request, method, upload_id)
    if speaks_tus and method == b"POST":
        return _tus_creation(line, request)
    if method in {b"PUT", b"POST", b"PATCH"}:
        manner = _ietf_manner(line, request)
        if manner is not None and _is_resumable(request):
            line.add_always(manner.always())
            return _ietf_creation(line, request, manner)
    if method in {b"PUT", b"POST"}:
        upload = upload_of(request, config, create_only=wants_new(request))
        check_conditions(request, config)
        check_whole(request, upload.length)
        return Reception(line, upload)
    if method in {b"GET", b"HEAD"}:
        return Download(line, request)
    raise Refusal(405, f"the methods here are {ALLOW}", [("Allow", ALLOW)])


def _ietf_manner(line: Line, request: h11.Request) -> Ietf | None:
    dialect = dialect_of(field(request, b"upload-draft-interop-version"))
    return None if dialect is None else _ietf.Ietf(dialect, line.site.config.max_upload_size)


def _ietf_creation(line: Line, request: h11.Request, manner: Ietf) -> Exchange:
    site = line.site
    target = parse_target(request.target)
    try:
        create = _ietf.create_of(request, site.config, target, site.store.taken_status)
    except Refusal as refusal:
        raise manner.refused(refusal) from refusal
    return Resumption(line, manner, create, _ietf.checks_of)


def _is_resumable(request: h11.Request) -> bool:
    """Whether a request is to make an upload, of those that bring a whole file or a part of one.

    Raises:
        Refusal: 415 where it is but a part, and coded.
    """
    completes = parse_bool(field(request, b"upload-complete"))
    if completes and coding_of(request) is not None:
        return False  # it can be stored, decoded, in one go
    if completes is not None:
        check_not_coded(request)
    return completes is not None


def _tus_creation(line: Line, request: h11.Request) -> Exchange:
    site = line.site
    target = parse_target(request.target)
    create = _tus.create_of(request, site.config, target, site.store.taken_status)
    parts = _tus.joined_of(create.record)
    if parts:
        return _joining(line, create, parts)
    return Resumption(line, _tus.Tus(), create, _tus.checks_of)


def _joining(line: Line, create: Create, parts: tuple[str, ...]) -> Exchange:
    site = line.site
    call = partial(join, site.shelf, create.record, parts, max_size=site.config.max_upload_size)
    manner = _tus.Tus()
    uploads = [*parts, identifier_of(parts)]
    return Errand(line, uploads, call, manner.created, refused=manner.refused, is_long=True)


def _of_upload(line: Line, request: h11.Request, method: bytes, upload_id: str) -> Exchange:
    shelf, config = line.site.shelf, line.site.config
    manner = _manner_of(line, request)
    if method == b"HEAD":
        return Question(line, manner, upload_id)
    if method == b"DELETE":
        call = partial(forget, shelf, upload_id)
        return Errand(line, [upload_id], call, lambda _: (204, [], b""), refused=manner.refused)
    if method != b"PATCH":
        raise Refusal(405, f"with uploads, do {_ALLOW_UPLOAD}", [("Allow", _ALLOW_UPLOAD)])
    if isinstance(manner, _ietf.Ietf):
        append = _ietf.append_of(request, config, manner.dialect, upload_id)
        return Resumption(line, manner, append, _ietf.checks_of)
    append = _tus.append_of(request, config, upload_id)
    return Resumption(line, manner, append, _tus.checks_of)


def _manner_of(line: Line, request: h11.Request) -> Manner:
    manner = _ietf_manner(line, request)
    if field(request, b"tus-resumable") is None and manner is not None:
        line.add_always(manner.always())
        return manner
    if field(request, b"tus-resumable") is None:
        line.add_always(_tus.Tus().always())
    _tus.check_version(request)
    return _tus.Tus()
