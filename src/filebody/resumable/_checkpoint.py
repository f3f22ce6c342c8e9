"""What is needed to go on with an upload after a crash, kept where it survives one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import attrs

from filebody.errors import UsageError
from filebody.resumable._identity import SourceIdentity
from filebody.resumable._lock import FileLock
from filebody.resumable._state import Held
from filebody.resumable._values import Protocol
from filebody.wire import parse_target

__all__ = ["Checkpoint", "Checkpoints", "Part", "Prefix", "default_directory", "upload_id"]

_FORMAT = 1


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
        source: The path of the file.
        url: Where it goes, without credentials.
        method: Of the request that creates it, where that can be chosen.
        identity: What the file was.
        parts: Its parts, in their order.
        created_at: When it was begun, in seconds since 1970.
        updated_at: When this was written.
        expires_at: When the server forgets it, or None if it does not say.
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

    @property
    def protocol(self) -> Protocol | None:
        """How it is sent; None before the server has made any of it."""
        return next((part.held.protocol for part in self.parts if part.held is not None), None)

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
        expires_at = facts["expires_at"]
        source = str(facts["source"])
        if "\0" in source:
            raise ValueError("no file has such a path")
        return cls(
            id=str(facts["id"]),
            source=source,
            url=_url(facts["url"]),
            method=str(facts["method"]),
            identity=SourceIdentity.from_json(facts["identity"]),
            parts=tuple(_part(part) for part in facts["parts"]),
            created_at=_time(facts["created_at"]),
            updated_at=_time(facts["updated_at"]),
            expires_at=None if expires_at is None else _time(expires_at),
        )


def _time(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds):
        raise ValueError("no time")
    return seconds


def _url(value: Any) -> str:
    try:
        return parse_target(str(value)).url
    except UsageError as error:
        raise ValueError(str(error)) from error


def _part(facts: Any) -> Part:
    held, prefix = facts["held"], facts["prefix"]
    return Part(
        start=int(facts["start"]),
        stop=int(facts["stop"]),
        held=None if held is None else _held(held),
        prefix=None if prefix is None else Prefix(int(prefix["bytes"]), str(prefix["sha256"])),
    )


def _held(facts: Any) -> Held:
    checksum = facts["checksum"]
    return Held(
        upload_url=_url(facts["upload_url"]),
        protocol=Protocol(facts["protocol"]),
        interop_version=int(facts["interop_version"]),
        checksum=None if checksum is None else str(checksum),
        confirmed=int(facts["confirmed"]),
        sent=int(facts["sent"]),
    )


def default_directory() -> Path:
    """Where programs keep what they need over restarts.

    Source: XDG Base Directory Specification, XDG_STATE_HOME.
    """
    told = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(told):
        return Path(told) / "filebody" / "uploads"
    try:
        home = Path.home()
    except RuntimeError:  # a user without a name, as in a container: it is what POSIX takes then
        home = Path("/")
    return home / ".local" / "state" / "filebody" / "uploads"


def upload_id(source: str, url: str) -> str:
    """The name of the upload of a file to a URL."""
    return hashlib.sha256(f"{source}\0{url}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


class Checkpoints:
    """A directory of checkpoints. Every method may block on the disk.

    A file there tells who can read it where an upload can be gone on with, so that nobody else
    can read it; it has no password and none of the fields that were sent.

    Args:
        directory: Where; made when the first one is written. See `default_directory`.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory = default_directory() if directory is None else Path(directory)

    def all(self) -> Sequence[Checkpoint]:
        """All that can be read, the oldest first."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return []
        stems = [name.removesuffix(".json") for name in names if name.endswith(".json")]
        found = []
        for stem in stems:
            with contextlib.suppress(OSError):  # what somebody else has put there
                checkpoint = self.load(stem) if stem.isalnum() else None
                if checkpoint is not None:
                    found.append(checkpoint)
        return sorted(found, key=lambda checkpoint: checkpoint.created_at)

    def load(self, name: str) -> Checkpoint | None:
        """The checkpoint of that name; None if there is none, or one that makes no sense.

        Raises:
            OSError: It cannot be read.
        """
        path = self._path(name)
        try:
            checkpoint = Checkpoint.from_json(json.loads(path.read_bytes()))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return checkpoint if checkpoint.id == name else None

    def find(self, source: str | os.PathLike[str], url: str) -> Checkpoint | None:
        """The checkpoint of a file that goes to a URL, if there is one.

        Raises:
            UsageError: That is no URL.
            OSError: It cannot be read.
        """
        name = upload_id(os.path.realpath(os.fspath(source)), parse_target(url).url)
        return self.load(name)

    def save(self, checkpoint: Checkpoint) -> None:
        """Write it so that either this or what was there before survives a crash.

        Raises:
            OSError: It cannot be written.
        """
        self._make_directory()
        path = self._path(checkpoint.id)
        part = path.with_suffix(".part")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(part, flags, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(checkpoint.to_json(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, path)
        self._sync_directory()

    def remove(self, name: str) -> None:
        """Forget it; one that is not there is no error."""
        self._path(name).unlink(missing_ok=True)

    def lock(self, name: str) -> FileLock:
        """A lock for whoever works on that upload; not yet held."""
        self._make_directory()
        return FileLock(self._path(name).with_suffix(".lock"))

    def _path(self, name: str) -> Path:
        if not name.isalnum():
            raise ValueError(f"{name!r} is not the name of an upload")
        return self.directory / f"{name}.json"

    def _make_directory(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
