"""Redaction: one rule for what is a secret, and text with a blot for each secret.

Signed URLs are credentials, so every value of a query counts as a secret unless it is a plain
number or flag. The errors of every room use this module, so it imports nothing from filebody.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "BLOT",
    "is_secret_name",
    "redact",
    "redact_identifiers",
    "redact_line",
    "redact_unparsed",
]

BLOT: Final = "***"

# Parts of the names that credentials have, and short names that are credentials as whole words.
_SECRET_NAME = re.compile(
    r"auth|cookie|token|secret|passw|passphrase|pwd|credential|signature|key|session|ticket|jwt"
    r"|bearer|csrf|xsrf|private|hmac|saml|assertion|nonce|otp"
    r"|(?<![a-z])(?:sig|sid|sas|pass|pin|code)(?![a-z])",
    re.IGNORECASE,
)
# A field with a harmless name may hold one, too: `X-Forwarded: Bearer ...`.
_SECRET_VALUE = re.compile(r"\s*(?:bearer|basic|digest|negotiate|token)\s+\S", re.IGNORECASE)
_FIELD = re.compile(r"([^:\s]+):(.*)", re.DOTALL)
# Up to the last @ of the authority: a password may have one in it. Advice is shown as it is.
_USER = re.compile(r"""((?:^|[:\s'"(])//)(?!USER:PASSWORD@)[^/?#\s]*@""")
_BEGINNING = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:(?=/))?/*")
# A file may be called `a?b#c`: only URLs, and the targets of request lines, have secrets behind
# these marks.
_URL = re.compile(r"://\S+")
_REQUEST_LINE = re.compile(r"([!-~]+ )(/\S*)( HTTP/\d.*)?", re.DOTALL)
_RELATIVE = re.compile(r"(Location|Content-Location|Link):(.*)", re.IGNORECASE | re.DOTALL)
_PAIR = re.compile(r"([^&;=]*)(=?)([^&;]*)")
# Who knows the URL of an upload can go on with it, or end it. `filebody receive` has them below
# /.uploads/; of others the words are known by their look: digits of a UUID or a random number,
# with what tusd adds behind a plus.
_UPLOAD = re.compile(r"(/\.uploads/)[^/?#\s]+")
_HEX = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{20,}")
_WORD = re.compile(r"[A-Za-z0-9_~=-]{20,}")
_KINDS = tuple(map(re.compile, ("[0-9]", "[A-Z]", "[a-z]")))
_CONCAT = re.compile(r"(Upload-Concat:\s*final;).*", re.IGNORECASE | re.DOTALL)
# What a sentence puts behind a URL.
_PUNCTUATION = ":,.;)]>'\""
_HARMLESS = re.compile(r"\d{0,6}|true|false|yes|no|on|off", re.IGNORECASE)
# S3 has flags such as `?uploads`.
_FLAG = re.compile(r"[a-z][a-z-]{0,19}", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Tell a name that credentials have: of a header field, or of a part of a query."""
    return _SECRET_NAME.search(name) is not None


def redact(text: str) -> str:
    """Put a blot for user names, passwords, queries and fragments of the URLs in a text."""
    text = _USER.sub(rf"\g<1>{BLOT}@", text)
    return _URL.sub(lambda url: _redact_tail(url[0]), text)


def redact_identifiers(text: str) -> str:
    """Put a blot for the secrets of the URLs in a text, and for what names an upload in them."""
    return _URL.sub(lambda url: _redact_path(url[0]), redact(text))


def redact_line(line: str, *, has_identifiers: bool = False) -> str:
    """Put a blot for each secret of a line of a request's or response's head.

    Args:
        line: Without its end.
        has_identifiers: Whether its URLs may be those of uploads.
    """
    redact_text = redact_identifiers if has_identifiers else redact
    request = _REQUEST_LINE.fullmatch(line)
    if request is not None:
        path = _redact_tail(request[2])
        if has_identifiers:
            path = _redact_path(path)
        return f"{request[1]}{path}{request[3] or ''}"
    field = _FIELD.fullmatch(line)
    if field is None or field[2].startswith("//"):
        return redact_text(line)
    if is_secret_name(field[1]) or _SECRET_VALUE.match(field[2]):
        return f"{field[1]}: {BLOT}"
    if _RELATIVE.fullmatch(line):
        value = _redact_tail(redact_text(field[2]))
        return f"{field[1]}:{_redact_path(value) if has_identifiers else value}"
    return redact_text(_CONCAT.sub(rf"\g<1>{BLOT}", line))


def redact_unparsed(url: str) -> str:
    """Put a blot for each secret of what should be a URL and is none.

    Nobody can say where its password ends, so everything up to the last @ may be one.
    """
    head, at, tail = url.rpartition("@")
    beginning = _BEGINNING.match(head)
    if at and beginning is not None:
        url = f"{beginning[0]}{BLOT}@{tail}"
    return redact(url)


def _redact_path(url: str) -> str:
    """Put a blot for each part of a path that is an identifier."""
    end = min((at for at in map(url.find, "?#") if at >= 0), default=len(url))
    return "/".join(map(_redact_segment, url[:end].split("/"))) + url[end:]


def _redact_segment(segment: str) -> str:
    word = segment.rstrip(_PUNCTUATION)
    number = word.partition("+")[0]
    is_random = _WORD.fullmatch(number) and all(kind.search(number) for kind in _KINDS)
    if is_random or _HEX.fullmatch(number):
        return BLOT + segment[len(word) :]
    return segment


def _redact_tail(url: str) -> str:
    """Put a blot for what stands behind the path of a URL."""
    bare = url.rstrip(_PUNCTUATION)
    tail = url[len(bare) :]
    bare, mark, _ = bare.partition("#")
    fragment = mark and f"{mark}{BLOT}"
    path, mark, query = bare.partition("?")
    path = _UPLOAD.sub(rf"\g<1>{BLOT}", path)
    return f"{path}{mark}{_PAIR.sub(_redact_pair, query)}{fragment}{tail}"


def _redact_pair(pair: re.Match[str]) -> str:
    name, equals, value = pair.groups()
    if not equals:
        return name if _FLAG.fullmatch(name) or _HARMLESS.fullmatch(name) else BLOT
    if not is_secret_name(name) and _HARMLESS.fullmatch(value):
        return pair[0]
    return f"{name}={BLOT}"
