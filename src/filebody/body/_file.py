"""Open file objects: what kind each is, how long it is, and which reader fits it."""

from __future__ import annotations

import codecs
import functools
import io
import os
import socket
import stat
import sys
import tempfile
from typing import Any

import attrs

from filebody.body._content_check import ContentCheck
from filebody.body._descriptor import DescriptorReader
from filebody.body._identity import has_true_size
from filebody.body._interface import Reader
from filebody.body._object import ObjectReader
from filebody.body._range import check_length
from filebody.body._regular import RegularReader
from filebody.body._source import SourceBody
from filebody.errors import UsageError

__all__ = ["FileBody"]

# Seeking to the end of these decompresses everything, which no constructor may do.
_DECOMPRESSORS = (
    ("gzip", "GzipFile"),
    ("bz2", "BZ2File"),
    ("lzma", "LZMAFile"),
    ("zipfile", "ZipExtFile"),
    ("compression.zstd", "ZstdFile"),
)


class FileBody(SourceBody):
    """A body read from an open binary file, from its current position on.

    Regular files (opened by `open`, by `tempfile` or as `io.FileIO`) are read at explicit
    positions: their own position does not move, so that they can be sent again. Pipes, sockets'
    files and terminals are read when they are ready; their length is unknown. Every other object
    with a `read` method is read through it: on the event loop if it has no descriptor, in worker
    threads if it has one (files over TLS connections are among these). Compressed files have an
    unknown length.

    Args:
        file: Open for reading in binary mode. What a writable one has buffered is flushed.
        close: Whether closing the reader closes the file; there is only one pass then.
        length: How many bytes to announce and send, for a caller who knows what the file object
            cannot tell (a zip member's `file_size`); more are never read.
        allow_changes: Send the first `length` bytes even if the file grows or is touched under way.

    Raises:
        TypeError: The file is open in text mode.
        UsageError: It is not open for reading, its position is past its end, `length` is negative,
            or it is shorter than `length`.
    """

    def __init__(
        self,
        file: Any,
        *,
        close: bool = False,
        length: int | None = None,
        allow_changes: bool = False,
    ) -> None:
        self.source = describe(file)
        self._file = file
        self._close = close
        self._inner = _unwrap(file)
        check_length(self.source, length)
        _refuse_unusable(self._inner, self.source)
        self._facts = _Facts.of(self._inner, self.source)
        if self._facts.length is not None and self._facts.length < (length or 0):
            raise UsageError(
                f"{self.source} has {self._facts.length} bytes from byte {self._facts.start} on, "
                f"not {length}"
            )
        self.length = self._facts.length if length is None else length
        self.replayable = self._facts.positioned and not close
        status = self._facts.status
        self._check = None if allow_changes or status is None else ContentCheck(status)

    def __repr__(self) -> str:
        return f"<FileBody {self.source} length={self.length}>"

    def _reader(self, offset: int, stop: int | None) -> Reader:
        exact = self.length is not None
        facts = self._facts
        if facts.positioned:
            return RegularReader(
                self.source,
                self._file,
                start=facts.start,
                offset=offset,
                stop=stop,
                exact=exact,
                check=self._check,
                device=facts.device,
                close_file=self._close,
            )
        if facts.pollable:
            return DescriptorReader(
                self.source,
                self._file,
                take_buffered=functools.partial(_take_buffered, self._inner),
                offset=offset,
                stop=stop,
                exact=exact,
                close_file=self._close,
            )
        return ObjectReader(
            self.source,
            self._file,
            offset=offset,
            stop=stop,
            exact=exact,
            blocks=facts.blocks,
            check=self._check,
            device=facts.device,
            close_file=self._close,
        )


@attrs.frozen
class _Facts:
    """What was found out about a file object without reading from it."""

    length: int | None = None
    start: int = 0
    positioned: bool = False
    pollable: bool = False
    blocks: bool = False
    status: os.stat_result | None = None

    @property
    def device(self) -> int | None:
        """Where the bytes lie, if that is known."""
        return None if self.status is None else self.status.st_dev

    @classmethod
    def of(cls, file: Any, source: str) -> _Facts:
        if _is_plain(file) and hasattr(os, "preadv"):
            return cls._of_descriptor(file, source)
        descriptor = _fileno(file)
        status = None if descriptor is None else os.fstat(descriptor)
        if status is not None and not has_true_size(status):
            status = None
        if _is_decompressor(file):
            return cls(blocks=True, status=status)
        length = _length_by_seeking(file, source)
        blocks = descriptor is not None or isinstance(file, io.BufferedRWPair)  # which hides it
        return cls(length=length, blocks=blocks, status=status)

    @classmethod
    def _of_descriptor(cls, file: Any, source: str) -> _Facts:
        if file.writable():
            file.flush()
        status = os.fstat(file.fileno())
        if has_true_size(status):
            start = file.tell()
            if start > status.st_size:
                raise _past_the_end(source, start, status.st_size)
            length = status.st_size - start
            return cls(length=length, start=start, positioned=True, status=status)
        if stat.S_ISREG(status.st_mode) or stat.S_ISBLK(status.st_mode):
            return cls(start=file.tell(), positioned=True)
        return cls(pollable=True)


