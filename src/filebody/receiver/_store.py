"""Files on the disk: what is being received, what is stored, and the step between.

Synchronous, for worker threads; knows neither sockets nor the reactor. An `Incoming` is used by one
thread at a time; a `Store` by any number of them.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from filebody.errors import UsageError
from filebody.receiver._digest import SUPPORTED
from filebody.receiver._os_errors import translated
from filebody.receiver._placement import Placement
from filebody.receiver._refusal import Refusal
from filebody.receiver._root import Root
from filebody.receiver._staging import Staging, has_name, make_temporary, remove_stale
from filebody.receiver._writing import write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from filebody.receiver._names import Name

__all__ = ["Incoming", "Store", "StoredFile"]

_REREAD_BYTES: Final = 1024 * 1024
# A body of unknown length is not begun on a disk without this much.
_LEAST_BYTES: Final = 64 * 1024


@attrs.frozen(kw_only=True)
class StoredFile:
    """A file under its final name; `replaced` says whether one was there before."""

    path: Path
    size_bytes: int
    sha256: bytes
    replaced: bool


class Store:
    """A directory that receives files.

    Args:
        directory: Where; nothing is touched before `open`.
        overwrite: Whether a file may replace another of its name.

    Attributes:
        directory: The same, absolute.
        make_room: Called with a number of bytes where so many do not fit; they may fit then.
        root: The open directory; from `open` on.
        staging: Where files are until they are whole; from `open` on.
        placement: Where finished files get their names; from `open` on.
    """

    def __init__(self, directory: Path, *, overwrite: bool = False) -> None:
        self.directory = Path(os.path.abspath(directory))
        self.make_room: Callable[[int], object] = lambda _: None
        self._overwrite = overwrite
        self.root: Root
        self.staging: Staging
        self.placement: Placement

    def open(self) -> None:
        """Make the directory if it is missing, remove what a killed receiver left, take a place.

        Raises:
            UsageError: It is not a directory, or not one that files can be stored in.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self.root = Root(self.directory)
            remove_stale(self.root)
            self.placement = Placement(self.root)
            self.staging = Staging(self.root)
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageError(
                f"{self.directory} is not a directory: give one, or a name that is free"
            ) from error
        except OSError as error:
            raise UsageError(f"cannot store files in {self.directory}: {error.strerror}") from error

    def taken_status(self, create_only: bool) -> int | None:
        """Say what to answer if a name is taken; None to replace the file."""
        # RFC 9110 section 13.1.2: a condition that does not hold is a 412, our own rule a 409.
        return 412 if create_only else None if self._overwrite else 409

    def begin(
        self,
        name: Name,
        *,
        length: int | None,
        algorithms: Collection[str] = (),
        create_only: bool = False,
    ) -> Incoming:
        """Check all that can be checked before the first byte, and open a temporary file.

        Args:
            name: The final name, from `parse_target`.
            length: How many bytes will come; None if that is not known.
            algorithms: Digest algorithms that will be asked for, besides sha-256.
            create_only: Do not replace a file even if this store may.

        Raises:
            Refusal: 409 or 412 where the name is taken, 507 where the disk is full, others as
                `refusal_of` says.
        """
        taken_status = self.taken_status(create_only)
        with translated(name):
            self.placement.check_free(name, taken_status)
            self._check_room(length)
            descriptor, temporary = self.staging.create()
        return Incoming(
            self,
            name,
            descriptor,
            temporary,
            algorithms=algorithms,
            taken_status=taken_status,
        )

    def _check_room(self, length: int | None) -> None:
        least = _LEAST_BYTES if length is None else length
        try:
            self.placement.check_room(least)
        except Refusal as refusal:
            if refusal.status != 507:
                raise
            self.make_room(least)
            self.placement.check_room(least)

    def close(self) -> None:
        """Remove what is temporary and close the directory."""
        self.staging.close()


class Incoming:
    """A body that is arriving, in a temporary file. Made by `Store.begin`.

    After `commit` and after `abort` the file is closed; a further `abort` does nothing, a further
    `write` or `commit` raises `ValueError`. A `write` or `commit` that failed leaves the temporary
    file: call `abort`. After a wrong digest, `commit` may be called again.
    """

    def __init__(
        self,
        store: Store,
        name: Name,
        descriptor: int,
        temporary: str,
        *,
        algorithms: Collection[str],
        taken_status: int | None,
    ) -> None:
        self.name = name
        self.temporary = temporary
        self.taken_status = taken_status  # what to answer if the name is taken; None: replace
        self.size_bytes = 0
        self._store = store
        self._descriptor = descriptor
        self._has_temporary = True
        self._hashes = {
            algorithm: hashlib.new(algorithm.replace("-", ""))
            for algorithm in {"sha-256", *algorithms} & SUPPORTED.keys()
        }

    def write(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Append to the file and to the digests.

        Raises:
            Refusal: 507 where the disk is full, others as `refusal_of` says.
        """
        descriptor = self._opened()
        with translated(self.name):
            for piece in pieces:
                write_all(descriptor, piece)
                # While the piece is still in the processor's cache.
                for running in self._hashes.values():
                    running.update(piece)
                self.size_bytes += len(piece)

    def commit(self, promised: Mapping[str, bytes]) -> StoredFile:
        """Check the digests, make the file durable, and give it its final name.

        Args:
            promised: Algorithm to digest, as `filebody.receiver._digest.requested` gives them.

        Raises:
            Refusal: 400 for a digest that does not match, 409 where the name was taken meanwhile,
                others as `refusal_of` says.
        """
        descriptor = self._opened()
        with translated(self.name):
            for algorithm, digest in promised.items():
                if not hmac.compare_digest(digest, self._digest(algorithm)):
                    raise Refusal(
                        400,
                        f"the {algorithm} digest of the {self.size_bytes} bytes that arrived is "
                        "not the one in the request: send it again",
                    )
            os.fsync(descriptor)
            store = self._store
            with store.staging.opened() as staging:
                if not has_name(staging, self.temporary, descriptor):
                    self._stage_again(staging)
                self._close()  # a watcher is told of a close after the rename as of another event
                replaced = store.placement.place(
                    self.name, staging, self.temporary, self.taken_status
                )
        self._has_temporary = False
        return StoredFile(
            path=self._store.directory.joinpath(*self.name),
            size_bytes=self.size_bytes,
            sha256=self._digest("sha-256"),
            replaced=replaced,
        )

    def abort(self) -> None:
        """Close and remove the temporary file."""
        self._close()
        if self._has_temporary:
            self._has_temporary = False
            self._store.staging.remove(self.temporary)

    def _stage_again(self, staging: int) -> None:
        """Copy the bytes to a new temporary file, for the name of the old one was removed."""
        descriptor, self.temporary = make_temporary(staging)
        old, self._descriptor = self._descriptor, descriptor
        try:
            offset = 0
            while piece := os.pread(old, _REREAD_BYTES, offset):
                offset += write_all(descriptor, piece)
            os.fsync(descriptor)
        finally:
            os.close(old)

    def _opened(self) -> int:
        if self._descriptor < 0:
            raise ValueError("this upload has ended")
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _digest(self, algorithm: str) -> bytes:
        # A digest that only a trailer asked for was not computed on the way: read the file again.
        if algorithm not in self._hashes:
            running = hashlib.new(algorithm.replace("-", ""))
            offset = 0
            while piece := os.pread(self._descriptor, _REREAD_BYTES, offset):
                running.update(piece)
                offset += len(piece)
            self._hashes[algorithm] = running
        return self._hashes[algorithm].digest()
