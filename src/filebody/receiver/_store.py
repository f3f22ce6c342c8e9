"""Files on the disk: what is being received, what is stored, and the step between.

Synchronous, for worker threads; knows neither sockets nor the reactor. An `Incoming` is used by one
thread at a time; a `Store` by any number of them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from filebody.errors import UsageError
from filebody.receiver._digest import SUPPORTED
from filebody.receiver._directories import directory_below, made_below, sync_directory
from filebody.receiver._refusal import Refusal
from filebody.receiver._staging import Staging, remove_stale

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from filebody.receiver._names import Name

__all__ = ["Incoming", "Store", "StoredFile", "translated"]

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BUSY: Final = frozenset({errno.EMFILE, errno.ENFILE})
_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EOPNOTSUPP}
)
_REREAD_BYTES: Final = 1024 * 1024


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
    """

    def __init__(self, directory: Path, *, overwrite: bool = False) -> None:
        self.directory = Path(os.path.abspath(directory))
        self._overwrite = overwrite
        self._root = -1
        self._staging: Staging

    def open(self) -> None:
        """Make the directory if it is missing, remove what a killed receiver left, take a place.

        Raises:
            UsageError: It is not a directory, or not one that files can be stored in.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._root = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                remove_stale(self._root)
                self._staging = Staging(self._root)
            except BaseException:
                os.close(self._root)
                raise
        except (FileExistsError, NotADirectoryError) as error:
            raise UsageError(
                f"{self.directory} is not a directory: give one, or a name that is free"
            ) from error
        except OSError as error:
            raise UsageError(f"cannot store files in {self.directory}: {error.strerror}") from error

    @property
    def root(self) -> int:
        """The descriptor of the open directory."""
        return self._root

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
            Refusal: 409 or 412 where the name is taken, 507 where the disk is full, 500 or 503
                where the file cannot be made.
        """
        # RFC 9110 section 13.1.2: a condition that does not hold is a 412, our own rule a 409.
        taken_status = 412 if create_only else None if self._overwrite else 409
        with translated(name):
            self._check_free(name, taken_status)
            self._check_room(length)
            descriptor, temporary = self._staging.create()
        return Incoming(
            self,
            name,
            descriptor,
            temporary,
            algorithms=algorithms,
            taken_status=taken_status,
        )

    def close(self) -> None:
        """Remove what is temporary and close the directory."""
        self._staging.close()
        os.close(self._root)

    def _check_free(self, name: Name, taken_status: int | None) -> None:
        with (
            contextlib.suppress(FileNotFoundError),
            directory_below(self._root, name[:-1]) as parent,
        ):
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=parent):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if os.fstat(parent).st_dev != os.fstat(self._root).st_dev:
                # Told before the body comes: no name can be given across file systems.
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            self._check_taken(parent, name, taken_status)

    @staticmethod
    def _check_taken(parent: int, name: Name, taken_status: int | None) -> None:
        mode = os.stat(name[-1], dir_fd=parent, follow_symlinks=False).st_mode
        shown = "/".join(name)
        if stat.S_ISDIR(mode):
            raise Refusal(409, f"{shown} is a directory")
        if not stat.S_ISREG(mode):
            raise Refusal(409, f"{shown} is there and is not a regular file")
        if taken_status is not None:
            raise Refusal(taken_status, f"{shown} is already there and will not be overwritten")

    def _check_room(self, length: int | None) -> None:
        disk = os.fstatvfs(self._root)
        # Some file systems say 0 of 0 blocks where they mean that they cannot tell.
        free = disk.f_bavail * disk.f_frsize
        if length is not None and disk.f_blocks and length > free:
            raise Refusal(507, f"{length} bytes do not fit: {free} bytes are free on the disk")

    def _commit(self, incoming: Incoming) -> bool:
        """Give a finished file its name; returns whether it replaced one. Atomic."""
        name, temporary, source = incoming.name, incoming.temporary, self._staging.descriptor
        with made_below(self._root, name[:-1]) as parent:
            try:
                # A link is the one portable step that fails if the name is taken: of two uploads
                # of one name that end at once, one gets here.
                os.link(temporary, name[-1], src_dir_fd=source, dst_dir_fd=parent)
                replaced = False
                self._staging.remove(temporary)
            except OSError as error:
                replaced = isinstance(error, FileExistsError)
                if replaced:
                    self._check_taken(parent, name, incoming.taken_status)
                elif error.errno in _NO_LINKS:
                    replaced = self._claim(parent, name, incoming.taken_status)
                else:
                    raise
                os.rename(temporary, name[-1], src_dir_fd=source, dst_dir_fd=parent)
            sync_directory(parent)
        return replaced

    def _claim(self, parent: int, name: Name, taken_status: int | None) -> bool:
        """Take a name where hard links do not work: an empty file, for the moment of a rename."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            os.close(os.open(name[-1], flags, 0o666, dir_fd=parent))
        except FileExistsError:
            self._check_taken(parent, name, taken_status)
            return True
        return False


class Incoming:
    """A body that is arriving, in a temporary file. Made by `Store.begin`.

    After `commit` and after `abort` the file is closed; a further `abort` does nothing, a further
    `write` or `commit` raises `ValueError`. A `write` or `commit` that failed leaves the temporary
    file: call `abort`.
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
        self._hashes = {
            algorithm: hashlib.new(algorithm.replace("-", ""))
            for algorithm in {"sha-256", *algorithms} & SUPPORTED.keys()
        }

    def write(self, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Append to the file and to the digests.

        Raises:
            Refusal: 507 where the disk is full, 500 for other faults.
        """
        descriptor = self._opened()
        with translated(self.name):
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
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
                507 or 500 where the disk fails.
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
            replaced = self._store._commit(self)  # noqa: SLF001 - two halves of one module
        self._close()
        return StoredFile(
            path=self._store.directory.joinpath(*self.name),
            size_bytes=self.size_bytes,
            sha256=self._digest("sha-256"),
            replaced=replaced,
        )

    def abort(self) -> None:
        """Close and remove the temporary file."""
        if self._descriptor >= 0:
            self._close()
            with contextlib.suppress(OSError):
                self._store._staging.remove(self.temporary)  # noqa: SLF001 - as in commit

    def _opened(self) -> int:
        if self._descriptor < 0:
            raise ValueError("this upload has ended")
        return self._descriptor

    def _close(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

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


@contextlib.contextmanager
def translated(name: Name) -> Iterator[None]:
    """Turn what the operating system says into what the client is told."""
    shown = "/".join(name)
    try:
        yield
    except NotADirectoryError as error:
        raise Refusal(409, f"a directory on the way to {shown} is a file or a link") from error
    except OSError as error:
        said = error.strerror or str(error)
        if error.errno == errno.EXDEV:
            raise Refusal(
                409,
                f"{shown} would be on another file system than the receiver's directory: "
                "that needs a receiver of its own",
            ) from error
        if error.errno in _FULL:
            raise Refusal(507, f"{shown} cannot be stored: {said}") from error
        if error.errno in _BUSY:
            raise Refusal(
                503, "too many files are open; try again later", [("Retry-After", "5")]
            ) from error
        raise Refusal(500, f"{shown} cannot be stored: {said}") from error
