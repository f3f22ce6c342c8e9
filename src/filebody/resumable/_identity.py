"""Whether a file is still the one of which a part was sent: before the rest of it follows."""

from __future__ import annotations

import enum
import hashlib
import os
from typing import Any, Self

import attrs

from filebody.body import open_regular

__all__ = ["Likeness", "SourceIdentity", "count_of", "hash_range"]

# So many blocks of so many bytes are looked at, spread over the file, its ends among them.
_SAMPLES = 64
_SAMPLE_BYTES = 4096
_PIECE_BYTES = 1 << 20
# Inodes have 64 bits, sizes 63.
_MOST = 1 << 64


class Likeness(enum.Enum):
    """How two looks at a file compare."""

    SAME = "same"
    IN_DOUBT = "in doubt"
    """Only what can change without the content: where it lies, by whatever number."""
    OTHER = "other"


_WORDS = {
    "size": "its size",
    "mtime_ns": "its modification time",
    "ctime_ns": "its status change time",
    "inode": "another file has its place",
    "device": "its device has another number",
    "samples": "its content",
}
# After a restart of the machine a file system can have another number. `mv`, `chmod` and a new hard
# link set the status change time. All else being the same, the samples too, it is the same file.
_HARMLESS = frozenset({"device", "ctime_ns"})
# So can its files where the file system has no numbers of its own for them (FUSE, some of NFS).
_DOUBTFUL = frozenset({"device", "inode", "ctime_ns"})


@attrs.frozen
class SourceIdentity:
    """What tells one content of a file from another, without reading all of it.

    Attributes:
        size: In bytes.
        mtime_ns: Time of the last modification, in nanoseconds.
        ctime_ns: Time of the last status change, in nanoseconds.
        inode: The file's serial number.
        device: The number of the device on which it lies.
        samples: The SHA-256 of blocks from all over it, as hexadecimal digits.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int
    samples: str

    @classmethod
    def of(cls, path: str) -> Self:
        """Look at a file; reads from the disk: for a worker thread.

        Raises:
            OSError: It cannot be read.
        """
        with open(open_regular(path), "rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            return cls(
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                ctime_ns=status.st_ctime_ns,
                inode=status.st_ino,
                device=status.st_dev,
                samples=_sample(file.fileno(), status.st_size),
            )

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        """Read what `attrs.asdict` gave.

        Raises:
            KeyError: Something is missing.
            TypeError, ValueError: Something is not what it should be.
        """
        samples = facts["samples"]
        if not isinstance(samples, str):
            raise TypeError("not a digest")
        return cls(
            size=count_of(facts["size"]),
            mtime_ns=_integer(facts["mtime_ns"]),
            ctime_ns=_integer(facts["ctime_ns"]),
            inode=count_of(facts["inode"]),
            device=count_of(facts["device"]),
            samples=samples,
        )

    def compare(self, other: SourceIdentity) -> tuple[Likeness, str]:
        """Say how alike they are, and in words in what they differ."""
        differing = [name for name in _WORDS if getattr(self, name) != getattr(other, name)]
        words = ", ".join(_WORDS[name] for name in differing)
        if _HARMLESS.issuperset(differing):
            return Likeness.SAME, words
        return Likeness.IN_DOUBT if _DOUBTFUL.issuperset(differing) else Likeness.OTHER, words


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not an integer")
    return value


def count_of(value: Any) -> int:
    """A count that was read: an integer that is not negative, and that a file could have.

    Raises:
        TypeError, ValueError: It is something else.
    """
    count = _integer(value)
    if not 0 <= count < _MOST:
        raise ValueError("not a count")
    return count


def _sample(descriptor: int, size: int) -> str:
    digest = hashlib.sha256()
    last = max(0, size - _SAMPLE_BYTES)
    for offset in sorted({last * number // (_SAMPLES - 1) for number in range(_SAMPLES)}):
        digest.update(os.pread(descriptor, _SAMPLE_BYTES, offset))
    return digest.hexdigest()


def hash_range(path: str, digest: hashlib._Hash, start: int, stop: int) -> None:
    """Feed a range of a file to a digest; reads from the disk: for a worker thread.

    Raises:
        OSError: It cannot be read.
        EOFError: It is shorter.
    """
    buffer = memoryview(bytearray(min(_PIECE_BYTES, max(stop - start, 1))))
    with open(open_regular(path), "rb", buffering=0) as file:
        while start < stop:
            count = os.preadv(file.fileno(), [buffer[: stop - start]], start)
            if not count:
                raise EOFError(f"{path} ends at byte {start}")
            digest.update(buffer[:count])
            start += count
