"""WHAT is sent: bodies, and readers that pass over them.

Synchronous; knows no reactor. A `Body` describes, a `Reader` reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from filebody.body._bytes import BytesBody
from filebody.body._concat import ConcatBody
from filebody.body._digest import DigestBody, check_digest
from filebody.body._encoded import EncodedBody
from filebody.body._file import FileBody
from filebody.body._interface import Body, Reader, WaitBy
from filebody.body._iterable import IterableBody
from filebody.body._media_type import guess_media_type
from filebody.body._multipart import FormField, MultipartBody
from filebody.body._open import open_regular
from filebody.body._path import PathBody
from filebody.body._slice import SliceBody

__all__ = [
    "Body",
    "BytesBody",
    "ConcatBody",
    "DigestBody",
    "EncodedBody",
    "FileBody",
    "FormField",
    "IterableBody",
    "MultipartBody",
    "PathBody",
    "Reader",
    "SliceBody",
    "WaitBy",
    "as_body",
    "check_digest",
    "guess_media_type",
    "open_regular",
]


def as_body(source: Any) -> Body:
    """The body for whatever a caller would send.

    Args:
        source: A `Body` (given back as it is), bytes, an `os.PathLike`, an open binary file, or an
            iterable of bytes. A str is refused, because it could be a path or content.

    Raises:
        TypeError: It is none of these.
        BodyError: It cannot be sent.
        UsageError: It cannot be sent as it is.
    """
    match source:
        case Body():
            return source
        case bytes() | bytearray() | memoryview():
            return BytesBody(source)
        case os.PathLike():
            return PathBody(source)
        case str():
            raise TypeError("a str could be a path or content: pass a pathlib.Path or bytes")
    if hasattr(source, "read"):
        return FileBody(source)
    if isinstance(source, Iterable):
        return IterableBody(source)
    raise TypeError(
        f"{type(source).__name__} is no body: pass bytes, a path, a file or an iterable"
    )
