"""What GET finds: a stored file, opened safely, or a directory's entries. Synchronous."""

from __future__ import annotations

import mimetypes
import os
import re
import stat
from typing import TYPE_CHECKING, Final

import attrs

from filebody.receiver._directories import directory_below
from filebody.receiver._names import fault_of
from filebody.receiver._os_errors import refusal_of
from filebody.receiver._pages import MAX_ENTRIES, MAX_NAME_BYTES, Entry, listing
from filebody.receiver._refusal import Refusal
from filebody.receiver._writing import open_regular

if TYPE_CHECKING:
    from filebody.receiver._names import Name, Target
    from filebody.receiver._root import Root

__all__ = ["Found", "Moved", "Page", "find", "requested_range"]

_RANGE: Final = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


@attrs.frozen(kw_only=True)
class Found:
    """An open file; whoever gets it closes the descriptor.

    Attributes:
        descriptor: For reading.
        name: The segments of its name.
        size_bytes: How long it was when it was opened.
        modified: Seconds since the epoch.
        media_type: What its name says it is.
    """

    descriptor: int
    name: Name
    size_bytes: int
    modified: float
    media_type: str


@attrs.frozen
class Page:
    """A directory, as HTML."""

    content: bytes


@attrs.frozen
class Moved:
    """A directory that was asked for without its slash: where it is instead."""

    location: str


def find(root: Root, target: Target) -> Found | Page | Moved:
    """Open what a target names.

    Symbolic links are not followed, wherever they point, and neither are they listed: only regular
    files and directories with names that this receiver would store exist for it.

    Args:
        root: The receiver's directory.
        target: From `parse_target`.

    Raises:
        Refusal: 404, or 403 where the operating system does not let us read.
    """
    try:
        with root.opened(is_made=False) as directory:
            return _found(directory, target)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(target) from error
    except PermissionError as error:
        raise Refusal(403, f"{target.url_path} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise refusal_of(error, target.url_path, "read") from error


def _found(root: int, target: Target) -> Found | Page | Moved:
    if not target.name:
        return _page(root, target)
    with directory_below(root, target.name[:-1]) as parent:
        mode = os.stat(target.name[-1], dir_fd=parent, follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            return _page(root, target) if target.is_directory else _moved(target)
        if stat.S_ISREG(mode) and not target.is_directory:
            return _open(parent, target.name)
    raise _missing(target)


def requested_range(value: str | None, size_bytes: int) -> tuple[int, int] | None:
    """Read a Range field.

    Args:
        value: The field's value; None if there is none.
        size_bytes: The length of the file.

    Returns:
        First byte and length; None for the whole file, which is also the answer to what we do
        not do: several ranges, or other units.

    Raises:
        Refusal: 416 if no byte of the file is in the range.

    Source: RFC 9110 sections 14.1.2, 14.2 and 15.5.17.
    """
    match = _RANGE.fullmatch((value or "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        start, end = max(0, size_bytes - int(last)), size_bytes
        if int(last) == 0:
            start = size_bytes
    else:
        start, end = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None  # not a valid range: as if it were not there
    if start >= size_bytes:
        raise Refusal(
            416,
            f"the file has {size_bytes} bytes",
            [("Content-Range", f"bytes */{size_bytes}")],
        )
    return start, end - start


def _missing(target: Target) -> Refusal:
    return Refusal(404, f"there is no {target.url_path} here")


def _moved(target: Target) -> Moved:
    return Moved(target.url_path + "/")


def _open(parent: int, name: Name) -> Found:
    descriptor = open_regular(parent, name[-1], os.O_RDONLY)
    information = os.fstat(descriptor)
    return Found(
        descriptor=descriptor,
        name=name,
        size_bytes=information.st_size,
        modified=information.st_mtime,
        media_type=_media_type(name[-1]),
    )


def _media_type(name: str) -> str:
    guessed, coding = mimetypes.guess_type(name)
    # A guess of "tar, gzipped" is about what is inside: as a file it is a gzip file.
    if coding is not None:
        return f"application/{coding}" if coding in {"gzip", "zstd"} else "application/octet-stream"
    if guessed is not None and guessed.startswith("text/"):
        # Without it browsers guess by their language, and show UTF-8 as something else.
        return f"{guessed}; charset=utf-8"
    return guessed or "application/octet-stream"


def _page(root: int, target: Target) -> Page:
    entries: list[Entry] = []
    more = False
    name_bytes = 0
    with directory_below(root, target.name) as directory, os.scandir(directory) as found:
        for item in found:
            if fault_of(item.name) or item.is_symlink():
                continue
            is_directory = item.is_dir(follow_symlinks=False)
            if not is_directory and not item.is_file(follow_symlinks=False):
                continue
            name_bytes += len(item.name.encode())
            if len(entries) == MAX_ENTRIES or name_bytes > MAX_NAME_BYTES:
                more = True
                break
            try:
                information = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            entries.append(
                Entry(item.name, is_directory, information.st_size, information.st_mtime)
            )
    return Page(listing(target, entries, more=more).encode())
