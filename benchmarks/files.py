"""What is sent, and how much of it."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path

import attrs

from tests.peers.certificates import Certificates

__all__ = ["Files", "Sizes"]

_KIB, _MIB = 1 << 10, 1 << 20


@attrs.frozen(kw_only=True)
class Sizes:
    """How much is sent; `small` is for finding out whether all of it works.

    Attributes:
        large_bytes: Of the file that shows how fast a client is.
        held_bytes: Of the file that goes over slow connections.
        small_files: How many files of 4 KiB go out over few connections.
        burst_uploads: How many uploads of 1 MiB there are at once.
        paused_uploads: How many uploads of 4 MiB stand still.
        paused_by_producer: The same for the producer alone.
        many_uploads: How many there are at once, of 64 KiB and all different.
        slow_files: How many files are read slowly beside a fast upload.
        slow_bytes: Of each of those.
    """

    large_bytes: int = 2048 * _MIB
    held_bytes: int = 512 * _MIB
    small_files: int = 2000
    burst_uploads: int = 1000
    paused_uploads: int = 2000
    paused_by_producer: int = 1000
    many_uploads: int = 9000
    slow_files: int = 6
    slow_bytes: int = 6 * _MIB

    @classmethod
    def small(cls) -> Sizes:
        """A little of everything."""
        return cls(
            large_bytes=8 * _MIB,
            held_bytes=8 * _MIB,
            small_files=40,
            burst_uploads=20,
            paused_uploads=4,
            paused_by_producer=4,
            many_uploads=60,
            slow_files=2,
            slow_bytes=2 * _MIB,
        )


class Files:
    """The files of a run, made when they are asked for.

    Args:
        directory: Where; on a real disk, as files in memory are read in other ways.
        sizes: How much.
    """

    def __init__(self, directory: Path, sizes: Sizes) -> None:
        self.sizes = sizes
        self._directory = directory

    @cached_property
    def large(self) -> str:
        """The file that shows how fast a client is."""
        return self._random("large", self.sizes.large_bytes)

    @cached_property
    def held(self) -> str:
        """The file that goes over slow connections."""
        return self._random("held", self.sizes.held_bytes)

    @cached_property
    def of_1_mib(self) -> str:
        """A file of that size."""
        return self._random("1MiB", _MIB)

    @cached_property
    def of_4_mib(self) -> str:
        """A file of that size."""
        return self._random("4MiB", 4 * _MIB)

    @cached_property
    def small(self) -> tuple[str, ...]:
        """Files of 4 KiB."""
        return tuple(
            self._random(f"small{number}", 4 * _KIB) for number in range(self.sizes.small_files)
        )

    @cached_property
    def named_by_digest(self) -> tuple[str, ...]:
        """Files of 64 KiB; each has the SHA-256 digest of its content as its name."""
        paths = []
        for _ in range(self.sizes.many_uploads):
            content = os.urandom(64 * _KIB)
            path = self._directory / hashlib.sha256(content).hexdigest()
            path.write_bytes(content)
            paths.append(str(path))
        return tuple(paths)

    @cached_property
    def certificates(self) -> Certificates:
        """Of the sink, and who vouches for them."""
        return Certificates.make(self._directory)

    def _random(self, name: str, size: int) -> str:
        path = self._directory / name
        piece = os.urandom(min(size, _MIB))
        with path.open("wb") as file:
            for _ in range(size // len(piece)):
                file.write(piece)
            # Written back while something is measured, it would disturb that.
            if size > _MIB:
                os.fsync(file.fileno())
        return str(path)
