"""What is needed to go on with an upload after a crash, kept where it survives one."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from typing import Any, Self

import attrs

from filebody.errors import UsageError
from filebody.resumable._identity import SourceIdentity, count_of
from filebody.resumable._state import Held
from filebody.resumable._values import Protocol
from filebody.wire import CHECKSUM_ALGORITHMS, parse_target

__all__ = ["Checkpoint", "Part", "Prefix", "upload_id"]

_FORMAT = 1
_METHOD = re.compile(r"[A-Za-z]{1,32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# The year 9999; what is later cannot be shown as a date.
_LATEST_SECONDS = 253_402_300_799.0


@attrs.frozen
class Prefix:
    """The digest of the beginning of a part, as it was when it was sent.

    Attributes:
        bytes: Of how many bytes.
        sha256: The digest, as hexadecimal digits.
    """

    bytes: int
    sha256: str


@attrs.frozen(kw_only=True)
class Part:
    """A range of the file that is an upload of its own; mostly there is one, with all of it.

    Attributes:
        start: The position of its first byte in the file.
        stop: The position after its last one.
        held: Where it is and how far; None before the server has made it.
        prefix: See `Prefix`; None where it was not asked for.
    """

    start: int
    stop: int
    held: Held | None = None
    prefix: Prefix | None = None


@attrs.frozen(kw_only=True)
class Checkpoint:
    """One unfinished upload.

    Attributes:
        id: Its name among the others; from the source and the URL.
        source: The path of the file, or the name of a stream.
        url: Where it goes, without credentials.
        method: Of the request that creates it, where that can be chosen.
        identity: What the file was.
        parts: Its parts, in their order.
        created_at: When it was begun, in seconds since 1970.
        updated_at: When this was written.
        expires_at: When the server forgets it, or None if it does not say.
        stream: A random word for what can be read once only and cannot be resumed by another
            process; "" for a file. Its checkpoint serves to have the server delete its part.
    """

    id: str
    source: str
    url: str
    method: str
    identity: SourceIdentity
    parts: tuple[Part, ...]
    created_at: float
    updated_at: float
    expires_at: float | None = None
    stream: str = ""

    @property
    def is_stream(self) -> bool:
        """Whether it is of a stream: another process can only cancel it."""
        return bool(self.stream)

    @property
    def protocol(self) -> Protocol | None:
        """How it is sent; None before the server has made any of it."""
        return next((part.held.protocol for part in self.parts if part.held is not None), None)

    @property
    def held(self) -> Sequence[Held]:
        """What the server has made of it."""
        return [part.held for part in self.parts if part.held is not None]

    @property
    def confirmed_bytes(self) -> int:
        """How much of it the server has confirmed."""
        return sum(part.held.confirmed for part in self.parts if part.held is not None)

    def to_json(self) -> dict[str, Any]:
        """What is written."""
        return {"format": _FORMAT} | attrs.asdict(
            self,
            value_serializer=lambda _, __, value: (
                value.value if isinstance(value, Protocol) else value
            ),
        )

    @classmethod
    def from_json(cls, facts: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        if facts["format"] != _FORMAT:
            raise ValueError(f"format {facts['format']} is not known")
        expires_at, stream = facts["expires_at"], facts.get("stream", "")
        found = cls(
            id=_text(facts["id"]),
            source=_source(facts["source"]),
            stream=_text(stream),
            url=_url(facts["url"]),
            method=_method(facts["method"]),
            identity=SourceIdentity.from_json(facts["identity"]),
            parts=tuple(_part(part, is_stream=bool(stream)) for part in facts["parts"]),
            created_at=_time(facts["created_at"]),
            updated_at=_time(facts["updated_at"]),
            expires_at=None if expires_at is None else _time(expires_at),
        )
        found._check()
        return found

    def _check(self) -> None:
        """See to it that its facts belong together.

        Raises:
            ValueError: They do not.
        """
        if self.id != upload_id(self.source, self.url, self.stream):
            raise ValueError("the name belongs to another file or URL")
        if not self.parts or (self.is_stream and len(self.parts) > 1):
            raise ValueError("there is no such number of parts")
        ends = [0, *(part.stop for part in self.parts)]
        if [part.start for part in self.parts] != ends[:-1]:
            raise ValueError("the parts do not follow each other")
        if not self.is_stream and ends[-1] != self.identity.size:
            raise ValueError("the parts are not the whole file")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _source(value: Any) -> str:
    source = _text(value)
    if "\0" in source:
        raise ValueError("no file has such a path")
    os.fsencode(source)  # raises where no file can have such a name
    return source


def _method(value: Any) -> str:
    method = _text(value)
    if not _METHOD.fullmatch(method):
        raise ValueError("not a method")
    return method


def _time(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds <= _LATEST_SECONDS:  # NaN is neither
        raise ValueError("no time")
    return seconds


def _url(value: Any) -> str:
    try:
        return parse_target(_text(value)).url
    except UsageError as error:
        raise ValueError(str(error)) from error


def _part(facts: Any, *, is_stream: bool) -> Part:
    held, prefix = facts["held"], facts["prefix"]
    part = Part(
        start=count_of(facts["start"]),
        stop=count_of(facts["stop"]),
        held=None if held is None else _held(held),
        prefix=None if prefix is None else _prefix(prefix),
    )
    length = part.stop - part.start
    if length < 0 or (part.prefix is not None and part.prefix.bytes > length):
        raise ValueError("a part of no such length")
    if part.held is not None and not is_stream and part.held.sent > length:
        raise ValueError("more was sent of a part than it has")
    return part


def _prefix(facts: Any) -> Prefix:
    sha256 = _text(facts["sha256"])
    if not _SHA256.fullmatch(sha256):
        raise ValueError("not a digest")
    return Prefix(count_of(facts["bytes"]), sha256)


def _held(facts: Any) -> Held:
    checksum, limit = facts["checksum"], facts.get("append_limit")
    held = Held(
        upload_url=_url(facts["upload_url"]),
        protocol=Protocol(facts["protocol"]),
        interop_version=count_of(facts["interop_version"]),
        checksum=None if checksum is None else _text(checksum),
        confirmed=count_of(facts["confirmed"]),
        sent=count_of(facts["sent"]),
        append_limit=None if limit is None else count_of(limit),
    )
    if held.protocol not in {Protocol.TUS, Protocol.IETF} or held.append_limit == 0:
        raise ValueError("not an upload that can be resumed")
    if held.checksum is not None and held.checksum not in CHECKSUM_ALGORITHMS:
        raise ValueError("an algorithm that is not known")
    if held.confirmed > held.sent:
        raise ValueError("more is confirmed than was sent")
    return held


def upload_id(source: str, url: str, stream: str = "") -> str:
    """The name of the upload of a file to a URL; of a stream a new one each time."""
    of = f"{source}\0{url}" + (f"\0{stream}" if stream else "")
    return hashlib.sha256(of.encode("utf-8", "surrogateescape")).hexdigest()[:16]
