"""Forms, as browsers send them."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable
from typing import Any

import attrs

from filebody.body._bytes import BytesBody
from filebody.body._concat import ConcatBody
from filebody.body._interface import Body, Reader
from filebody.body._media_type import guess_media_type
from filebody.body._path import PathBody
from filebody.errors import UsageError

__all__ = ["FormField", "MultipartBody"]

# RFC 9110 sections 5.6.2 (token), 5.6.4 (quoted-string; ASCII alone) and 8.3.1 (media type).
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # noqa: S105 - a grammar's token, not a secret
_QUOTED = r'"(?:[\t !#-\[\]-~]|\\[\t -~])*"'
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:[\t ]*;[\t ]*{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))*")
# RFC 2046 section 5.1.1: at most 70 characters, of which the last is no space.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPES = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


def _check_text(_: object, attribute: attrs.Attribute[Any], text: Any) -> None:
    if not isinstance(text, str) and (text is not None or attribute.name == "name"):
        raise TypeError(f"{attribute.name} must be a str, not {type(text).__name__}")


def _check_value(_: object, __: object, value: Any) -> None:
    if not isinstance(value, (str, bytes, Body)):
        kind = type(value).__name__
        raise TypeError(f"a field's value must be a str, bytes or a Body, not {kind}")


def _check_content_type(_: object, __: object, content_type: str | None) -> None:
    if content_type is not None and not _MEDIA_TYPE.fullmatch(content_type):
        raise UsageError(f"{content_type!r} is no content type, such as text/plain; charset=utf-8")


@attrs.frozen
class FormField:
    """One field of a form.

    It is a file for the server if it has a file name. Then it has a content type too: the one
    given, or else what `mimetypes` knows for the name's extension, or application/octet-stream.
    Other fields have one only if it is given.

    Args:
        name: What the form calls it; every character is allowed.
        value: Text (sent as UTF-8), bytes or a body; line ends are sent as they are.
        filename: What the file is called; the base name of the path where a `PathBody` has none.
        content_type: A media type.

    Raises:
        TypeError: The name or the file name is no str, or the value none of these.
        UsageError: The content type is none; text that is no Unicode cannot be sent.

    Source: RFC 7578 section 4.
    """

    name: str = attrs.field(validator=_check_text)
    value: str | bytes | Body = attrs.field(validator=_check_value, repr=False)
    filename: str | None = attrs.field(default=None, validator=_check_text)
    content_type: str | None = attrs.field(
        default=None, validator=[_check_text, _check_content_type]
    )

    def __attrs_post_init__(self) -> None:
        if self.filename is None and isinstance(self.value, PathBody):
            object.__setattr__(self, "filename", os.path.basename(self.value.path))
        if isinstance(self.value, str) and _SURROGATE.search(self.value):
            raise UsageError(
                f"the text of the field {self.name!r} has a lone surrogate: pass bytes"
            )


def _head(field: FormField) -> bytes:
    """The lines before the value, with the empty one that ends them."""
    disposition = f'Content-Disposition: form-data; name="{_escaped(field.name)}"'
    content_type = field.content_type
    if field.filename is not None:
        disposition += f'; filename="{_escaped(field.filename)}"'
        content_type = content_type or guess_media_type(field.filename)
    lines = (
        [disposition] if content_type is None else [disposition, f"Content-Type: {content_type}"]
    )
    return "\r\n".join([*lines, "", ""]).encode()


def _escaped(name: str) -> str:
    """A name as it stands between quotes: nothing in it can end them, or the line.

    What is no Unicode (`os.fsdecode` makes such names) becomes U+FFFD, as in a USVString.

    Source: the WHATWG HTML standard, "multipart/form-data encoding algorithm". Its line ends of
    names and texts typed into a page are not made equal: here they are what the caller meant.
    """
    return _SURROGATE.sub("\ufffd", name).translate(_ESCAPES)


@attrs.frozen(init=False)
class MultipartBody(Body):
    """A form with files (multipart/form-data), of which nothing is read before it is sent.

    Send it with `content_type` as the Content-Type. Its length is known if those of its values
    are, and it is replayable if they are; every pass has the same boundary.

    Args:
        fields: In their order; several may have one name.
        boundary: What separates them; it must not occur in a value. A random one, which no
            value can foresee, where none is given.

    Raises:
        TypeError: A field is no `FormField`.
        UsageError: The boundary is none (RFC 2046 section 5.1.1).

    Source: RFC 7578.
    """

    fields: tuple[FormField, ...]
    boundary: str
    length: int | None
    replayable: bool
    source: str
    _whole: ConcatBody = attrs.field(repr=False)

    def __init__(self, fields: Iterable[FormField], *, boundary: str | None = None) -> None:
        fields = tuple(fields)
        for field in fields:
            if not isinstance(field, FormField):
                raise TypeError(f"a field must be a FormField, not {type(field).__name__}")
        if boundary is None:
            boundary = secrets.token_hex(24)
        elif not _BOUNDARY.fullmatch(boundary):
            raise UsageError(
                f"{boundary!r} is no boundary: 1 to 70 ASCII letters, digits, spaces and "
                "'()+_,-./:=?, of which the last is no space"
            )
        whole = ConcatBody(*_parts(fields, b"--" + boundary.encode()))
        self.__attrs_init__(fields, boundary, whole.length, whole.replayable, whole.source, whole)

    @property
    def content_type(self) -> str:
        """The Content-Type to send it with."""
        plain = re.fullmatch(_TOKEN, self.boundary)
        boundary = self.boundary if plain else f'"{self.boundary}"'
        return f"multipart/form-data; boundary={boundary}"

    @property
    def is_touched(self) -> bool:
        """See `Body.is_touched`."""
        return self._whole.is_touched

    def open(self, offset: int = 0, stop: int | None = None) -> Reader:
        """See `Body.open`."""
        return self._whole.open(offset, stop)


def _parts(fields: Iterable[FormField], delimiter: bytes) -> list[Body]:
    """The bodies of the fields, and between them, in as few pieces as can be, all the rest."""
    parts: list[Body] = []
    between = bytearray()
    for field in fields:
        between += delimiter + b"\r\n" + _head(field)
        if isinstance(field.value, Body):
            parts += [BytesBody(between, source="<form>"), field.value]
            between.clear()
        else:
            between += field.value.encode() if isinstance(field.value, str) else field.value
        between += b"\r\n"
    between += delimiter + b"--\r\n"
    return [*parts, BytesBody(between, source="<form>")]