def describe(file: object) -> str:
    """A name for messages: the path if there is one."""
    name = getattr(file, "name", None)
    if isinstance(name, (str, bytes, os.PathLike)):
        return os.fsdecode(name)
    if isinstance(name, int):
        return {0: "<stdin>"}.get(name, f"<descriptor {name}>")
    return f"<{type(file).__name__}>"


def _unwrap(file: Any) -> Any:
    """The file inside of what `tempfile` gives out.

    A `SpooledTemporaryFile` would move to the disk if it were asked for its descriptor.
    """
    if isinstance(file, tempfile.SpooledTemporaryFile):
        return getattr(file, "_file", file)
    if isinstance(file, tempfile._TemporaryFileWrapper):  # noqa: SLF001 - it has no public name
        return file.file
    return file


def _refuse_unusable(file: Any, source: str) -> None:
    text = (io.TextIOBase, codecs.StreamReader, codecs.StreamReaderWriter, codecs.StreamRecoder)
    if isinstance(file, text):
        raise TypeError(f"{source} is open in text mode: open it in binary mode ('rb')")
    if isinstance(file, socket.socket):
        raise TypeError(f"{source} is a socket: pass its makefile('rb')")
    if not isinstance(file, io.IOBase) or file.closed:
        return
    if file.writable() and not file.readable():  # that it says neither is common, and harmless
        raise UsageError(f"{source} is not open for reading: open it with mode 'rb' or 'r+b'")


def _is_plain(file: Any) -> bool:
    """Whether reading the descriptor gives what `file.read` would give.

    True for the standard library's own classes only: a subclass may change `read`, and what is
    merely similar may decrypt or decompress.
    """
    if type(file) in (io.BufferedReader, io.BufferedRandom) and "read" not in vars(file):
        file = file.raw
    if type(file) is socket.SocketIO:  # over TLS the descriptor gives what is still encrypted
        return type(getattr(file, "_sock", None)) is socket.socket
    return type(file) is io.FileIO and "read" not in vars(file)


def _is_decompressor(file: Any) -> bool:
    while isinstance(file, (io.BufferedReader, io.BufferedRandom)):
        file = file.raw
    for module, name in _DECOMPRESSORS:
        kind = getattr(sys.modules.get(module), name, None)  # never imported, no instance
        if kind is not None and isinstance(file, kind):
            return True
    return False


def _fileno(file: Any) -> int | None:
    try:
        descriptor = file.fileno()
    except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
        return None
    return descriptor if isinstance(descriptor, int) else None


def _length_by_seeking(file: Any, source: str) -> int | None:
    """How many bytes follow the position of an object that can seek and tell, else None."""
    try:
        seek, tell = file.seek, file.tell
    except AttributeError:
        return None
    try:
        start = tell()
        seek(0, os.SEEK_END)
    except OSError:  # what cannot seek says so like this, io.UnsupportedOperation included
        return None
    end = tell()
    seek(start, os.SEEK_SET)  # if this fails there would be nothing to read: that must be heard
    if start > end:
        raise _past_the_end(source, start, end)
    length: int = end - start
    return length


def _past_the_end(source: str, start: int, end: int) -> UsageError:
    return UsageError(
        f"{source} stands at byte {start}, past its end at byte {end}: seek before sending"
    )


def _take_buffered(file: Any) -> bytes:
    """Take what a buffered reader has read ahead from its pipe or socket, without reading more.

    The buffer can be asked for only by a call that reads on when it is empty, so that reading on
    is made to give nothing for that moment. (To make the descriptor non-blocking would do that to
    everybody who shares it, and not help with a socket that has a timeout.)
    """
    if not isinstance(file, (io.BufferedReader, io.BufferedRandom)):
        return b""
    attributes = vars(file.raw)
    attributes["readinto"] = lambda _: None
    try:
        return file.read(len(file.peek()))
    finally:
        del attributes["readinto"]
