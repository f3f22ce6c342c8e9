"""What the head of a request must be before anything is done for it.

Pure functions of the head and the settings. The order is the order in which a client is told: who
are you, is this meant for us, can it be done at all.
"""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Final

import attrs

from filebody.receiver._coding import CODINGS, coded_limit
from filebody.receiver._config import is_loopback
from filebody.receiver._digest import MAX_FIELD_BYTES, requested
from filebody.receiver._names import Name, Target, parse_target
from filebody.receiver._refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    import h11

    from filebody.receiver._config import ReceiverConfig

__all__ = [
    "ALLOW",
    "Upload",
    "authorize",
    "check_no_form",
    "coding_of",
    "field",
    "is_tus",
    "length_of",
    "media_type_of",
    "method_of",
    "too_large",
    "upload_of",
]

ALLOW: Final = "GET, HEAD, OPTIONS, PATCH, POST, PUT"
# The URLs of many parts, and thumbnails: their parsers are linear.
_LONG_FIELDS: Final = frozenset({b"upload-concat", b"upload-metadata"})
# At the start of one of the types, whatever stands wrongly before or after it.
_FORM: Final = re.compile(
    r"(?:^|,)[^a-z0-9,]*"
    r"(?:multipart[ \t]*/[ \t]*form-data|application[ \t]*/[ \t]*x-www-form-urlencoded)"
    r"(?![a-z0-9.+_-])"
)
_CHANGING: Final = frozenset({b"DELETE", b"PATCH", b"POST", b"PUT"})


@attrs.frozen(kw_only=True)
class Upload:
    """A body that may be received.

    Attributes:
        name: Where to.
        target: The same, as it was asked for.
        length: How many bytes will come; None for a chunked body.
        promised: The digests that the head promises, of the body as it is sent.
        max_size: How many may come; None for any number.
        coding: The content coding of the body, one of `CODINGS`; None for the file itself.
        create_only: Whether the client wants no file replaced.
    """

    name: Name
    target: Target
    length: int | None
    max_size: int | None
    promised: Mapping[str, bytes]
    coding: str | None
    create_only: bool


def field(request: h11.Request, name: bytes) -> str | None:
    """Give the value of a field, its lines joined; None if it is absent.

    Empty lines are left out: they would leave a blank at an end, where no value may have one.

    Source: RFC 9110 sections 5.3, 5.5 and 5.6.1.
    """
    values = [value for key, value in request.headers if key == name]
    return b", ".join(filter(None, values)).decode("latin-1") if values else None


def authorize(request: h11.Request, config: ReceiverConfig, *, scheme: str) -> None:
    """Check the token, and that no page of another origin led a browser here.

    Without a token, what listens on the loopback interface trusts whoever can reach it; web pages
    can, through the browser. A page whose name was made to point at 127.0.0.1 shows in Host. A page
    that sends a form or a simple POST shows in Origin (PUT would need our consent in a CORS
    preflight); those that the settings allow may.

    Raises:
        Refusal: 401, 403, 421, 414 or 431 for what is too long, or 505 for a version of HTTP that
            is not 1.

    Source: RFC 6750; RFC 9110 sections 7.4, 11.6 and 15.6.6; RFC 6454 section 7; RFC 6585
        section 5.
    """
    origin = field(request, b"origin")
    method = method_of(request)
    is_allowed = origin is not None and config.allows(origin)
    is_question = (
        request.method == b"OPTIONS"
        and field(request, b"access-control-request-method") is not None
    )
    # Fetch section 3.2.2: browsers ask without credentials whether a page may send a request.
    if config.token is not None and not (is_allowed and is_question):
        scheme_name, _, given = (field(request, b"authorization") or "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("latin-1"), config.token.encode())
        if not right or scheme_name.lower() != "bearer":
            raise Refusal(
                401,
                "this receiver wants its token: send Authorization: Bearer TOKEN",
                [("WWW-Authenticate", 'Bearer realm="filebody"')],
            )
    _check_sizes(request)
    if not request.http_version.startswith(b"1."):
        raise Refusal(505, "this receiver speaks HTTP/1.1 and HTTP/1.0")
    host = field(request, b"host")
    if config.token is None and host and is_loopback(config.host):
        _check_host(_name(host), config)
    if method in _CHANGING and origin is not None and not is_allowed:
        # Fetch Metadata section 2.3: a browser says so, and no page can: behind a proxy, scheme and
        # host of the request are not those that the browser has.
        is_own = field(request, b"sec-fetch-site") == "same-origin"
        if not is_own and origin not in {f"{scheme}://{host}", config.public_origin}:
            raise Refusal(403, f"a web page of {origin} may not store files here")


def method_of(request: h11.Request) -> bytes:
    """The method that counts: tus clients may name another one than that of the request line.

    Source: tus 1.0.0, X-HTTP-Method-Override.
    """
    override = field(request, b"x-http-method-override")
    if override is None or request.method == b"OPTIONS" or not is_tus(request):
        return request.method
    return override.encode("latin-1").upper()


def is_tus(request: h11.Request) -> bool:
    """Whether the client speaks tus."""
    return field(request, b"tus-resumable") is not None


def upload_of(request: h11.Request, config: ReceiverConfig, *, create_only: bool) -> Upload:
    """Read the head of a PUT or POST.

    Raises:
        Refusal: 400, 411, 413, 415 or 417: see the comments.
    """
    target = parse_target(request.target)
    if target.is_directory or not target.name:
        raise Refusal(400, f"give the file a name: PUT {target.url_path.rstrip('/')}/NAME", [])
    coding, max_size = coding_of(request), config.max_size
    if coding is not None and max_size is not None:
        max_size = coded_limit(max_size)
    size = length_of(request, max_size)
    return Upload(
        name=target.name,
        target=target,
        length=size,
        promised=requested(request.headers),
        coding=coding,
        max_size=max_size,
        create_only=create_only,
    )


def length_of(request: h11.Request, max_size: int | None) -> int | None:
    """Read how long the body of an upload is, and check that it is the upload's.

    Args:
        request: The head.
        max_size: How long it may be; None for any length.

    Returns:
        Its length in bytes; None for a chunked body.

    Raises:
        Refusal: 400, 411, 413 or 417: see the comments.
    """
    coding = field(request, b"transfer-encoding")
    length = field(request, b"content-length")
    _check_framing(request, coding, length)
    _check_meaning(request)
    if coding is None and length is None:
        # RFC 9112 section 6.3: such a request has no body. RFC 9110 section 15.5.12: say so, for
        # nobody means to store an empty file that way.
        raise Refusal(411, "say how long the body is: Content-Length, or chunked; 0 if it is empty")
    size = None if length is None else int(length)
    if max_size is not None and size is not None and size > max_size:
        raise too_large(max_size)
    return size


def too_large(max_size: int) -> Refusal:
    """Refuse a body that is longer than allowed (RFC 9110 section 15.5.14)."""
    return Refusal(413, f"the body is longer than the {max_size} bytes that are allowed here")


def _check_sizes(request: h11.Request) -> None:
    """Bound each field, its lines together, so that no parser has much to do."""
    if len(request.target) > MAX_FIELD_BYTES:
        raise Refusal(414, f"the request target is longer than {MAX_FIELD_BYTES} bytes")
    sizes: dict[bytes, int] = {}
    for name, value in request.headers:
        sizes[name] = sizes.get(name, 0) + len(value) + 2
        if sizes[name] > MAX_FIELD_BYTES + 2 and name not in _LONG_FIELDS:
            raise Refusal(431, f"{name.decode()} is longer than {MAX_FIELD_BYTES} bytes")


def _check_framing(request: h11.Request, coding: str | None, length: str | None) -> None:
    # RFC 9112 section 6.1: a message with both, or with a coding in HTTP/1.0, is how requests are
    # smuggled past a proxy. h11 would take the coding; we take neither.
    if coding is not None and length is not None:
        raise Refusal(400, "a request must not have both Content-Length and Transfer-Encoding")
    if coding is not None and request.http_version < b"1.1":
        raise Refusal(400, "HTTP/1.0 has no Transfer-Encoding")


def _check_meaning(request: h11.Request) -> None:
    """Refuse bodies that are something else than the file."""
    if field(request, b"content-range") is not None:
        # RFC 9110 section 14.5: storing a part as if it were the whole would destroy the file.
        raise Refusal(400, "parts of files are not stored: send it whole, without Content-Range")
    expected = (field(request, b"expect") or "").lower().split(",")
    if any(part.strip(" \t") not in {"", "100-continue"} for part in expected):
        raise Refusal(417, "the only expectation that can be met is 100-continue")


def media_type_of(request: h11.Request) -> str:
    """The media type in lower case, without its parameters; empty if there is none."""
    return (field(request, b"content-type") or "").partition(";")[0].strip().lower()


def check_no_form(request: h11.Request) -> None:
    """Refuse forms: stored as they come they would be files with boundaries inside.

    Raises:
        Refusal: 415.
    """
    if field(request, b"content-length") == "0":
        return  # urllib and curl name a form where they send nothing
    # Two lines, or two types in one, are no media type: one that is a form is enough to refuse.
    if not _FORM.search((field(request, b"content-type") or "").lower()):
        return
    raise Refusal(
        415,
        "this is a form: send the file itself (curl -T FILE URL, filebody send FILE URL), or as "
        "Content-Type: application/octet-stream",
        [("Accept-Post", "application/octet-stream")],
    )


def coding_of(request: h11.Request) -> str | None:
    """The content coding of the body, one of `CODINGS`; None if it is the file itself.

    Raises:
        Refusal: 415 for any other.
    """
    listed = (field(request, b"content-encoding") or "").lower().split(",")
    codings = [coding for part in listed if (coding := part.strip()) not in {"", "identity"}]
    if not codings:
        return None
    # RFC 9110 section 8.4.1.3: the old name means the same.
    coding = codings[0].removeprefix("x-") if codings[0] == "x-gzip" else codings[0]
    if len(codings) == 1 and coding in CODINGS:
        return coding
    # RFC 9110 section 15.5.16 has Accept-Encoding say what would do.
    raise Refusal(
        415,
        f"a body with Content-Encoding: {', '.join(codings)} cannot be decoded here: send the "
        f"file itself, or coded once with one of {', '.join(CODINGS)}",
        [("Accept-Encoding", ", ".join(CODINGS))],
    )


def _check_host(name: str, config: ReceiverConfig) -> None:
    """Serve requests for this machine or for the public URL; a rebound name is neither."""
    public = "" if config.public_origin is None else _name(config.public_origin.partition("//")[2])
    if not is_loopback(name) and name.lower().removesuffix(".") != public:
        raise Refusal(
            421,
            f"this receiver is not called {name}: start it with --public-url if a proxy shows it "
            "by that name",
        )


def _name(host: str) -> str:
    """Take the port off a Host field's value (RFC 3986 section 3.2)."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
